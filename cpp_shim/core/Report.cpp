#include "Report.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace llvm;

namespace mlcomp {

static Error cannotWrite(StringRef File, std::error_code Code) {
  return createStringError(Code, "cannot write " + File + ": " + Code.message());
}

static double percent(uint64_t Size, uint64_t Baseline) {
  return Baseline ? 100.0 * (double(Size) / double(Baseline) - 1) : 0;
}

static std::string endName(ChildEnd End) {
  switch (End) {
  case ChildEnd::Completed:
  case ChildEnd::TookOver:
    return "measured";
  case ChildEnd::Crashed:
  case ChildEnd::Refused:
    return "failed";
  case ChildEnd::TimedOut:
    return "timed out";
  case ChildEnd::OutOfMemory:
    return "out of memory";
  }
  llvm_unreachable("ChildEnd");
}

static double percent(double LogRatio) { return 100 * std::expm1(LogRatio); }

/// Such as "cycles -4.1 % (-6.0 to -2.2)"; nothing without a judge.
std::string Report::estimates(const Outcome &O) const {
  std::string Text;
  raw_string_ostream OS(Text);
  if (!P.TheJudge || !O.measured())
    return Text;
  for (auto [Metric, E] : zip_equal(P.TheJudge->metrics(), O.Estimates)) {
    OS << (Text.empty() ? "" : ", ") << Metric << format(" %+.1f %%", percent(E.LogRatio));
    if (E.HalfWidth > 0)
      OS << format(" (%+.1f to %+.1f)", percent(E.LogRatio - E.HalfWidth), percent(E.LogRatio + E.HalfWidth));
  }
  return Text;
}

std::string Report::sentence() const {
  const Trial &Chosen = D.chosen();
  std::string Text;
  raw_string_ostream OS(Text);
  OS << "policy '" << P.Name << "' chose " << Chosen.Name;
  if (!Chosen.What.Options.empty())
    OS << " with " << join(Chosen.What.Options, " ");
  uint64_t Before = D.baseline().Result.Size.flash(), After = Chosen.Result.Size.flash();
  if (D.Measured)
    OS << ": " << Before << " -> " << After << " bytes (" << format("%+.1f", percent(After, Before)) << " %)";
  if (D.Measured && P.TheJudge)
    OS << "; estimated: " << estimates(Chosen.Result);
  if (!D.Measured)
    OS << ", not measured";
  return Text;
}

void Report::emitRemark() const {
  for (const Function &F : M) {
    if (F.isDeclaration())
      continue;
    OptimizationRemark R("mlcomp", "Chosen", F.getSubprogram(), &F.getEntryBlock());
    R << sentence();
    M.getContext().diagnose(R);
    return;
  }
}

void Report::print(raw_ostream &OS) const {
  OS << "mlcomp: " << M.getSourceFileName() << ": " << sentence() << "\n";
  if (AskedObjective != P.Objective)
    OS << "mlcomp: there is no " << AskedObjective << " policy for this target, the " << P.Objective
       << " policy is used\n";
  if (!D.Measured)
    return;
  if (P.TheJudge) {
    OS << "mlcomp: weights:";
    for (auto [Metric, Weight] : zip_equal(P.TheJudge->metrics(), P.TheJudge->weights()))
      OS << " " << Metric << format(" %g", Weight);
    OS << "\n";
  }
  OS << "    text   rodata     data      bss   vs base  candidate\n";
  for (const Trial &T : D.Trials) {
    const ObjectSize &Size = T.Result.Size;
    if (T.Result.measured())
      OS << right_justify(Twine(Size.Text).str(), 8) << " " << right_justify(Twine(Size.ReadOnly).str(), 8)
         << " " << right_justify(Twine(Size.Data).str(), 8) << " " << right_justify(Twine(Size.Bss).str(), 8)
         << format(" %+8.2f%%  ", percent(Size.flash(), D.baseline().Result.Size.flash()));
    else
      OS << "       -        -        -        -         -  ";
    OS << T.Name;
    if (!T.What.Options.empty())
      OS << " with " << join(T.What.Options, " ");
    if (!T.Result.measured())
      OS << ": " << endName(T.Result.End);
    else if (P.TheJudge)
      OS << ": " << estimates(T.Result) << format("; score %+.1f %%", percent(T.Result.Score.LogRatio));
    OS << (&T == &D.chosen() ? "  <- chosen\n" : "\n");
  }
}

static json::Object sizeObject(const ObjectSize &Size) {
  return json::Object{{"text", Size.Text}, {"rodata", Size.ReadOnly}, {"data", Size.Data},
                      {"bss", Size.Bss},   {"unwind", Size.Unwind},   {"flash", Size.flash()}};
}

json::Value Report::json(bool WithTrials) const {
  const Trial &Chosen = D.chosen();
  json::Object O{{"module", M.getSourceFileName()},
                 {"target", M.getTargetTriple()},
                 {"policy", P.Name},
                 {"objective", AskedObjective},
                 {"policy_objective", P.Objective},
                 {"effort", Effort},
                 {"measured", D.Measured},
                 {"sequence", Chosen.Name},
                 {"actions", json::Array(Chosen.What.Sequence)},
                 {"options", json::Array(Chosen.What.Options)}};
  if (D.Measured) {
    O["baseline"] = sizeObject(D.baseline().Result.Size);
    O["chosen"] = sizeObject(Chosen.Result.Size);
  }
  if (P.TheJudge) {
    json::Object Weights;
    for (auto [Metric, Weight] : zip_equal(P.TheJudge->metrics(), P.TheJudge->weights()))
      Weights[Metric] = Weight;
    O["weights"] = std::move(Weights);
  }
  if (!WithTrials)
    return O;
  json::Array Trials;
  for (const Trial &T : D.Trials) {
    json::Object Entry{{"sequence", T.Name},
                       {"options", json::Array(T.What.Options)},
                       {"sequence_score", T.SequenceScore},
                       {"options_score", T.OptionsScore},
                       {"end", D.Measured ? endName(T.Result.End) : "not measured"}};
    if (T.Result.measured())
      Entry["size"] = sizeObject(T.Result.Size);
    if (P.TheJudge && T.Result.measured()) {
      json::Object All;
      for (auto [Metric, E] : zip_equal(P.TheJudge->metrics(), T.Result.Estimates))
        All[Metric] = json::Object{{"log_ratio", E.LogRatio}, {"half_width", E.HalfWidth}};
      Entry["estimates"] = std::move(All);
      Entry["score"] =
          json::Object{{"log_ratio", T.Result.Score.LogRatio}, {"half_width", T.Result.Score.HalfWidth}};
    }
    Trials.push_back(std::move(Entry));
  }
  O["trials"] = std::move(Trials);
  return O;
}

/// Writes a text to standard error, or a value to a file.
static Error explainTo(StringRef How, function_ref<void(raw_ostream &)> Text,
                       function_ref<json::Value()> Value) {
  if (How == "text") {
    Text(errs());
    return Error::success();
  }
  if (!How.consume_front("json:") || How.empty())
    return createStringError(inconvertibleErrorCode(), "explain '" + How + "' is not text or json:FILE");
  std::error_code Code;
  raw_fd_ostream OS(How, Code);
  if (!Code) {
    OS << formatv("{0:2}", Value()) << "\n";
    OS.flush();
    Code = OS.error();
    OS.clear_error();
  }
  return Code ? cannotWrite(How, Code) : Error::success();
}

Error Report::explain(StringRef How) const {
  return explainTo(How, [&](raw_ostream &OS) { print(OS); }, [&] { return json(true); });
}

Error explainLeftAlone(const Module &M, StringRef How, StringRef Why) {
  return explainTo(
      How,
      [&](raw_ostream &OS) {
        OS << "mlcomp: " << M.getSourceFileName() << ": left to clang: " << Why << "\n";
      },
      [&]() -> json::Value {
        return json::Object{
            {"module", M.getSourceFileName()}, {"target", M.getTargetTriple()}, {"left_to_clang", Why}};
      });
}

Error Report::appendTo(StringRef File) const {
  std::error_code Code;
  raw_fd_ostream OS(File, Code, sys::fs::OF_Append);
  if (!Code) {
    std::string Line = formatv("{0}\n", json(false));
    OS.SetUnbuffered();
    OS << Line;
    Code = OS.error();
    OS.clear_error();
  }
  return Code ? cannotWrite(File, Code) : Error::success();
}

} // namespace mlcomp
