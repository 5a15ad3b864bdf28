//===- Report.h - what was chosen, told to people and tools ----------------===//

#ifndef MLCOMP_CORE_REPORT_H
#define MLCOMP_CORE_REPORT_H

#include "Search.h"
#include "llvm/Support/JSON.h"

namespace mlcomp {

/// Tells, as \p How says (`text` for standard error, or `json:FILE`), why a module is left to clang.
llvm::Error explainLeftAlone(const llvm::Module &M, llvm::StringRef How, llvm::StringRef Why);

struct Report {
  llvm::Module &M;
  const Policy &P;
  const Decision &D;
  llvm::StringRef AskedObjective; ///< size, time, energy or balanced.
  unsigned Effort;

  /// An LLVM optimisation remark: -Rpass=mlcomp, -fsave-optimization-record.
  void emitRemark() const;
  /// \p How is `text` (standard error) or `json:FILE`.
  llvm::Error explain(llvm::StringRef How) const;
  /// One line of JSON at the end of \p File, whole even from parallel builds.
  llvm::Error appendTo(llvm::StringRef File) const;

private:
  std::string sentence() const;
  std::string estimates(const Outcome &O) const;
  void print(llvm::raw_ostream &OS) const;
  llvm::json::Value json(bool WithTrials) const;
};

} // namespace mlcomp

#endif
