#include "session.h"
#include "Encodings.h"
#include "Layout.h"
#include "Outliner.h"
#include "Search.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Verifier.h"
#include "llvm/IRReader/IRReader.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Passes/StandardInstrumentations.h"
#include "llvm/Support/CodeGen.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include <cmath>
#include <cstring>
#include <unistd.h>

#define API extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT

using namespace llvm;
using namespace mlcomp;

static char *copyText(StringRef Text) {
  char *Copy = static_cast<char *>(malloc(Text.size() + 1));
  memcpy(Copy, Text.data(), Text.size());
  Copy[Text.size()] = 0;
  return Copy;
}

static int fail(Error E, char **Out) {
  *Out = copyText(toString(std::move(E)));
  return 1;
}

static Error problem(const Twine &Message) { return createStringError(inconvertibleErrorCode(), Message); }

static Actions splitLines(const char *Text) {
  SmallVector<StringRef> Lines;
  StringRef(Text).split(Lines, '\n', -1, /*KeepEmpty=*/false);
  return Actions(Lines.begin(), Lines.end());
}

static bool VerifiesPasses = false;

namespace {

/// The analyses of one module, as clang sets them up.
struct Managers {
  LoopAnalysisManager LAM;
  FunctionAnalysisManager FAM;
  CGSCCAnalysisManager CGAM;
  ModuleAnalysisManager MAM;
  PassInstrumentationCallbacks PIC;
  StandardInstrumentations SI;
  PassBuilder PB;

  Managers(LLVMContext &Context, TargetMachine &TM, const PipelineTuningOptions &Tuning)
      : SI(Context, /*DebugLogging=*/false, VerifiesPasses), PB(&TM, Tuning, std::nullopt, &PIC) {
    SI.registerCallbacks(PIC, &MAM);
    registerFeatureAnalyses(FAM);
    PB.registerModuleAnalyses(MAM);
    PB.registerCGSCCAnalyses(CGAM);
    PB.registerFunctionAnalyses(FAM);
    PB.registerLoopAnalyses(LAM);
    PB.crossRegisterProxies(LAM, FAM, CGAM, MAM);
  }
};

} // namespace

struct mlcomp_session {
  std::shared_ptr<LLVMContext> Context;
  std::unique_ptr<Module> M;
  std::unique_ptr<TargetMachine> TM;
  std::unique_ptr<Managers> Analyses;
  std::string Level, Triple;
  Actions Options;
  bool FunctionSections = false;

  CompilationContext context() { return {Analyses->PB, Analyses->MAM, TM.get()}; }
  Error prepare();
  std::string baseline() const { return "default<" + Level + ">"; }
  Expected<Candidate> candidate(const char *Sequence, const char *OptionSet);
  Expected<std::vector<Candidate>> candidates(const char *Sequence, const char *const *OptionSets,
                                              unsigned SetCount);
  Error setOptions(OptionScope &Scope) {
    for (const std::string &Text : Options)
      if (Error E = Scope.set(Text))
        return E;
    return Error::success();
  }
};

/// A target machine and analyses with clang's settings for this module.
Error mlcomp_session::prepare() {
  Triple = M->getTargetTriple();
  if (Triple.empty())
    return problem("not LLVM IR for any target: it names no triple");
  std::string Message;
  const Target *T = TargetRegistry::lookupTarget(Triple, Message);
  if (!T)
    return problem(Message);
  StringRef Cpu, TargetFeatures;
  for (const Function &F : *M)
    if (!F.isDeclaration()) {
      Cpu = F.getFnAttribute("target-cpu").getValueAsString();
      TargetFeatures = F.getFnAttribute("target-features").getValueAsString();
      break;
    }
  TargetOptions Options;
  Options.FunctionSections = Options.DataSections = FunctionSections;
  Options.UseInitArray = true;
  Options.EmitAddrsig = true;
  Options.FloatABIType = FloatABI::Default;
  Options.AllowFPOpFusion = FPOpFusion::Standard;
  if (auto *Abi = dyn_cast_or_null<MDString>(M->getModuleFlag("target-abi")))
    Options.MCOptions.ABIName = Abi->getString();
  bool Sized = Level == "Os" || Level == "Oz";
  TM.reset(T->createTargetMachine(Triple, Cpu, TargetFeatures, Options,
                                  M->getPICLevel() == PICLevel::NotPIC ? Reloc::Static : Reloc::PIC_,
                                  M->getCodeModel(),
                                  Level == "O3"   ? CodeGenOptLevel::Aggressive
                                  : Level == "O1" ? CodeGenOptLevel::Less
                                                  : CodeGenOptLevel::Default));
  if (!TM)
    return problem("no target machine for " + Triple);
  PipelineTuningOptions Tuning;
  Tuning.LoopUnrolling = Tuning.LoopInterleaving = Level != "O1";
  Tuning.LoopVectorization = !Sized && Level != "O1";
  Tuning.SLPVectorization = Level != "O1";
  if (Level == "Os")
    Tuning.LoopVectorization = true;
  Analyses = std::make_unique<Managers>(*Context, *TM, Tuning);
  return Error::success();
}

/// What the texts say, behind the session's own options; refused if it is not
/// allowed.
Expected<std::vector<Candidate>>
mlcomp_session::candidates(const char *Sequence, const char *const *OptionSets, unsigned SetCount) {
  std::vector<Candidate> Result;
  for (unsigned I = 0; I != SetCount; ++I) {
    auto C = candidate(Sequence, OptionSets[I]);
    if (!C)
      return C.takeError();
    Result.push_back(std::move(*C));
  }
  return Result;
}

Expected<Candidate> mlcomp_session::candidate(const char *Sequence, const char *OptionSet) {
  Candidate C{Options, splitLines(OptionSet)};
  for (std::string &Text : splitLines(Sequence))
    C.Sequence.push_back(std::move(Text));
  for (const Actions *List : {&C.Sequence, &C.Options})
    for (const std::string &Text : *List)
      if (Error E = checkAction(Text, Analyses->PB))
        return E;
  return C;
}

static void initialiseTargets() {
  static bool Done = [] {
    InitializeAllTargetInfos();
    InitializeAllTargets();
    InitializeAllTargetMCs();
    InitializeAllAsmPrinters();
    InitializeAllAsmParsers();
    installOutliner();
    installEncodings();
    return true;
  }();
  (void)Done;
}

API void mlcomp_string_free(char *Text) { free(Text); }

API const char *mlcomp_llvm_version(void) { return LLVM_VERSION_STRING; }

API unsigned mlcomp_feature_count(void) { return NumFeatures; }

API const char *mlcomp_feature_name(unsigned Index) {
  return Index < NumFeatures ? featureNames()[Index].data() : nullptr;
}

API mlcomp_session *mlcomp_session_create(const char *Bytes, size_t Size, const char *Level,
                                          int FunctionSections, char **ErrorOut) {
  initialiseTargets();
  if (!is_contained({"O1", "O2", "O3", "Os", "Oz"}, StringRef(Level))) {
    fail(problem("level '" + Twine(Level) + "' is not O1, O2, O3, Os or Oz"), ErrorOut);
    return nullptr;
  }
  auto S = std::make_unique<mlcomp_session>();
  S->Context = std::make_shared<LLVMContext>();
  S->Level = Level;
  S->FunctionSections = FunctionSections;
  SMDiagnostic Diagnostic;
  // Textual IR must end with a zero byte.
  auto Buffer = MemoryBuffer::getMemBufferCopy(StringRef(Bytes, Size), "module");
  S->M = parseIR(Buffer->getMemBufferRef(), Diagnostic, *S->Context);
  Error E = Error::success();
  std::string Broken;
  raw_string_ostream BrokenStream(Broken);
  if (!S->M)
    E = problem("not LLVM IR: " + Diagnostic.getMessage());
  else if (verifyModule(*S->M, &BrokenStream))
    E = problem("broken module: " + StringRef(Broken).split('\n').first);
  else
    E = S->prepare();
  if (E) {
    fail(std::move(E), ErrorOut);
    return nullptr;
  }
  return S.release();
}

API mlcomp_session *mlcomp_session_clone(mlcomp_session *From) {
  auto S = std::make_unique<mlcomp_session>();
  S->Context = From->Context;
  S->M = CloneModule(*From->M);
  S->Level = From->Level;
  S->Options = From->Options;
  S->FunctionSections = From->FunctionSections;
  cantFail(S->prepare()); // has worked for the original
  return S.release();
}

API void mlcomp_session_free(mlcomp_session *S) {
  if (!S)
    return;
  S->Analyses.reset(); // analyses point into the module
  S->M.reset();
  delete S;
}

API int mlcomp_session_check(mlcomp_session *S, const char *Action, char **ErrorOut) {
  if (Error E = checkAction(Action, S->Analyses->PB))
    return fail(std::move(E), ErrorOut);
  OptionScope Scope; // which takes the value back
  if (Error E = setOptions({Action}, Scope))
    return fail(std::move(E), ErrorOut);
  return 0;
}

API int mlcomp_session_apply(mlcomp_session *S, const char *Action, char **ErrorOut) {
  if (Error E = checkAction(Action, S->Analyses->PB))
    return fail(std::move(E), ErrorOut);
  OptionScope Scope;
  if (Error E = S->setOptions(Scope))
    return fail(std::move(E), ErrorOut);
  if (Error E = applyAction(Action, *S->M, S->context(), Scope))
    return fail(std::move(E), ErrorOut);
  if (isOptionAction(Action))
    S->Options.push_back(Action);
  return 0;
}

API void mlcomp_verify_steps(int Passes) {
  VerifiesActions = true;
  VerifiesPasses = Passes;
}

API int mlcomp_session_verify(mlcomp_session *S, char **ErrorOut) {
  std::string Broken;
  raw_string_ostream OS(Broken);
  if (verifyModule(*S->M, &OS))
    return fail(problem(StringRef(Broken).split('\n').first), ErrorOut);
  return 0;
}

API void mlcomp_session_features(mlcomp_session *S, float *Out) {
  FeatureVector Features = moduleFeatures(*S->M, S->Analyses->MAM);
  llvm::copy(Features, Out);
}

API unsigned mlcomp_session_instructions(mlcomp_session *S) { return S->M->getInstructionCount(); }

API const char *mlcomp_session_triple(mlcomp_session *S) { return S->Triple.c_str(); }

static mlcomp_size toC(const Outcome &O) {
  return {O.Size.Text, O.Size.ReadOnly, O.Size.Data, O.Size.Bss, O.Size.Unwind, static_cast<int32_t>(O.End)};
}

API int mlcomp_session_size(mlcomp_session *S, mlcomp_size *Out, char **ErrorOut) {
  ChildEnd End;
  auto Messages = runGuarded(*S->M, Limits(), End, [&](const Channel &Channel) {
    OptionScope Scope;
    Error E = S->setOptions(Scope);
    Expected<ObjectSize> Size = measureModule(*S->M, *S->TM);
    if (E || !Size)
      _exit(1);
    Channel.send(StringRef(reinterpret_cast<const char *>(&*Size), sizeof *Size));
    return false;
  });
  if (!Messages)
    return fail(Messages.takeError(), ErrorOut);
  if (End != ChildEnd::Completed || Messages->size() != 1)
    return fail(problem("code generation failed"), ErrorOut);
  Outcome O;
  O.End = End;
  memcpy(&O.Size, Messages->front().data(), sizeof O.Size);
  *Out = toC(O);
  return 0;
}

API int mlcomp_session_try(mlcomp_session *S, const char *Sequence, const char *const *OptionSets,
                           unsigned SetCount, unsigned CpuMilliseconds, mlcomp_size *Out, float *Features,
                           char **ErrorOut) {
  auto Candidates = S->candidates(Sequence, OptionSets, SetCount);
  if (!Candidates)
    return fail(Candidates.takeError(), ErrorOut);
  Laboratory Lab(*S->M, S->context(), S->baseline());
  if (CpuMilliseconds)
    Lab.CpuMilliseconds = CpuMilliseconds;
  auto Done = Lab.run([&]() -> const Candidate * {
    if (Features && SetCount && !Candidates->front().Sequence.empty())
      if (auto After = Lab.featuresAfter(Candidates->front().Sequence))
        llvm::copy(*After, Features);
    for (unsigned I = 0; I != SetCount; ++I)
      Out[I] = toC(Lab.measure((*Candidates)[I]));
    return nullptr;
  });
  return Done ? 0 : fail(Done.takeError(), ErrorOut);
}

API int mlcomp_session_compile(mlcomp_session *S, const char *Sequence, const char *const *OptionSets,
                               unsigned SetCount, unsigned CpuMilliseconds, char **Objects, size_t *Sizes,
                               char **FunctionLines, float *Features, char **ErrorOut) {
  auto Candidates = S->candidates(Sequence, OptionSets, SetCount);
  if (!Candidates)
    return fail(Candidates.takeError(), ErrorOut);
  Laboratory Lab(*S->M, S->context(), S->baseline());
  if (CpuMilliseconds)
    Lab.CpuMilliseconds = CpuMilliseconds;
  std::vector<std::optional<Compiled>> Results;
  auto Done = Lab.run([&]() -> const Candidate * {
    Results.clear();
    for (const Candidate &C : *Candidates)
      Results.push_back(Lab.compile(C));
    return nullptr;
  });
  if (!Done)
    return fail(Done.takeError(), ErrorOut);
  for (unsigned I = 0; I != SetCount; ++I) {
    Objects[I] = nullptr;
    if (!Results[I])
      continue;
    std::string Lines;
    for (const FunctionProfile &F : Results[I]->Functions)
      Lines += toLine(F) + "\n";
    FunctionLines[I] = copyText(Lines);
    Objects[I] = copyText(Results[I]->Object);
    Sizes[I] = Results[I]->Object.size();
    llvm::copy(Results[I]->Features, Features + I * NumFeatures);
  }
  return 0;
}

API const char *mlcomp_machine_kind(unsigned Index) {
  return Index < machineKindNames().size() ? machineKindNames()[Index].data() : nullptr;
}

API const char *mlcomp_crossing_kind(unsigned Index) {
  return Index < crossingKindNames().size() ? crossingKindNames()[Index].data() : nullptr;
}

API void mlcomp_session_insert_probes(mlcomp_session *S) { insertProbes(*S->M); }

API char *mlcomp_session_insert_counters(mlcomp_session *S, unsigned Unit) {
  std::string Lines;
  for (const Probe &P : insertCounters(*S->M, Unit))
    Lines += toText({{{Unit, P}, 1.0}});
  return copyText(Lines);
}

API char *mlcomp_session_profiled_counts(mlcomp_session *S, unsigned Unit) {
  return copyText(toText(profiledCounts(*S->M, S->Analyses->FAM, Unit)));
}

API int mlcomp_machine_counts(const char *const *Units, unsigned UnitCount, const char *Known,
                              const char *Linked, size_t LinkedSize, double *Out, char **Source,
                              char **ErrorOut) {
  Expected<SourceCounts> KnownCounts = sourceCountsFrom(Known);
  if (!KnownCounts)
    return fail(KnownCounts.takeError(), ErrorOut);
  std::vector<FunctionProfile> Functions;
  std::vector<unsigned> Unit;
  for (unsigned I = 0; I != UnitCount; ++I)
    for (const std::string &Line : splitLines(Units[I])) {
      Expected<FunctionProfile> F = fromLine(Line);
      if (!F)
        return fail(F.takeError(), ErrorOut);
      Functions.push_back(std::move(*F));
      Unit.push_back(I);
    }
  Expected<RoutineCrossings> Crosses = placeFunctions(Functions, StringRef(Linked, LinkedSize));
  if (!Crosses)
    return fail(Crosses.takeError(), ErrorOut);
  ProgramProfile Program = programProfile(Functions, Unit, *KnownCounts, *Crosses);
  if (!*Crosses)
    Program.Crossings.fill(std::nan(""));
  Out = llvm::copy(Program.Executed, Out);
  Out = llvm::copy(Program.Code, Out);
  llvm::copy(Program.Crossings, Out);
  *Source = copyText(toText(Program.Source));
  return 0;
}

API char *mlcomp_session_write(mlcomp_session *S, int Text, size_t *Size) {
  std::string Buffer;
  raw_string_ostream OS(Buffer);
  if (Text)
    S->M->print(OS, nullptr);
  else
    WriteBitcodeToFile(*S->M, OS);
  OS.flush();
  *Size = Buffer.size();
  return copyText(Buffer);
}

API int mlcomp_object_size(const char *Bytes, size_t Size, mlcomp_size *Out, char **ErrorOut) {
  Expected<ObjectSize> Sizes = sizeOfObject(StringRef(Bytes, Size));
  if (!Sizes)
    return fail(Sizes.takeError(), ErrorOut);
  Outcome O;
  O.End = ChildEnd::Completed;
  O.Size = *Sizes;
  *Out = toC(O);
  return 0;
}
