#include "Policy.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/TargetParser/Triple.h"
#include <cmath>
#include <cstdlib>
#include <dlfcn.h>
#include <numeric>

using namespace llvm;

namespace mlcomp {

static constexpr int64_t ManifestFormat = 1;
static constexpr uint64_t MaxFileBytes = 64u << 20;

static Error refuse(const Twine &Message) { return createStringError(inconvertibleErrorCode(), Message); }

static Expected<std::unique_ptr<MemoryBuffer>> readFile(StringRef Path) {
  auto Buffer = MemoryBuffer::getFile(Path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!Buffer)
    return refuse("cannot read " + Path + ": " + Buffer.getError().message());
  if ((*Buffer)->getBufferSize() > MaxFileBytes)
    return refuse(Path + " is larger than 64 MiB");
  return std::move(*Buffer);
}

static bool fromJSON(const json::Value &V, Alternative &A, json::Path P) {
  json::ObjectMapper O(V, P);
  return O && O.map("name", A.Name) && O.map("actions", A.Steps);
}

static bool fromJSON(const json::Value &V, SequenceEdit &E, json::Path P) {
  json::ObjectMapper O(V, P);
  std::string Where;
  if (!O || !O.map("where", Where) || !O.map("action", E.Action))
    return false;
  if (Where != "front" && Where != "back") {
    P.field("where").report("expected front or back");
    return false;
  }
  E.AtFront = Where == "front";
  return true;
}

static bool fromJSON(const json::Value &V, EffortPlan &E, json::Path P) {
  json::ObjectMapper O(V, P);
  return O && O.map("sequences", E.Sequences) && O.map("option_sets", E.OptionSets) &&
         O.mapOptional("option_edits", E.OptionEdits) && O.mapOptional("sequence_edits", E.SequenceEdits) &&
         O.mapOptional("rounds", E.Rounds);
}

namespace {

struct Manifest {
  int64_t Format = 0, LlvmMin = 0, LlvmMax = 0;
  double SequenceMargin = 0, OptionMargin = 0;
  std::vector<std::string> Features;
  std::vector<EffortPlan> Efforts;
  std::string SequenceModel, OptionModel;
};

} // namespace

/// ONNX Runtime's library: as the user says, or from the Python package beside
/// ours.
static std::string ortLibrary() {
  if (const char *Given = std::getenv("MLCOMP_ORT_LIBRARY"))
    return Given;
  Dl_info Ours;
  if (!dladdr(reinterpret_cast<void *>(&ortLibrary), &Ours))
    return "";
  SmallString<256> Folder(Ours.dli_fname);
  for (int Up = 0; Up != 3; ++Up) // site-packages/mlcomp/lib/LIBRARY
    sys::path::remove_filename(Folder);
  sys::path::append(Folder, "onnxruntime", "capi");
  std::vector<std::string> Found;
  std::error_code Code;
  for (sys::fs::directory_iterator It(Folder, Code), End; It != End && !Code; It.increment(Code))
    if (sys::path::filename(It->path()).starts_with("libonnxruntime.so"))
      Found.push_back(It->path());
  return Found.empty() ? "" : *std::min_element(Found.begin(), Found.end());
}

Error Policy::readManifest(StringRef Folder, Engine E) {
  SmallString<256> Path(Folder);
  sys::path::append(Path, "manifest.json");
  auto Text = readFile(Path);
  if (!Text)
    return Text.takeError();
  Expected<json::Value> Json = json::parse((*Text)->getBuffer());
  if (!Json)
    return refuse("manifest.json is not JSON: " + toString(Json.takeError()));

  Manifest Mf;
  json::Path::Root Root("manifest");
  json::ObjectMapper O(*Json, Root);
  bool Ok = O && O.map("format", Mf.Format) && O.map("name", Name) && O.map("objective", Objective) &&
            O.map("architectures", Architectures) && O.map("llvm_min", Mf.LlvmMin) &&
            O.map("llvm_max", Mf.LlvmMax) && O.map("baseline", Baseline) &&
            O.map("sequence_margin", Mf.SequenceMargin) && O.map("option_margin", Mf.OptionMargin) &&
            O.map("max_instructions", MaxInstructions) && O.map("features", Mf.Features) &&
            O.map("sequences", Sequences) && O.map("option_sets", OptionSets) &&
            O.map("option_edits", OptionEdits) && O.map("sequence_edits", SequenceEdits) &&
            O.map("efforts", Mf.Efforts) && O.map("sequence_model", Mf.SequenceModel) &&
            O.mapOptional("option_model", Mf.OptionModel);
  if (!Ok)
    return refuse(toString(Root.getError()));
  if (Mf.Format != ManifestFormat)
    return refuse("manifest format " + Twine(Mf.Format) + " is not known");
  if (LLVM_VERSION_MAJOR < Mf.LlvmMin || LLVM_VERSION_MAJOR > Mf.LlvmMax)
    return refuse("needs LLVM " + Twine(Mf.LlvmMin) + " to " + Twine(Mf.LlvmMax) + ", this is " +
                  Twine(LLVM_VERSION_MAJOR));
  if (Sequences.empty() || OptionSets.empty() || !OptionSets[0].Steps.empty() || Mf.Efforts.size() != Efforts)
    return refuse("manifest has no baseline, or not 4 efforts");
  SequenceMargin = Mf.SequenceMargin;
  OptionMargin = Mf.OptionMargin;
  for (unsigned I = 0; I != Efforts; ++I) {
    if (Mf.Efforts[I].OptionSets.empty())
      return refuse("effort " + Twine(I) + " has no option sets");
    Plans[I] = Mf.Efforts[I];
  }

  StringMap<unsigned> Known;
  for (unsigned I = 0; I != NumFeatures; ++I)
    Known[featureNames()[I]] = I;
  for (const std::string &F : Mf.Features) {
    auto It = Known.find(F);
    if (It == Known.end())
      return refuse("names feature '" + F + "', which this build lacks");
    FeatureIndex.push_back(It->second);
  }

  auto LoadModel = [&](StringRef File) -> Expected<std::unique_ptr<ModelRunner>> {
    if (sys::path::filename(File) != File)
      return refuse("model file name '" + File + "' leaves the folder");
    SmallString<256> ModelPath(Folder);
    sys::path::append(ModelPath, File);
    auto Bytes = readFile(ModelPath);
    if (!Bytes)
      return Bytes.takeError();
    if (E == Engine::Ort)
      return createOrtRunner(ModelPath, ortLibrary());
    auto Runner = createNativeRunner((*Bytes)->getBuffer());
    if (Runner || E == Engine::Native)
      return Runner;
    Error Problem = Runner.takeError();
    if (!Problem.isA<UnsupportedOperator>())
      return Problem;
    auto Reference = createOrtRunner(ModelPath, ortLibrary());
    if (Reference)
      consumeError(std::move(Problem));
    else
      return joinErrors(std::move(Problem), Reference.takeError());
    return Reference;
  };
  if (Mf.OptionModel.empty() && OptionSets.size() > 1)
    return refuse("has option sets and no model that ranks them");
  for (auto [File, Slot] :
       {std::pair(&Mf.SequenceModel, &SequenceModel), std::pair(&Mf.OptionModel, &OptionModel)}) {
    if (File->empty())
      continue;
    auto Runner = LoadModel(*File);
    if (!Runner)
      return refuse(*File + ": " + toString(Runner.takeError()));
    size_t Alternatives = File == &Mf.SequenceModel ? Sequences.size() : OptionSets.size();
    if ((*Runner)->inputSize() != FeatureIndex.size() || (*Runner)->outputSize() != Alternatives)
      return refuse(*File + ": ranks " + Twine((*Runner)->outputSize()) + " alternatives by " +
                    Twine((*Runner)->inputSize()) + " features, the policy has " + Twine(Alternatives) +
                    " and " + Twine(FeatureIndex.size()));
    *Slot = std::move(*Runner);
  }
  if (const json::Value *Entry = Json->getAsObject()->get("judge")) {
    auto J = Judge::read(*Entry, LoadModel);
    if (!J)
      return J.takeError();
    TheJudge = std::move(*J);
  }
  return Error::success();
}

Expected<std::unique_ptr<Policy>> Policy::load(StringRef Folder, PassBuilder &PB, Engine E) {
  std::unique_ptr<Policy> P(new Policy);
  if (Error Err = P->readManifest(Folder, E))
    return refuse("policy '" + sys::path::filename(Folder) + "': " + toString(std::move(Err)));
  std::vector<StringRef> Texts(P->OptionEdits.begin(), P->OptionEdits.end());
  for (const SequenceEdit &Edit : P->SequenceEdits)
    Texts.push_back(Edit.Action);
  for (const auto *List : {&P->Sequences, &P->OptionSets})
    for (const Alternative &A : *List)
      Texts.insert(Texts.end(), A.Steps.begin(), A.Steps.end());
  llvm::sort(Texts);
  Texts.erase(llvm::unique(Texts), Texts.end());
  for (StringRef Text : Texts)
    if (Error Err = checkAction(Text, PB))
      return refuse("policy '" + P->Name + "': " + toString(std::move(Err)));
  return P;
}

Error Policy::checkTarget(const Triple &T) const {
  // As the triple spells it, or as LLVM does: amd64 is x86_64.
  for (StringRef Arch : {T.getArchName(), Triple::getArchTypeName(T.getArch())})
    for (StringRef A : Architectures)
      if (Arch == A || (A.ends_with("*") && Arch.starts_with(A.drop_back())))
        return Error::success();
  return refuse("policy '" + Name + "' is for " + join(Architectures, ", ") + ", the target is " +
                T.getArchName());
}

Expected<std::vector<float>> Policy::score(ModelRunner &Model, const FeatureVector &Features,
                                           size_t Count) const {
  std::vector<float> Input;
  Input.reserve(FeatureIndex.size());
  for (unsigned I : FeatureIndex)
    Input.push_back(Features[I]);
  auto Scores = Model.run(Input);
  if (!Scores)
    return Scores.takeError();
  if (Scores->size() != Count)
    return refuse("policy '" + Name + "': the model gives " + Twine(Scores->size()) + " scores for " +
                  Twine(Count) + " alternatives");
  for (float S : *Scores)
    if (!std::isfinite(S))
      return refuse("policy '" + Name + "': the model gives no finite score");
  return Scores;
}

Expected<std::vector<float>> Policy::scoreSequences(const FeatureVector &Features) const {
  return score(*SequenceModel, Features, Sequences.size());
}

Expected<std::vector<float>> Policy::scoreOptionSets(const FeatureVector &Features) const {
  if (!OptionModel)
    return std::vector<float>(OptionSets.size());
  return score(*OptionModel, Features, OptionSets.size());
}

std::vector<unsigned> rankScores(ArrayRef<float> Scores) {
  std::vector<unsigned> Order(Scores.size());
  std::iota(Order.begin(), Order.end(), 0u);
  llvm::stable_sort(Order, [&](unsigned A, unsigned B) { return Scores[A] < Scores[B]; });
  return Order;
}

} // namespace mlcomp
