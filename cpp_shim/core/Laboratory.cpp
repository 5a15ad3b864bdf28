#include "Adopt.h"
#include "Search.h"
#include "UseOrder.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SaveAndRestore.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include <cstring>

using namespace llvm;

namespace mlcomp {

/// Messages: "begin", then the answer to what was begun.
static constexpr char BeginTag = '?', AnswerTag = '!';
static constexpr unsigned MaxWorkers = 32;

std::string Candidate::key() const { return join(Sequence, "\n") + "\t" + join(Options, "\n"); }

/// What the child keeps: the untouched module and the last optimised one. The
/// compiler's own module is the baseline's once that has been measured.
struct Laboratory::Worker {
  const Channel &Out;
  std::unique_ptr<Module> Pristine;
  std::unique_ptr<Module> Optimised = nullptr;
  Actions OptimisedBy = {};
  bool OptimisedValid = false;
  bool OptimisedHasProbes = false;
  bool BaselineMade = false;
  std::map<std::string, std::string> Objects = {}; ///< That were measured, by the candidate's key.
};

Laboratory::Laboratory(Module &M, const CompilationContext &Ctx, StringRef Baseline)
    : CpuMilliseconds(2000 + M.getInstructionCount() / 4), M(M), Ctx(Ctx), Baseline(Baseline) {}

Laboratory::~Laboratory() = default;

// Answers as bytes. None is empty: that says that there is no answer.

template <typename T> static std::string toBytes(const T &Value) {
  return std::string(reinterpret_cast<const char *>(&Value), sizeof Value);
}

template <typename T> static std::optional<T> fromBytes(StringRef Bytes) {
  T Value;
  if (Bytes.size() != sizeof Value)
    return std::nullopt;
  memcpy(&Value, Bytes.data(), sizeof Value);
  return Value;
}

template <> std::string toBytes(const Compiled &Value) {
  std::string Bytes = toBytes(Value.Features);
  for (const FunctionProfile &F : Value.Functions)
    Bytes += toLine(F) + "\n";
  return Bytes + "\n" + Value.Object;
}

template <> std::optional<Compiled> fromBytes(StringRef Bytes) {
  Compiled Value;
  auto Features = fromBytes<FeatureVector>(Bytes.take_front(sizeof Value.Features));
  if (!Features)
    return std::nullopt;
  Value.Features = *Features;
  Bytes = Bytes.drop_front(sizeof Value.Features);
  for (StringRef Line; std::tie(Line, Bytes) = Bytes.split('\n'), !Line.empty();) {
    Expected<FunctionProfile> F = fromLine(Line);
    if (!F) {
      consumeError(F.takeError());
      return std::nullopt;
    }
    Value.Functions.push_back(std::move(*F));
  }
  Value.Object = Bytes.str();
  return Value;
}

/// The known answer, or in the worker the new one. An answer without bytes is
/// a failure that was expected and reported, such as an action that LLVM
/// refuses.
template <typename T, typename Work>
std::optional<T> Laboratory::ask(char Tag, const std::string &Key, Work DoWork) {
  std::string Question = Tag + Key;
  auto It = Known.find(Question);
  if (It == Known.end() && W) {
    restartClock(CpuMilliseconds);
    W->Out.send(BeginTag + Question);
    std::optional<T> Answer = DoWork();
    std::string Bytes = Answer ? toBytes(*Answer) : std::string();
    W->Out.send(AnswerTag + Bytes);
    It = Known.emplace(std::move(Question), std::move(Bytes)).first;
  }
  return It == Known.end() ? std::nullopt : fromBytes<T>(It->second);
}

/// The module as \p Sequence makes it; null if that failed. The baseline is
/// made of the compiler's own module, as clang would.
Module *Laboratory::optimised(const Actions &Sequence) {
  if (isMadeHere(Sequence)) {
    OptionScope Scope;
    if (!W->BaselineMade)
      if (Error E = applyAction(Baseline, M, Ctx, Scope)) {
        consumeError(std::move(E));
        return nullptr;
      }
    W->BaselineMade = true;
    return &M;
  }
  if (W->Optimised && W->OptimisedBy == Sequence && W->OptimisedHasProbes == HasProbes)
    return W->OptimisedValid ? W->Optimised.get() : nullptr;
  if (W->Optimised)
    Ctx.MAM.clear(*W->Optimised, W->Optimised->getName());
  W->Optimised = CloneModule(*W->Pristine);
  W->OptimisedBy = Sequence;
  W->OptimisedHasProbes = HasProbes;
  if (HasProbes)
    insertProbes(*W->Optimised);
  sortUseLists(*W->Optimised);
  OptionScope Scope;
  Error E = applySequence(Sequence.empty() ? Actions{Baseline} : Sequence, *W->Optimised, Ctx, Scope);
  W->OptimisedValid = !E;
  consumeError(std::move(E));
  return W->OptimisedValid ? W->Optimised.get() : nullptr;
}

/// A copy of that for code generation, which changes its input; it compiles
/// exactly like what it was copied from will.
std::unique_ptr<Module> Laboratory::copyOf(const Actions &Sequence) {
  Module *N = optimised(Sequence);
  if (!N)
    return nullptr;
  std::unique_ptr<Module> Copy = CloneModule(*N);
  if (isMadeHere(Sequence))
    copyUseLists(*N, *Copy);
  else
    sortUseLists(*Copy);
  return Copy;
}

/// Features of an optimised module, as if it had no probes.
FeatureVector Laboratory::featuresWithoutProbes(Module &N) {
  if (!hasProbes(N))
    return moduleFeatures(N, Ctx.MAM);
  std::unique_ptr<Module> Copy = CloneModule(N);
  removeProbes(*Copy);
  FeatureVector Features = moduleFeatures(*Copy, Ctx.MAM);
  Ctx.MAM.clear(*Copy, Copy->getName());
  return Features;
}

std::optional<FeatureVector> Laboratory::featuresAfter(const Actions &Sequence) {
  return ask<FeatureVector>('F', join(Sequence, "\n"), [&]() -> std::optional<FeatureVector> {
    if (Module *N = optimised(Sequence))
      return moduleFeatures(*N, Ctx.MAM);
    return std::nullopt;
  });
}

/// What \p Generate makes of the candidate's module, with the options in force
/// that concern code generation.
template <typename T, typename Work>
std::optional<T> Laboratory::generate(char Tag, const Candidate &C, Work Generate) {
  return ask<T>(Tag, C.key(), [&]() -> std::optional<T> {
    std::unique_ptr<Module> Copy = copyOf(C.Sequence);
    if (!Copy)
      return std::nullopt;
    OptionScope Scope;
    // Options of the sequence stay in force for code generation.
    for (const Actions *List : {&C.Sequence, &C.Options})
      if (Error E = setOptions(*List, Scope)) {
        consumeError(std::move(E));
        return std::nullopt;
      }
    Expected<T> Made = Generate(*Copy);
    if (Made)
      return std::move(*Made);
    consumeError(Made.takeError());
    return std::nullopt;
  });
}

Outcome Laboratory::measure(const Candidate &C) {
  auto Size = generate<ObjectSize>('S', C, [&](Module &N) -> Expected<ObjectSize> {
    Expected<std::string> Made = generateObject(N, *Ctx.TM, nullptr);
    if (!Made)
      return Made.takeError();
    Expected<ObjectSize> Size = sizeOfObject(*Made);
    W->Objects[C.key()] = std::move(*Made);
    return Size;
  });
  Outcome Result;
  if (Size) {
    Result.End = ChildEnd::Completed;
    Result.Size = *Size;
  } else if (auto It = Failures.find('S' + C.key()); It != Failures.end())
    Result.End = It->second;
  return Result;
}

std::optional<Compiled> Laboratory::compile(const Candidate &C, bool AddProbes) {
  SaveAndRestore Probes(HasProbes, AddProbes);
  return generate<Compiled>(AddProbes ? 'P' : 'C', C, [&](Module &N) -> Expected<Compiled> {
    Compiled Result;
    Result.Features = featuresWithoutProbes(*optimised(C.Sequence));
    bool IsLinked = !AddProbes && hasProbes(N); // the linked program is asked where they are
    Expected<std::string> Object = generateObject(N, *Ctx.TM, &Result.Functions, IsLinked);
    if (!Object)
      return Object.takeError();
    Result.Object = std::move(*Object);
    return Result;
  });
}

/// Takes in a worker's messages; what it had begun and not answered is a
/// failure that ended it.
void Laboratory::absorb(ArrayRef<std::string> Messages, ChildEnd End) {
  std::string Begun;
  for (StringRef Message : Messages)
    if (Message.consume_front(StringRef(&BeginTag, 1)))
      Begun = Message.str();
    else {
      Known[Begun] = Message.drop_front().str();
      Begun.clear();
    }
  if (!Begun.empty()) {
    Known[Begun] = "";
    Failures[Begun] = End;
  }
}

/// Makes the worker's module what was measured, if the worker can go on as the
/// compiler.
bool Laboratory::takeOver(const Candidate &C) {
  if (hasReported() || !canTakeOver(M))
    return false;
  Module *N = optimised(C.Sequence);
  if (!N || hasReported())
    return false;
  Object = std::move(W->Objects[C.key()]);
  Ctx.MAM.clear(M, M.getName());
  if (N == &M)
    return true;
  Ctx.MAM.clear(*N, N->getName());
  adoptContents(*N, M);
  sortUseLists(M);
  return true;
}

Expected<bool> Laboratory::run(function_ref<const Candidate *()> Experiment) {
  Limits L;
  L.CpuMilliseconds = CpuMilliseconds;
  for (unsigned Attempt = 0; Attempt != MaxWorkers; ++Attempt) {
    ChildEnd End;
    auto Messages = runGuarded(M, L, End, [&](const Channel &Out) {
      W.reset(new Worker{Out, CloneModule(M)});
      const Candidate *Choice = Experiment();
      bool Continues = Choice && takeOver(*Choice);
      if (!Continues)
        W.release(); // the process ends here; no need to tidy up
      return Continues;
    });
    if (!Messages)
      return Messages.takeError();
    if (End == ChildEnd::TookOver) {
      W.reset();
      return true;
    }
    size_t Before = Known.size();
    absorb(*Messages, End);
    if (End == ChildEnd::Completed)
      break;
    if (Known.size() == Before)
      return createStringError(inconvertibleErrorCode(), "the measuring process cannot start");
  }
  Experiment();
  return false;
}

} // namespace mlcomp
