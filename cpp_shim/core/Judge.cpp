#include "Judge.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"
#include <algorithm>
#include <cmath>

using namespace llvm;

namespace mlcomp {

// As in estimator/design.py and estimator/intervals.py.
static constexpr double Small = 1e-4, Widest = 4, Slack = 0.25, OutsideShare = 0.005, Wider = 2,
                        LeastDifficulty = 1e-3;

static Error refuse(const Twine &Message) { return createStringError(inconvertibleErrorCode(), Message); }

static std::vector<std::string> inputNames() {
  std::vector<std::string> Result;
  for (StringRef Prefix : {"work:", "base:", "change:", "share:", "code:"})
    for (StringRef Kind : machineKindNames().drop_front(Prefix == "share:"))
      Result.push_back((Prefix + Kind).str());
  Result.push_back("flash:");
  for (StringRef Feature : featureNames())
    Result.push_back(("ir:" + Feature).str());
  return Result;
}

static double logRatio(double Over, double Under, double Least) {
  return std::clamp(std::log((Over + Least) / (Under + Least)), -Widest, Widest);
}

static double compressed(double Value) { return std::copysign(std::log1p(std::abs(Value)), Value); }

/// In the order of inputNames().
static std::vector<double> inputs(const Described &New, const Described &Base) {
  using namespace machine;
  double Unit = std::max(Base.Profile.Executed[Instructions], 1.0);
  MachineCounts Work, Old;
  for (unsigned K = 0; K != NumKinds; ++K) {
    Work[K] = New.Profile.Executed[K] / Unit;
    Old[K] = Base.Profile.Executed[K] / Unit;
  }
  std::vector<double> X(Work.begin(), Work.end());
  X.insert(X.end(), Old.begin(), Old.end());
  for (unsigned K = 0; K != NumKinds; ++K)
    X.push_back(logRatio(Work[K], Old[K], Small));
  for (unsigned K = 1; K != NumKinds; ++K)
    X.push_back(Work[K] / std::max(Work[Instructions], Small));
  for (unsigned K = 0; K != NumKinds; ++K)
    X.push_back(logRatio(New.Profile.Code[K], Base.Profile.Code[K], 1));
  X.push_back(std::log(std::max(New.Flash, 1.0) / std::max(Base.Flash, 1.0)));
  for (unsigned I = 0; I != NumFeatures; ++I)
    X.push_back(compressed(New.Features[I]) - compressed(Base.Features[I]));
  return X;
}

Expected<Judge> Judge::read(const json::Value &Entry, Loader Load) {
  Judge J;
  json::Path::Root Root("judge");
  json::ObjectMapper O(Entry, Root);
  json::Path Path(Root);
  const json::Array *List = Entry.getAsObject() ? Entry.getAsObject()->getArray("metrics") : nullptr;
  if (!O || !O.map("estimate_share", J.EstimateShare) || !O.map("policy_share", J.PolicyShare) ||
      !O.map("caution", J.Caution) || !O.map("margin", J.Margin))
    return refuse(toString(Root.getError()));
  if (!List || List->empty())
    return refuse("judge has no metrics");
  double Weights = 0;
  StringMap<unsigned> Known;
  for (const std::string &Name : inputNames())
    Known.try_emplace(Name, Known.size());
  for (const json::Value &Item : *List) {
    Metric M;
    std::string Model, Difficulty;
    std::vector<std::string> Columns;
    json::ObjectMapper Fields(Item, Path.field("metrics"));
    if (!Fields || !Fields.map("metric", M.Name) || !Fields.map("weight", M.Weight) ||
        !Fields.mapOptional("model", Model))
      return refuse(toString(Root.getError()));
    if (!Model.empty()) {
      if (!Fields.map("difficulty", Difficulty) || !Fields.map("columns", Columns) ||
          !Fields.map("low", M.Low) || !Fields.map("high", M.High) || !Fields.map("factor", M.Factor))
        return refuse(toString(Root.getError()));
      for (const std::string &Column : Columns) {
        auto It = Known.find(Column);
        if (It == Known.end())
          return refuse("names input '" + Column + "', which this build lacks");
        M.Columns.push_back(It->second);
      }
      if (M.Low.size() != Columns.size() || M.High.size() != Columns.size())
        return refuse("the ranges of " + M.Name + " are not those of its inputs");
      for (auto [File, Slot] : {std::pair(&Model, &M.Model), std::pair(&Difficulty, &M.Difficulty)}) {
        auto Runner = Load(*File);
        if (!Runner)
          return refuse(*File + ": " + toString(Runner.takeError()));
        *Slot = std::move(*Runner);
        unsigned Extra = Slot == &M.Difficulty ? 2 : 0;
        if ((*Slot)->inputSize() != Columns.size() + Extra || (*Slot)->outputSize() != 1)
          return refuse(*File + " does not fit the inputs of " + M.Name);
      }
    } else if (M.Name != "flash") {
      return refuse("there is no model of " + M.Name);
    }
    Weights += M.Weight;
    J.Metrics.push_back(std::move(M));
  }
  if (!(Weights > 0))
    return refuse("judge has no weights");
  return J;
}

std::vector<std::string> Judge::metrics() const {
  std::vector<std::string> Result;
  for (const Metric &M : Metrics)
    Result.push_back(M.Name);
  return Result;
}

std::vector<double> Judge::weights() const {
  std::vector<double> Result;
  for (const Metric &M : Metrics)
    Result.push_back(M.Weight);
  return Result;
}

Error Judge::setWeights(StringRef Text) {
  static const StringMap<StringRef> MetricOf = {{"size", "flash"}, {"time", "cycles"}, {"energy", "energy"}};
  StringMap<double> Given;
  SmallVector<StringRef> Parts;
  Text.split(Parts, ',');
  for (StringRef Part : Parts) {
    auto [Name, Number] = Part.split('=');
    auto Which = MetricOf.find(Name);
    double Weight;
    if (Which == MetricOf.end() || Number.getAsDouble(Weight) || !(Weight >= 0))
      return refuse("'" + Part + "' is no weight such as time=2");
    if (!is_contained(metrics(), Which->second.str()))
      return refuse("this policy does not estimate " + Name);
    Given[Which->second] = Weight;
  }
  double Sum = 0;
  for (Metric &M : Metrics)
    Sum += M.Weight = Given.lookup(M.Name);
  if (Sum <= 0)
    return refuse("all weights are 0");
  // What the policy predicts is for the weights that it was trained with.
  EstimateShare = 1;
  PolicyShare = 0;
  return Error::success();
}

Expected<std::vector<Estimate>> Judge::estimate(const Described &New, const Described &Baseline) const {
  std::vector<double> X = inputs(New, Baseline);
  std::vector<Estimate> Result;
  for (const Metric &M : Metrics) {
    if (!M.Model) {
      Result.push_back({std::log(std::max(New.Flash, 1.0) / std::max(Baseline.Flash, 1.0)), 0});
      continue;
    }
    std::vector<float> Input;
    unsigned Far = 0;
    for (unsigned I = 0; I != M.Columns.size(); ++I) {
      double Value = X[M.Columns[I]], Room = Slack * (M.High[I] - M.Low[I]) + 1e-6;
      Far += Value < M.Low[I] - Room || Value > M.High[I] + Room;
      Input.push_back(float(Value));
    }
    auto Predicted = M.Model->run(Input);
    if (!Predicted)
      return Predicted.takeError();
    float LogRatio = Predicted->front();
    Input.push_back(LogRatio);
    Input.push_back(std::abs(LogRatio));
    auto Difficulty = M.Difficulty->run(Input);
    if (!Difficulty)
      return Difficulty.takeError();
    double HalfWidth = M.Factor * std::max(double(Difficulty->front()), LeastDifficulty);
    if (double(Far) > OutsideShare * double(M.Columns.size()))
      HalfWidth *= Wider;
    if (!std::isfinite(LogRatio) || !std::isfinite(HalfWidth))
      return refuse("the model of " + M.Name + " gives no finite estimate");
    Result.push_back({LogRatio, HalfWidth});
  }
  return Result;
}

Estimate Judge::score(ArrayRef<Estimate> Estimates, double PolicyScore) const {
  Estimate Sum;
  double Weights = 0;
  for (auto [M, E] : zip_equal(Metrics, Estimates)) {
    Sum.LogRatio += M.Weight * E.LogRatio;
    Sum.HalfWidth += M.Weight * E.HalfWidth;
    Weights += M.Weight;
  }
  return {EstimateShare * Sum.LogRatio / Weights + PolicyShare * PolicyScore,
          EstimateShare * Sum.HalfWidth / Weights};
}

} // namespace mlcomp
