#include "Actions.h"
#include "BanTable.h"
#include "Encodings.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"

using namespace llvm;

namespace mlcomp {

bool VerifiesActions = false;

static Error invalid(const Twine &Message) { return createStringError(inconvertibleErrorCode(), Message); }

OptionScope::~OptionScope() {
  for (cl::Option *O : Touched)
    O->reset();
}

static std::pair<StringRef, StringRef> splitOption(StringRef Text) { return Text.ltrim('-').split('='); }

/// The option of a name, unless it is one like -help, which prints something and exits.
static Expected<cl::Option *> findOption(StringRef Name) {
  auto &Registered = cl::getRegisteredOptions();
  auto It = Registered.find(Name);
  if (It == Registered.end())
    return invalid("LLVM has no option -" + Name);
  if (any_of(It->second->Categories,
             [](const cl::OptionCategory *C) { return C->getName() == "Generic Options"; }))
    return invalid("-" + Name + " changes no code");
  return It->second;
}

Error OptionScope::set(StringRef Text) {
  auto [Name, Value] = splitOption(Text);
  Expected<cl::Option *> Found = findOption(Name);
  if (!Found)
    return Found.takeError();
  cl::Option *O = *Found;
  bool Ours = is_contained(Touched, O);
  if (O->getNumOccurrences() > 0) {
    if (!Ours)
      return Error::success();
    O->reset();
  }
  if (!Ours)
    Touched.push_back(O);
  if (O->addOccurrence(0, Name, Value))
    return invalid("LLVM does not accept '" + Text + "'");
  return Error::success();
}

/// Why the ban list refuses \p Text, or nothing. `refusal` in actions.py is the same in Python.
static StringRef banReason(StringRef Text) {
  auto IsNameCharacter = [](char C) { return isAlnum(C) || C == '-'; };
  if (isOptionAction(Text)) {
    StringRef Name = splitOption(Text).first;
    for (const Ban &B : Bans)
      if (B.Name.starts_with("-") && B.Name.drop_front() == Name)
        return B.Reason;
    return {};
  }
  // Names of passes and adaptors with their parameters.
  SmallVector<std::pair<StringRef, StringRef>, 8> Words;
  for (StringRef Rest = Text; !Rest.empty();) {
    StringRef Name = Rest.take_while(IsNameCharacter), Parameters;
    Rest = Rest.drop_front(std::max<size_t>(Name.size(), 1));
    if (Name.empty())
      continue;
    if (Rest.consume_front("<")) {
      std::tie(Parameters, Rest) = Rest.split('>');
    }
    Words.push_back({Name, Parameters});
  }
  for (const auto &[Name, Parameters] : Words)
    for (const Ban &B : Bans) {
      if (B.Name != Name)
        continue;
      SmallVector<StringRef, 4> Given;
      Parameters.split(Given, ';');
      bool Fulfilled = is_contained(Given, B.Needs) ||
                       any_of(Words, [&](const auto &Word) { return Word.first == B.Needs; });
      if (B.Needs.empty() || !Fulfilled)
        return B.Reason;
    }
  return {};
}

static cl::opt<bool> OmitFramePointers("mlcomp-omit-frame-pointer", cl::Hidden,
                                       cl::desc("Keep frame pointers only where code needs them"));
static cl::opt<bool> KeepFramePointers("mlcomp-keep-frame-pointers", cl::Hidden,
                                       cl::desc("The user wants frame pointers, whatever a policy says"));

void prepareForCodeGeneration(Module &M) {
  addFramePointers(M);
  if (!OmitFramePointers || KeepFramePointers)
    return;
  for (Function &F : M)
    if (F.hasFnAttribute("frame-pointer"))
      F.addFnAttr("frame-pointer", "none");
}

Error setOptions(ArrayRef<std::string> Texts, OptionScope &Scope) {
  for (const std::string &Text : Texts)
    if (isOptionAction(Text))
      if (Error E = Scope.set(Text))
        return E;
  return Error::success();
}

static std::optional<OptimizationLevel> parseLevel(StringRef Name) {
  return StringSwitch<std::optional<OptimizationLevel>>(Name)
      .Case("O0", OptimizationLevel::O0)
      .Case("O1", OptimizationLevel::O1)
      .Case("O2", OptimizationLevel::O2)
      .Case("O3", OptimizationLevel::O3)
      .Case("Os", OptimizationLevel::Os)
      .Case("Oz", OptimizationLevel::Oz)
      .Default(std::nullopt);
}

/// A pipeline as text. `default<Oz>` and its kin are built as clang builds them;
/// LLVM's parser would set its own idea of vectorisation, and leave it set.
static Expected<ModulePassManager> parsePipeline(StringRef Text, PassBuilder &PB) {
  auto [Name, Rest] = Text.split('<');
  std::optional<OptimizationLevel> Level;
  if (Rest.consume_back(">"))
    Level = parseLevel(Rest);
  if (Level && *Level != OptimizationLevel::O0) {
    if (Name == "default")
      return PB.buildPerModuleDefaultPipeline(*Level);
    if (Name == "thinlto-pre-link")
      return PB.buildThinLTOPreLinkDefaultPipeline(*Level);
    if (Name == "lto-pre-link")
      return PB.buildLTOPreLinkDefaultPipeline(*Level);
    if (Name == "lto")
      return PB.buildLTODefaultPipeline(*Level, nullptr);
  }
  ModulePassManager MPM;
  if (Error E = PB.parsePassPipeline(MPM, Text))
    return E;
  return MPM;
}

Error checkAction(StringRef Text, PassBuilder &PB) {
  if (StringRef Reason = banReason(Text); !Reason.empty())
    return invalid("action '" + Text + "' is banned: " + Reason);
  if (isOptionAction(Text))
    return findOption(splitOption(Text).first).takeError();
  if (Text.consume_front("attr:")) {
    if ((Text.consume_front("+") || Text.consume_front("-")) &&
        Attribute::getAttrKindFromName(Text) != Attribute::None)
      return Error::success();
    return invalid("LLVM has no function attribute '" + Text + "'");
  }
  return parsePipeline(Text, PB).takeError();
}

static Error applyAttribute(StringRef Text, Module &M) {
  bool Add = Text.front() == '+';
  Attribute::AttrKind Kind = Attribute::getAttrKindFromName(Text.drop_front());
  if (Kind == Attribute::None || !Attribute::isEnumAttrKind(Kind))
    return invalid("LLVM has no function attribute '" + Text.drop_front() + "'");
  for (Function &F : M) {
    if (F.isDeclaration() || F.hasOptNone())
      continue;
    bool Conflicts = Kind == Attribute::NoInline && F.hasFnAttribute(Attribute::AlwaysInline);
    if (Add && !Conflicts)
      F.addFnAttr(Kind);
    else if (!Add)
      F.removeFnAttr(Kind);
  }
  return Error::success();
}

Error applyAction(StringRef Text, Module &M, const CompilationContext &Ctx, OptionScope &Options) {
  if (isOptionAction(Text))
    return Options.set(Text);
  if (Text.consume_front("attr:")) {
    if (Error E = applyAttribute(Text, M))
      return E;
    Ctx.MAM.invalidate(M, PreservedAnalyses::none());
    return Error::success();
  }
  auto MPM = parsePipeline(Text, Ctx.PB);
  if (!MPM)
    return MPM.takeError();
  MPM->run(M, Ctx.MAM);
  std::string Broken;
  raw_string_ostream OS(Broken);
  if (VerifiesActions && verifyModule(M, &OS))
    return invalid("action '" + Text + "' breaks the module: " + OS.str());
  return Error::success();
}

Error applySequence(ArrayRef<std::string> Sequence, Module &M, const CompilationContext &Ctx,
                    OptionScope &Options) {
  if (Error E = applyAction("always-inline", M, Ctx, Options))
    return E;
  for (const std::string &Text : Sequence)
    if (Error E = applyAction(Text, M, Ctx, Options))
      return E;
  return Error::success();
}

} // namespace mlcomp
