//===- Plugin.cpp - the policy as clang's and opt's optimiser --------------===//
//
// clang: at the start of its pipeline the policy's sequence runs, and the rest
// of the default pipeline is skipped. Where the baseline is chosen, nothing is
// skipped and clang goes on as it would alone. opt: `-passes=mlcomp`.
//
//===----------------------------------------------------------------------===//

#include "CrashPath.h"
#include "Encodings.h"
#include "Handover.h"
#include "Outliner.h"
#include "Report.h"
#include "Search.h"
#include "UseOrder.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Passes/PassPlugin.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Signals.h"
#include "llvm/Target/TargetMachine.h"
#include <cstdlib>
#include <memory>
#include <unistd.h>

using namespace llvm;
using namespace mlcomp;

static cl::OptionCategory Category("mlcomp options");
static cl::opt<std::string> PolicyFolder("mlcomp-policy", cl::desc("Folder of the policy"),
                                         cl::cat(Category));
static cl::opt<unsigned> Effort("mlcomp-effort", cl::init(1), cl::desc("0: unmeasured, 1-3: measured"),
                                cl::cat(Category));
static cl::opt<std::string> Objective("mlcomp-objective", cl::init("size"),
                                      cl::desc("What the user asked for"), cl::cat(Category));
static cl::opt<std::string> Weights("mlcomp-weights", cl::desc("size=1,time=2,energy=1"), cl::cat(Category));
static cl::opt<std::string> Explain("mlcomp-explain", cl::desc("text or json:FILE"), cl::cat(Category));
static cl::opt<std::string> Log("mlcomp-log", cl::desc("File that gets a line per module"),
                                cl::cat(Category));
static cl::opt<bool> Strict("mlcomp-strict", cl::desc("Errors instead of warnings"), cl::cat(Category));
static cl::opt<std::string> FixedSequence("mlcomp-sequence",
                                          cl::desc("Apply these actions (separated by ;), no policy"),
                                          cl::cat(Category));
static cl::opt<std::string> AtLevel("mlcomp-level", cl::desc("Only where this level is in force, such as Oz"),
                                    cl::cat(Category));
static cl::opt<std::string> EngineName("mlcomp-engine", cl::init("auto"), cl::desc("auto, native or ort"),
                                       cl::cat(Category));
static cl::opt<unsigned> ParentLimit("mlcomp-time-limit", cl::init(60000),
                                     cl::desc("CPU milliseconds for an unmeasured choice"),
                                     cl::cat(Category));

namespace {

/// PassBuilder keeps its target machine private; an explicit instantiation may
/// name private members.
template <typename Tag, typename Tag::Type Member> struct Opener {
  friend typename Tag::Type open(Tag) { return Member; }
};
struct TargetMachineOf {
  using Type = TargetMachine *PassBuilder::*;
  friend Type open(TargetMachineOf);
};
template struct Opener<TargetMachineOf, &PassBuilder::TM>;
struct PgoOf {
  using Type = std::optional<PGOOptions> PassBuilder::*;
  friend Type open(PgoOf);
};
template struct Opener<PgoOf, &PassBuilder::PGOOpt>;

/// Shared by the callbacks of one PassBuilder; LTO back ends have several.
struct State {
  bool SkipDefault = false; ///< The policy's sequence has run instead.
  bool Inside = false;      ///< `default<…>` in a sequence calls back.
};

/// Passes that LLVM 19 does not mark as required although leaving them out
/// breaks the program or silently changes what the user asked for.
constexpr StringLiteral AlwaysRun[] = {
    "InstrProfilingLoweringPass",
    "GCOVProfilerPass",
    "PGOInstrumentationGen",
    "PGOInstrumentationGenCreateVar",
    "PGOInstrumentationUse",
    "SampleProfileLoaderPass",
    "LowerTypeTestsPass",
    "WholeProgramDevirtPass",
    "CrossDSOCFIPass",
    "NameAnonGlobalPass",
    "CanonicalizeAliasesPass",
    "ExpandVariadicsPass",
    "ModuleInlinerWrapperPass",
    "DevirtSCCRepeatedPass",
};

/// Where in the compilation the pass stands.
enum class Phase { Compile, LtoLink, Opt };

class MlcompPass : public PassInfoMixin<MlcompPass> {
public:
  MlcompPass(PassBuilder &PB, std::shared_ptr<State> S, OptimizationLevel Level, Phase Where)
      : PB(PB), S(std::move(S)), Level(Level), Where(Where) {}
  static bool isRequired() { return true; }
  PreservedAnalyses run(Module &M, ModuleAnalysisManager &MAM);

private:
  /// Whether this module is left to clang; why is for those who ask, and empty if there is nothing to tell.
  std::optional<StringRef> leavesAlone(Module &M, ModuleAnalysisManager &MAM) const;
  bool othersTakePart() const;
  Error optimise(Module &M, const CompilationContext &Ctx);
  Error applyChoice(Module &M, const CompilationContext &Ctx, const Candidate &Choice);
  Error finishChoice(Module &M, const Candidate &Choice);
  Expected<Decision> firstChoice(Module &M, const CompilationContext &Ctx, const Policy &P);
  StringRef levelName() const;
  std::string baselineText() const;

  PassBuilder &PB;
  std::shared_ptr<State> S;
  OptimizationLevel Level;
  Phase Where;
};

} // namespace

static Error problem(const Twine &Message) { return createStringError(inconvertibleErrorCode(), Message); }

/// One line for the user; ends the compilation where strictness was asked for.
static void warn(const Twine &Message) {
  if (Strict) {
    errs() << "mlcc: error: " << Message << "\n";
    errs().flush();
    sys::RunInterruptHandlers();
    _exit(1);
  }
  errs() << "mlcc: warning: " << Message << "\n";
}

StringRef MlcompPass::levelName() const {
  return Level == OptimizationLevel::Oz   ? "Oz"
         : Level == OptimizationLevel::Os ? "Os"
         : Level == OptimizationLevel::O1 ? "O1"
         : Level == OptimizationLevel::O3 ? "O3"
                                          : "O2";
}

std::string MlcompPass::baselineText() const {
  return ((Where == Phase::LtoLink ? "lto<" : "default<") + levelName() + ">").str();
}

/// Whether calls of mathematics may become those of a vector library, of which
/// our own code generation does not know.
static bool hasVectorLibrary(Module &M, ModuleAnalysisManager &MAM) {
  auto &FAM = MAM.getResult<FunctionAnalysisManagerModuleProxy>(M).getManager();
  auto Defined = find_if(M, [](const Function &F) { return !F.isDeclaration(); });
  if (Defined == M.end())
    return false;
  auto &Library = FAM.getResult<TargetLibraryAnalysis>(*Defined);
  return Library.isFunctionVectorizable("sin") || Library.isFunctionVectorizable("sinf");
}

std::optional<StringRef> MlcompPass::leavesAlone(Module &M, ModuleAnalysisManager &MAM) const {
  if (S->Inside || (!AtLevel.empty() && AtLevel != levelName()))
    return "";
  if (Level == OptimizationLevel::O0)
    return "-O0";
  if (Where == Phase::Compile && M.getModuleFlag("ThinLTO")) // which clang sets to 0
    return "with -flto the choice is made at the link, on the whole program";
  if (Where == Phase::Compile && M.getModuleFlag("EnableSplitLTOUnit"))
    return "-flto=thin is clang's";
  if (outlinerPlaceIsTaken(M) || encodingPlacesAreTaken(M) || hasVectorLibrary(M, MAM))
    return "sanitizers, garbage collection, patch points or a vector library need its code generation";
  if (PB.*open(PgoOf())) // profiles are matched with the code as the default pipeline shapes it
    return "a profile is made or used";
  if (othersTakePart())
    return "others take part, such as sanitizers, coverage or a plugin";
  if (llvm::all_of(M, [](const Function &F) { return F.isDeclaration() || F.hasOptNone(); }))
    return "there is no function to optimise";
  return std::nullopt;
}

/// Whether somebody else adds passes to the pipeline: sanitizers, coverage,
/// another plugin. They must run once, and where the default pipeline puts them;
/// `default<…>` in a sequence would run them, too.
bool MlcompPass::othersTakePart() const {
  ModulePassManager MPM;
  FunctionPassManager FPM;
  S->Inside = true; // keeps us out
  PB.invokePipelineStartEPCallbacks(MPM, Level);
  PB.invokePipelineEarlySimplificationEPCallbacks(MPM, Level);
  PB.invokeOptimizerEarlyEPCallbacks(MPM, Level);
  PB.invokeOptimizerLastEPCallbacks(MPM, Level);
  PB.invokeFullLinkTimeOptimizationEarlyEPCallbacks(MPM, Level);
  PB.invokeFullLinkTimeOptimizationLastEPCallbacks(MPM, Level);
  PB.invokePeepholeEPCallbacks(FPM, Level);
  PB.invokeScalarOptimizerLateEPCallbacks(FPM, Level);
  PB.invokeVectorizerStartEPCallbacks(FPM, Level);
  S->Inside = false;
  std::string Names;
  raw_string_ostream OS(Names);
  MPM.printPipeline(OS, [](StringRef Class) { return Class; });
  // Clang adds that one for debug information, where it does no harm.
  return !FPM.isEmpty() || !(Names.empty() || Names == "AssignmentTrackingPass");
}

/// Makes of the module what the laboratory has measured: the same sequence on
/// the same order of uses. The default pipeline is skipped from here on.
Error MlcompPass::applyChoice(Module &M, const CompilationContext &Ctx, const Candidate &Choice) {
  S->SkipDefault = true;
  OptionScope Scope;
  if (Choice.Sequence == Actions{baselineText()}) {
    if (Error E = applyAction(Choice.Sequence[0], M, Ctx, Scope))
      return E;
  } else {
    sortUseLists(M);
    if (Error E = applySequence(Choice.Sequence, M, Ctx, Scope))
      return E;
    sortUseLists(M);
  }
  if (Error E = setOptions(Choice.Options, Scope))
    return E;
  Scope.release(); // code generation still needs them
  prepareForCodeGeneration(M);
  return Error::success();
}

/// What is left of it in the child that has taken over.
Error MlcompPass::finishChoice(Module &M, const Candidate &Choice) {
  S->SkipDefault = true;
  takeFatalErrors();
  OptionScope Scope;
  for (const Actions *List : {&Choice.Sequence, &Choice.Options})
    if (Error E = setOptions(*List, Scope))
      return E;
  Scope.release();
  prepareForCodeGeneration(M);
  return Error::success();
}

/// The best-scored index, or 0 if it does not promise enough.
static unsigned confidentChoice(ArrayRef<float> Scores, float Margin) {
  unsigned Best = rankScores(Scores).front();
  return Scores[Best] < Scores[0] - Margin ? Best : 0;
}

/// The options behind the last pass of a sequence: those of code generation.
static Actions optionsBehind(const Actions &Steps) {
  auto IsPass = [](StringRef Step) { return !Step.starts_with("-"); };
  return Actions(find_if(reverse(Steps), IsPass).base(), Steps.end());
}

/// What the policy ranks first, not measured. The baseline's options depend on
/// the code that it makes, so the sequence is applied here. For speed effort 0
/// has but the options of the sequence: code that grows takes long to compile.
Expected<Decision> MlcompPass::firstChoice(Module &M, const CompilationContext &Ctx, const Policy &P) {
  auto Scores = P.scoreSequences(moduleFeatures(M, Ctx.MAM));
  if (!Scores)
    return Scores.takeError();
  unsigned Best = confidentChoice(*Scores, P.SequenceMargin);
  Trial T;
  bool OptionsOnly = P.TheJudge && Effort == 0;
  T.Name = P.Sequences[OptionsOnly ? 0 : Best].Name;
  T.What.Sequence = Best && !OptionsOnly ? P.Sequences[Best].Steps : Actions{baselineText()};
  if (Best && OptionsOnly)
    T.What.Options = optionsBehind(P.Sequences[Best].Steps);
  T.SequenceScore = (*Scores)[Best];
  restartClock(ParentLimit);
  doubtErrors(M.getContext());
  if (Error E = applyChoice(M, Ctx, T.What))
    return E;
  if (Best == 0) {
    auto SetScores = P.scoreOptionSets(moduleFeatures(M, Ctx.MAM));
    if (!SetScores)
      return SetScores.takeError();
    unsigned Set = confidentChoice(*SetScores, P.OptionMargin);
    T.What.Options = P.OptionSets[Set].Steps;
    T.OptionsScore = (*SetScores)[Set];
    OptionScope Scope;
    if (Error E = setOptions(T.What.Options, Scope))
      return E;
    Scope.release();
    prepareForCodeGeneration(M);
  }
  Decision D;
  D.Trials.push_back(std::move(T));
  return D;
}

Error MlcompPass::optimise(Module &M, const CompilationContext &Ctx) {
  if (!FixedSequence.empty()) {
    SmallVector<StringRef> Texts;
    StringRef(FixedSequence).split(Texts, ';', -1, /*KeepEmpty=*/false);
    for (StringRef Text : Texts)
      if (Error E = checkAction(Text, PB))
        return E;
    restartClock(ParentLimit);
    doubtErrors(M.getContext());
    return applyChoice(M, Ctx, {Actions(Texts.begin(), Texts.end()), {}});
  }
  if (PolicyFolder.empty())
    return problem("no policy was given (-mlcomp-policy=FOLDER)");
  if (Effort >= Policy::Efforts)
    return problem("effort " + Twine(Effort) + " is not 0, 1, 2 or 3");
  auto Engine = StringSwitch<mlcomp::Engine>(EngineName)
                    .Case("native", Engine::Native)
                    .Case("ort", Engine::Ort)
                    .Default(Engine::Auto);
  auto P = Policy::load(PolicyFolder, PB, Engine);
  if (!P)
    return P.takeError();
  if (Error E = (*P)->checkTarget(Triple(M.getTargetTriple())))
    return E;
  std::optional<Judge> &J = (*P)->TheJudge;
  if (J && !Weights.empty())
    if (Error E = J->setWeights(Weights))
      return problem("policy '" + (*P)->Name + "': " + toString(std::move(E)));
  unsigned Instructions = M.getInstructionCount();
  if (Instructions > (*P)->MaxInstructions)
    return problem("module has " + Twine(Instructions) + " instructions, policy '" + (*P)->Name + "' takes " +
                   Twine((*P)->MaxInstructions));
  unsigned Plan = Effort;
  while (J && !Weights.empty() && Plan + 1 != Policy::Efforts && !(*P)->Plans[Plan].isMeasured())
    ++Plan; // only the judge knows of other weights
  bool Measures = Plan > 0 && (*P)->Plans[Plan].isMeasured();
  if (Measures && !Ctx.TM)
    return problem("there is no target machine to measure with");
  auto D = Measures ? search(M, Ctx, **P, Plan, baselineText(), Where == Phase::Compile)
                    : firstChoice(M, Ctx, **P);
  if (!D)
    return D.takeError();
  Error E = D->Applied                        ? finishChoice(M, D->chosen().What)
            : D->Measured && !D->isBaseline() ? applyChoice(M, Ctx, D->chosen().What)
                                              : Error::success();
  if (E)
    return E;
  if (D->Applied)
    handOver(*Ctx.TM, std::move(D->Object));
  Report R{M, **P, *D, Objective, Effort};
  R.emitRemark();
  if (!Explain.empty())
    if (Error E = R.explain(Explain))
      warn(toString(std::move(E)));
  if (!Log.empty())
    if (Error E = R.appendTo(Log))
      warn(toString(std::move(E)));
  return Error::success();
}

PreservedAnalyses MlcompPass::run(Module &M, ModuleAnalysisManager &MAM) {
  if (std::optional<StringRef> Why = leavesAlone(M, MAM)) {
    if (!Why->empty() && !Explain.empty())
      if (Error E = explainLeftAlone(M, Explain, *Why))
        warn(toString(std::move(E)));
    return PreservedAnalyses::all();
  }
  S->Inside = true;
  installCrashPath(Strict);
  CompilationContext Ctx{PB, MAM, PB.*open(TargetMachineOf())};
  if (Error E = optimise(M, Ctx)) {
    if (S->SkipDefault) // the module is no longer what clang would start from
      compileAgain(toString(std::move(E)));
    warn(toString(std::move(E)) + "; compiling as clang does");
  }
  restartClock(0);
  S->Inside = false;
  return PreservedAnalyses::none();
}

/// ld.lld reads its -mllvm options before it loads a plugin; the driver hands
/// ours to it in a variable, one to a line.
static void readLinkerOptions() {
  const char *Text = std::getenv("MLCOMP_PLUGIN_OPTIONS");
  if (!Text)
    return;
  SmallVector<StringRef> Lines;
  StringRef(Text).split(Lines, '\n', -1, /*KeepEmpty=*/false);
  auto &Registered = cl::getRegisteredOptions();
  for (StringRef Line : Lines) {
    auto [Name, Value] = Line.ltrim('-').split('=');
    cl::Option *O = Name.starts_with("mlcomp-") ? Registered.lookup(Name) : nullptr;
    if (O && O->getNumOccurrences() == 0)
      O->addOccurrence(0, Name, Value);
  }
}

static void registerCallbacks(PassBuilder &PB) {
  if (std::getenv(DisableVariable))
    return;
  readLinkerOptions();
  installOutliner();
  installEncodings();
  auto S = std::make_shared<State>();
  PB.registerAnalysisRegistrationCallback([](FunctionAnalysisManager &FAM) { registerFeatureAnalyses(FAM); });
  if (auto *PIC = PB.getPassInstrumentationCallbacks())
    PIC->registerShouldRunOptionalPassCallback(
        [S](StringRef Pass, Any) { return S->Inside || !S->SkipDefault || is_contained(AlwaysRun, Pass); });
  PB.registerPipelineStartEPCallback([&PB, S](ModulePassManager &MPM, OptimizationLevel Level) {
    if (!S->Inside)
      MPM.addPass(MlcompPass(PB, S, Level, Phase::Compile));
  });
  PB.registerFullLinkTimeOptimizationEarlyEPCallback(
      [&PB, S](ModulePassManager &MPM, OptimizationLevel Level) {
        if (!S->Inside)
          MPM.addPass(MlcompPass(PB, S, Level, Phase::LtoLink));
      });
  PB.registerPipelineParsingCallback(
      [&PB, S](StringRef Name, ModulePassManager &MPM, ArrayRef<PassBuilder::PipelineElement>) {
        if (Name != "mlcomp" || S->Inside)
          return false;
        MPM.addPass(MlcompPass(PB, S, OptimizationLevel::Oz, Phase::Opt));
        return true;
      });
}

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT PassPluginLibraryInfo llvmGetPassPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "mlcomp", LLVM_VERSION_STRING, registerCallbacks};
}
