//===- Search.h - candidates, measured, and the choice among them ----------===//
//
// A candidate is a sequence and a set of code-generation options. Candidates
// are tried on clones of the module in one guarded child, the laboratory's
// worker. It says what it begins and what it found; if it dies, another one
// takes over behind the candidate that killed it. The baseline is always a
// candidate, measured exactly as clang would make it, and nothing larger is
// ever chosen.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_SEARCH_H
#define MLCOMP_CORE_SEARCH_H

#include "Guard.h"
#include "ObjectSize.h"
#include "Policy.h"
#include <map>
#include <optional>

namespace mlcomp {

struct Candidate {
  Actions Sequence;
  Actions Options;

  /// One line that tells candidates apart.
  std::string key() const;
};

/// What trying a candidate gave.
struct Outcome {
  ChildEnd End = ChildEnd::Crashed;
  ObjectSize Size;                 ///< Valid when End is Completed.
  std::vector<Estimate> Estimates; ///< By metric of the policy's judge, if it has one.
  Estimate Score;                  ///< Of these, for the objective.

  bool measured() const { return End == ChildEnd::Completed; }
};

/// What a candidate makes of a module.
struct Compiled {
  std::string Object;
  std::vector<FunctionProfile> Functions;
  FeatureVector Features; ///< Of the optimised module, as if it had no probes.
};

/// Measures candidates for one module.
class Laboratory {
public:
  /// \p Baseline: what clang itself runs, as pipeline text.
  Laboratory(llvm::Module &M, const CompilationContext &Ctx, llvm::StringRef Baseline);
  ~Laboratory();

  /// Runs \p Experiment, which asks for outcomes and features, until it has all
  /// that it wants. It must be deterministic: it runs in the worker, and then
  /// once more here with all answers known. Returns an error if nothing could
  /// be tried at all.
  ///
  /// If the experiment ends with a candidate, the worker may take over: then this
  /// returns true, in the worker, with the module as the candidate's sequence
  /// makes it.
  llvm::Expected<bool> run(llvm::function_ref<const Candidate *()> Experiment);

  /// After that, the object file that was measured.
  std::string takeObject() { return std::move(Object); }

  /// For experiments.
  Outcome measure(const Candidate &C);
  Outcome measureBaseline() { return measure({baselineSequence(), {}}); }
  /// Clang's own pipeline. What it makes is exactly clang's own code.
  Actions baselineSequence() const { return {Baseline}; }
  /// The object file and what its code will execute; none if that failed. If
  /// probes are added before it is optimised, that can be compared with what other
  /// candidates execute; they cost some optimisation.
  std::optional<Compiled> compile(const Candidate &C, bool AddProbes = false);
  /// Features of the module after \p Sequence; none if that failed.
  std::optional<FeatureVector> featuresAfter(const Actions &Sequence);

  unsigned CpuMilliseconds; ///< Limit for one candidate.

private:
  struct Worker;
  template <typename T, typename Work> std::optional<T> ask(char Tag, const std::string &Key, Work DoWork);
  bool isBaseline(const Actions &Sequence) const {
    return Sequence.empty() || (Sequence.size() == 1 && Sequence[0] == Baseline);
  }
  /// The compiler's own module is the one that becomes the baseline's.
  bool isMadeHere(const Actions &Sequence) const { return isBaseline(Sequence) && !HasProbes; }
  llvm::Module *optimised(const Actions &Sequence);
  std::unique_ptr<llvm::Module> copyOf(const Actions &Sequence);
  FeatureVector featuresWithoutProbes(llvm::Module &N);
  template <typename T, typename Work> std::optional<T> generate(char Tag, const Candidate &C, Work Generate);
  void absorb(llvm::ArrayRef<std::string> Messages, ChildEnd End);
  bool takeOver(const Candidate &C);

  llvm::Module &M;
  const CompilationContext Ctx;
  std::string Baseline;
  bool HasProbes = false; ///< Of what is being compiled.
  /// Answers by tag and key, as bytes; an empty one is a failure.
  std::map<std::string, std::string> Known;
  std::map<std::string, ChildEnd> Failures;
  std::string Object;
  std::unique_ptr<Worker> W; ///< In the child only.
};

/// A candidate that the search has tried, for reports.
struct Trial {
  std::string Name; ///< Of the sequence.
  Candidate What;
  float SequenceScore = 0, OptionsScore = 0; ///< As predicted by the policy.
  Outcome Result;
};

struct Decision {
  std::vector<Trial> Trials; ///< The first is the baseline.
  unsigned Chosen = 0;
  bool Measured = false;
  bool Applied = false; ///< The module is as the chosen sequence makes it.
  std::string Object;   ///< Then, what its code generation will make.

  const Trial &chosen() const { return Trials[Chosen]; }
  const Trial &baseline() const { return Trials[0]; }
  bool isBaseline() const { return Chosen == 0; }
};

/// Measures what the policy proposes at \p Effort (1 to 3), or has its judge
/// estimate it, and chooses the smallest. An error means that not even the baseline could be measured. With
/// \p MayTakeOver the child that has measured may go on in this process's place.
llvm::Expected<Decision> search(llvm::Module &M, const CompilationContext &Ctx, const Policy &P,
                                unsigned Effort, llvm::StringRef Baseline, bool MayTakeOver);

} // namespace mlcomp

#endif
