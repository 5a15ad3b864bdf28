#include "Search.h"
#include "llvm/IR/Module.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;

namespace mlcomp {

/// \p Options with \p Edit: replaces a setting of the same option; one that is
/// set so already is taken away.
static Actions editOptions(ArrayRef<std::string> Options, StringRef Edit) {
  StringRef Name = Edit.split('=').first;
  Actions Result;
  bool Present = false;
  for (const std::string &Text : Options) {
    Present |= Text == Edit;
    if (StringRef(Text).split('=').first != Name)
      Result.push_back(Text);
  }
  if (!Present)
    Result.push_back(Edit.str());
  return Result;
}

static ProgramProfile profile(const Compiled &Made, const SourceCounts &Known) {
  return programProfile(Made.Functions, std::vector<unsigned>(Made.Functions.size()), Known);
}

namespace {

/// One search, as an experiment in the laboratory.
class Searcher {
public:
  Searcher(Laboratory &Lab, const Policy &P, const EffortPlan &Plan, ArrayRef<float> SequenceScores,
           uint64_t Slack, SourceCounts Known)
      : Lab(Lab), P(P), Plan(Plan), SequenceScores(SequenceScores), Slack(Slack), Known(std::move(Known)) {}
  Decision run();

private:
  Outcome estimate(const Candidate &C);
  bool isBetter(const Outcome &New) const;
  bool attempt(Trial T);
  void tryAlternative(unsigned Sequence, unsigned Count);
  void climbOptions();
  void climbSequence();

  Laboratory &Lab;
  const Policy &P;
  const EffortPlan &Plan;
  ArrayRef<float> SequenceScores;
  uint64_t Slack;     ///< Bytes that a choice must save at least.
  SourceCounts Known; ///< How often the source's blocks run, for the judge.
  Decision Result;
  std::optional<Described> Baseline; ///< For the judge.
};

} // namespace

/// Whether \p New never costs a program more than \p Baseline: flash, with and
/// without unwind tables, and RAM.
static bool neverWorse(const ObjectSize &New, const ObjectSize &Baseline, uint64_t Slack) {
  return New.flash() + Slack <= Baseline.flash() &&
         New.flash() + New.Unwind <= Baseline.flash() + Baseline.Unwind && New.ram() <= Baseline.ram();
}

/// What the judge makes of \p C. The baseline comes first: how often its source
/// runs is taken to hold for all, unless the module has a profile.
Outcome Searcher::estimate(const Candidate &C) {
  Outcome Result = Lab.measure(C);
  if (!Result.measured())
    return Result;
  std::optional<Compiled> Made = Lab.compile(C, /*AddProbes=*/true);
  if (!Made)
    return Outcome();
  if (!Baseline && Known.empty())
    Known = profile(*Made, {}).Source;
  Described New{profile(*Made, Known), double(Result.Size.flash()), Made->Features};
  if (!Baseline)
    Baseline = New;
  auto Estimates = P.TheJudge->estimate(New, *Baseline);
  if (!Estimates) {
    consumeError(Estimates.takeError());
    return Outcome();
  }
  Result.Estimates = std::move(*Estimates);
  return Result;
}

/// Whether \p New should take the place of what is chosen so far.
bool Searcher::isBetter(const Outcome &New) const {
  const Outcome &Old = Result.chosen().Result;
  if (P.TheJudge)
    return New.Score.LogRatio < (Result.isBaseline() ? 0 : Old.Score.LogRatio) &&
           P.TheJudge->accepts(New.Score);
  return New.Size.flash() < Old.Size.flash() && neverWorse(New.Size, Result.baseline().Result.Size, Slack);
}

/// Tries \p T and makes it the choice if it is the best so far.
bool Searcher::attempt(Trial T) {
  T.Result = P.TheJudge ? estimate(T.What) : Lab.measure(T.What);
  if (P.TheJudge && T.Result.measured())
    T.Result.Score = P.TheJudge->score(T.Result.Estimates, T.SequenceScore);
  bool Better = T.Result.measured() && isBetter(T.Result);
  Result.Trials.push_back(std::move(T));
  if (Better)
    Result.Chosen = Result.Trials.size() - 1;
  return Better;
}

/// \p Count candidates of one sequence. The baseline is measured with the option
/// sets that the policy ranks best for the code it makes; another sequence has
/// options of its own, and comes first without more of them.
void Searcher::tryAlternative(unsigned Sequence, unsigned Count) {
  const Alternative &A = P.Sequences[Sequence];
  Actions Steps = Sequence ? A.Steps : Lab.baselineSequence();
  std::vector<float> Scores(P.OptionSets.size());
  if (Count > 1 || Sequence == 0)
    if (auto Features = Lab.featuresAfter(Steps)) {
      if (auto S = P.scoreOptionSets(*Features))
        Scores = std::move(*S);
      else
        consumeError(S.takeError());
    }
  std::vector<unsigned> Order = rankScores(Scores);
  llvm::erase(Order, 0u);
  if (Sequence)
    Order.insert(Order.begin(), 0);
  for (unsigned Set : ArrayRef(Order).take_front(Count)) {
    Trial T;
    T.Name = A.Name;
    T.What = {Steps, P.OptionSets[Set].Steps};
    T.SequenceScore = SequenceScores[Sequence];
    T.OptionsScore = Scores[Set];
    attempt(std::move(T));
  }
}

Decision Searcher::run() {
  Result = Decision();
  Result.Measured = true;
  Trial First;
  First.Name = "baseline";
  First.What.Sequence = Lab.baselineSequence();
  First.Result = P.TheJudge ? estimate(First.What) : Lab.measureBaseline();
  First.Result.Estimates.assign(First.Result.Estimates.size(), {}); // what all others are related to
  Result.Trials.push_back(std::move(First));
  if (!Result.baseline().Result.measured())
    return Result;

  auto Sets = [&](size_t I) { return Plan.OptionSets[std::min(I, Plan.OptionSets.size() - 1)]; };
  std::vector<unsigned> Order = rankScores(SequenceScores);
  llvm::erase(Order, 0u);
  Order.resize(std::min<size_t>(Order.size(), Plan.Sequences));
  Order.insert(Order.begin(), 0);
  for (unsigned Place = 0; Place != Order.size(); ++Place)
    tryAlternative(Order[Place], Sets(Place));
  for (unsigned Round = 0; Round != Plan.Rounds; ++Round) {
    unsigned Before = Result.Chosen;
    climbOptions();
    climbSequence();
    if (Result.Chosen == Before)
      break;
  }
  return std::move(Result);
}

/// Coordinate descent over single options.
void Searcher::climbOptions() {
  for (const std::string &Edit : ArrayRef(P.OptionEdits).take_front(Plan.OptionEdits)) {
    Trial T;
    T.Name = Result.chosen().Name;
    T.What = Result.chosen().What;
    T.What.Options = editOptions(T.What.Options, Edit);
    attempt(std::move(T));
  }
}

/// The policy's edits of the sequence, with the best options.
void Searcher::climbSequence() {
  for (const SequenceEdit &Edit : ArrayRef(P.SequenceEdits).take_front(Plan.SequenceEdits)) {
    Trial T;
    T.What = Result.chosen().What;
    Actions &Sequence = T.What.Sequence;
    if (is_contained(Sequence, Edit.Action))
      continue;
    Sequence.insert(Edit.AtFront ? Sequence.begin() : Sequence.end(), Edit.Action);
    T.Name = Result.chosen().Name + (Edit.AtFront ? " after " : " then ") + Edit.Action;
    attempt(std::move(T));
  }
}

Expected<Decision> search(Module &M, const CompilationContext &Ctx, const Policy &P, unsigned Effort,
                          StringRef Baseline, bool MayTakeOver) {
  auto Scores = P.scoreSequences(moduleFeatures(M, Ctx.MAM));
  if (!Scores)
    return Scores.takeError();
  Laboratory Lab(M, Ctx, Baseline);
  SourceCounts Known;
  if (P.TheJudge) {
    auto &FAM = Ctx.MAM.getResult<FunctionAnalysisManagerModuleProxy>(M).getManager();
    Known = profiledCounts(M, FAM, 0);
  }
  // How far calls reach after relaxation is known to the linker only.
  uint64_t Slack = Triple(M.getTargetTriple()).isRISCV() ? 4 : 0;
  Decision Result;
  auto Applied = Lab.run([&] {
    Result = Searcher(Lab, P, P.Plans[Effort], *Scores, Slack, Known).run();
    return MayTakeOver && Result.baseline().Result.measured() ? &Result.chosen().What : nullptr;
  });
  if (!Applied)
    return Applied.takeError();
  Result.Applied = *Applied;
  Result.Object = Lab.takeObject();
  if (Result.baseline().Result.End == ChildEnd::Refused)
    Result.Measured = false; // the code has errors, which clang will report
  else if (!Result.baseline().Result.measured())
    return createStringError(inconvertibleErrorCode(), "the baseline could not be measured");
  return Result;
}

} // namespace mlcomp
