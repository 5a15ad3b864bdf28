//===- Actions.h - what a policy may do to a module ------------------------===//
//
// An action is one line of text, so that a policy is data. Its first characters
// say its kind:
//
//   -name[=value]   an LLVM option, set for the rest of the process
//   attr:+name      add a function attribute to every defined function
//   attr:-name      remove it
//   anything else   a pipeline in the new pass manager's textual form
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_ACTIONS_H
#define MLCOMP_CORE_ACTIONS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/IR/PassManager.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace llvm {
namespace cl {
class Option;
}
class Module;
class PassBuilder;
class TargetMachine;
} // namespace llvm

namespace mlcomp {

using Actions = std::vector<std::string>;

/// What is needed to change a module and to generate code for it. Everything
/// is the compiler's own (clang's or the Session's), so that analyses, library
/// info and target settings are those of the real compilation.
struct CompilationContext {
  llvm::PassBuilder &PB;
  llvm::ModuleAnalysisManager &MAM;
  llvm::TargetMachine *TM; ///< May be null: then nothing can be measured.
};

/// Sets LLVM options and puts them back when it goes out of scope. Options that
/// the user gave on the command line keep the user's value.
class OptionScope {
public:
  OptionScope() = default;
  OptionScope(const OptionScope &) = delete;
  OptionScope &operator=(const OptionScope &) = delete;
  ~OptionScope();
  llvm::Error set(llvm::StringRef Text);
  /// Leave the options set for the rest of the process.
  void release() { Touched.clear(); }

private:
  std::vector<llvm::cl::Option *> Touched;
};

inline bool isOptionAction(llvm::StringRef Text) { return Text.starts_with("-"); }

/// What options of ours ask of the code generator and attributes of functions
/// decide. To be called before code generation, with the options set.
void prepareForCodeGeneration(llvm::Module &M);

/// Sets the options among \p Texts.
llvm::Error setOptions(llvm::ArrayRef<std::string> Texts, OptionScope &Scope);

/// Refuses what the ban list (passes_features/actions.toml) names, and what
/// LLVM does not know.
llvm::Error checkAction(llvm::StringRef Text, llvm::PassBuilder &PB);

/// For fuzzing: a module that an action leaves broken is a failure of the action.
extern bool VerifiesActions;

/// Applies one action. Options go into \p Options. A pipeline's passes are
/// made anew each time: some keep pointers into the module they ran on.
llvm::Error applyAction(llvm::StringRef Text, llvm::Module &M, const CompilationContext &Ctx,
                        OptionScope &Options);

/// Applies \p Sequence from its first to its last action, after the
/// always-inliner, which the skipped default pipeline would have run.
llvm::Error applySequence(llvm::ArrayRef<std::string> Sequence, llvm::Module &M,
                          const CompilationContext &Ctx, OptionScope &Options);

} // namespace mlcomp

#endif
