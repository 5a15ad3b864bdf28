//===- Features.h - what a policy sees of a module ----------------------===//
//
// passes_features/features.toml lists the features and says how a module's
// value comes from its functions' values; the generated FeatureTable.inc makes
// an enumerator of each. passes_features/reference.py is the specification.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_FEATURES_H
#define MLCOMP_CORE_FEATURES_H

#include "FeatureTable.inc"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/IR/PassManager.h"
#include <array>

namespace mlcomp {

/// One value for each row of features.toml, in its order.
using FeatureVector = std::array<float, NumFeatures>;

llvm::ArrayRef<llvm::StringLiteral> featureNames();

/// The features that depend on the body of one function alone. The function
/// analysis manager caches them: a function that no pass has changed costs
/// nothing.
class FunctionFeaturesAnalysis : public llvm::AnalysisInfoMixin<FunctionFeaturesAnalysis> {
public:
  using Result = std::array<double, NumFeatures>;
  Result run(llvm::Function &F, llvm::FunctionAnalysisManager &FAM);

private:
  friend llvm::AnalysisInfoMixin<FunctionFeaturesAnalysis>;
  static llvm::AnalysisKey Key;
};

/// Makes FunctionFeaturesAnalysis known; the functions below do so themselves.
void registerFeatureAnalyses(llvm::FunctionAnalysisManager &FAM);

/// The features of a whole module.
FeatureVector moduleFeatures(llvm::Module &M, llvm::ModuleAnalysisManager &MAM);

/// The features of one function as if it were alone, though it may call others:
/// module features are 0, except for target facts. All 0 for a declaration.
FeatureVector functionFeatures(llvm::Function &F, llvm::FunctionAnalysisManager &FAM);

} // namespace mlcomp

#endif
