//===- Policy.h - a trained policy as the compiler sees it -----------------===//
//
// A policy is a folder: manifest.json names features, sequences and sets of
// code-generation options; models rank them. A score is the predicted logarithm
// of the size (or what else is the objective) relative to the baseline: lower is
// better, the baseline itself is 0. Where the objective cannot be measured while
// compiling, the policy has a judge.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_POLICY_H
#define MLCOMP_CORE_POLICY_H

#include "Actions.h"
#include "Features.h"
#include "Judge.h"
#include "ModelRunner.h"
#include <memory>
#include <optional>

namespace llvm {
class Triple;
}

namespace mlcomp {

/// Something the policy may choose: a sequence, or a set of options.
struct Alternative {
  std::string Name;
  Actions Steps;
};

/// One change that a wider search tries on the best sequence so far.
struct SequenceEdit {
  bool AtFront;
  std::string Action;
};

/// How much is measured at one effort.
struct EffortPlan {
  uint64_t Sequences = 0; ///< Besides the baseline, the best-ranked first.
  /// Candidates made of the baseline's code with option sets, of the best-ranked
  /// sequence, of the next one, …; the last number counts for all that follow.
  std::vector<uint64_t> OptionSets;
  uint64_t OptionEdits = 0;   ///< Tried one by one on the best result,
  uint64_t SequenceEdits = 0; ///< and these,
  uint64_t Rounds = 0;        ///< so many times over.

  /// Whether anything is tried beside the baseline; else the policy's first
  /// choice is taken.
  bool isMeasured() const { return Sequences || OptionSets.front(); }
};

/// Which engine runs the models.
enum class Engine { Auto, Native, Ort };

class Policy {
public:
  static constexpr unsigned Efforts = 4;

  /// Reads and checks a policy folder: every feature, action and file that it
  /// names must exist in this build.
  static llvm::Expected<std::unique_ptr<Policy>> load(llvm::StringRef Folder, llvm::PassBuilder &PB,
                                                      Engine E = Engine::Auto);

  /// Success if the policy was made for this architecture.
  llvm::Error checkTarget(const llvm::Triple &T) const;

  /// Scores of all sequences for the features of an unoptimised module.
  llvm::Expected<std::vector<float>> scoreSequences(const FeatureVector &Features) const;
  /// Scores of all option sets for the features of the module that the baseline
  /// has optimised; 0 if nothing ranks them. Sequences have options of their own.
  llvm::Expected<std::vector<float>> scoreOptionSets(const FeatureVector &Features) const;

  std::string Name, Objective, Baseline;
  std::vector<std::string> Architectures;
  std::vector<Alternative> Sequences;  ///< The first is the baseline.
  std::vector<Alternative> OptionSets; ///< The first is empty.
  std::vector<std::string> OptionEdits;
  std::vector<SequenceEdit> SequenceEdits;
  EffortPlan Plans[Efforts];
  /// Predicted gains that choices which are not measured must promise.
  float SequenceMargin = 0, OptionMargin = 0;
  /// Modules with more instructions are compiled with the baseline.
  uint64_t MaxInstructions = 0;
  std::optional<Judge> TheJudge; ///< None where sizes are what counts.

private:
  Policy() = default;
  llvm::Error readManifest(llvm::StringRef Folder, Engine E);
  llvm::Expected<std::vector<float>> score(ModelRunner &Model, const FeatureVector &Features,
                                           size_t Expected) const;

  std::vector<unsigned> FeatureIndex; ///< Model input -> our feature.
  std::unique_ptr<ModelRunner> SequenceModel, OptionModel;
};

/// Indices of \p Scores, lowest first; equal scores keep their order.
std::vector<unsigned> rankScores(llvm::ArrayRef<float> Scores);

} // namespace mlcomp

#endif
