//===- Judge.h - what a candidate will cost, as estimated -------------------===//
//
// Time and energy cannot be measured while compiling. A policy for them carries
// models of the Performance Estimator: each predicts, from what the candidate's
// and the baseline's code will execute, the logarithm of the ratio of a metric,
// and how far off that may be.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_JUDGE_H
#define MLCOMP_CORE_JUDGE_H

#include "Features.h"
#include "MachineProfile.h"
#include "ModelRunner.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace llvm::json {
class Value;
}

namespace mlcomp {

/// One way to compile a module.
struct Described {
  ProgramProfile Profile;
  double Flash = 0;       ///< Bytes.
  FeatureVector Features; ///< Of the optimised module.
};

/// ln(metric / baseline's), and half the width of its interval.
struct Estimate {
  double LogRatio = 0, HalfWidth = 0;
};

class Judge {
public:
  using Loader = llvm::function_ref<llvm::Expected<std::unique_ptr<ModelRunner>>(llvm::StringRef File)>;

  /// From the manifest's entry; \p Load opens a model's file.
  static llvm::Expected<Judge> read(const llvm::json::Value &Entry, Loader Load);

  /// Replaces the weights by such as "size=1,time=2,energy=1". Fails for what
  /// is not that, or not estimated.
  llvm::Error setWeights(llvm::StringRef Text);

  /// Estimates by metric, in the order of metrics().
  llvm::Expected<std::vector<Estimate>> estimate(const Described &New, const Described &Baseline) const;

  /// What is minimised: the weighted mean of the estimates, and of what the
  /// policy predicted from the source alone.
  Estimate score(llvm::ArrayRef<Estimate> Estimates, double PolicyScore) const;

  /// Whether a candidate with such a score may replace the baseline.
  bool accepts(const Estimate &Score) const { return Score.LogRatio + Caution * Score.HalfWidth < -Margin; }

  std::vector<std::string> metrics() const;
  std::vector<double> weights() const; ///< Of the metrics, in their order.

private:
  struct Metric {
    std::string Name;
    std::unique_ptr<ModelRunner> Model, Difficulty; ///< None for flash, which is measured.
    std::vector<unsigned> Columns;                  ///< Model input -> ours.
    std::vector<double> Low, High;                  ///< Of inputs that it was fitted on.
    double Factor = 1, Weight = 1;
  };

  std::vector<Metric> Metrics;
  double EstimateShare = 1, PolicyShare = 0; ///< Of the score.
  double Caution = 1, Margin = 0;
};

} // namespace mlcomp

#endif
