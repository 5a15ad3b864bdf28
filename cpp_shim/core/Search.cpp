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

namespace {

/// One search, as an experiment in the laboratory.
class Searcher {
public:
  Searcher(Laboratory &Lab, const Policy &P, const EffortPlan &Plan, ArrayRef<float> SequenceScores,
           uint64_t Slack)
      : Lab(Lab), P(P), Plan(Plan), SequenceScores(SequenceScores), Slack(Slack) {}
  Decision run();

private:
  bool attempt(Trial T);
  void tryAlternative(unsigned Sequence, unsigned Count);
  void climbOptions();
  void climbSequence();

  Laboratory &Lab;
  const Policy &P;
  const EffortPlan &Plan;
  ArrayRef<float> SequenceScores;
  uint64_t Slack; ///< Bytes that a choice must save at least.
  Decision Result;
};

} // namespace

/// Whether \p New never costs a program more than \p Baseline: flash, with and
/// without unwind tables, and RAM.
static bool neverWorse(const ObjectSize &New, const ObjectSize &Baseline, uint64_t Slack) {
  return New.flash() + Slack <= Baseline.flash() &&
         New.flash() + New.Unwind <= Baseline.flash() + Baseline.Unwind && New.ram() <= Baseline.ram();
}

/// Measures \p T and makes it the choice if it is the smallest so far.
bool Searcher::attempt(Trial T) {
  T.Result = Lab.measure(T.What);
  bool Better = T.Result.measured() && T.Result.Size.flash() < Result.chosen().Result.Size.flash() &&
                neverWorse(T.Result.Size, Result.baseline().Result.Size, Slack);
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
  Trial Baseline;
  Baseline.Name = "baseline";
  Baseline.What.Sequence = Lab.baselineSequence();
  Baseline.Result = Lab.measureBaseline();
  Result.Trials.push_back(std::move(Baseline));
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
  // How far calls reach after relaxation is known to the linker only.
  uint64_t Slack = Triple(M.getTargetTriple()).isRISCV() ? 4 : 0;
  Decision Result;
  auto Applied = Lab.run([&] {
    Result = Searcher(Lab, P, P.Plans[Effort], *Scores, Slack).run();
    return MayTakeOver && Result.baseline().Result.measured() ? &Result.chosen().What.Sequence : nullptr;
  });
  if (!Applied)
    return Applied.takeError();
  Result.Applied = *Applied;
  if (!Result.baseline().Result.measured())
    return createStringError(inconvertibleErrorCode(), "the baseline could not be measured");
  return Result;
}

} // namespace mlcomp
