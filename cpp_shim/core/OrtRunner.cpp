// Runs a model on ONNX Runtime, which is loaded at run time. Its C interface is
// an append-only table of functions; the entries used here, all of version 1,
// are declared by hand.

#include "ModelRunner.h"
#include "OnnxReader.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cstddef>
#include <cstdlib>
#include <dlfcn.h>

using namespace llvm;

namespace mlcomp {

namespace {

struct OrtStatus;
struct OrtEnv;
struct OrtSessionOptions;
struct OrtSession;
struct OrtMemoryInfo;
struct OrtValue;
struct OrtTensorInfo;

/// The numbers of an entry are its place in the table.
struct OrtApi {
  void *Unused0[2];
  const char *(*GetErrorMessage)(const OrtStatus *);                     // 2
  OrtStatus *(*CreateEnv)(int LogLevel, const char *LogName, OrtEnv **); // 3
  void *Unused4[3];
  OrtStatus *(*CreateSession)(OrtEnv *, const char *Path, OrtSessionOptions *, OrtSession **); // 7
  void *Unused8[1];
  OrtStatus *(*Run)(OrtSession *, const void *RunOptions, const char *const *InputNames,
                    const OrtValue *const *Inputs, size_t InputCount, const char *const *OutputNames,
                    size_t OutputCount, OrtValue **Outputs); // 9
  OrtStatus *(*CreateSessionOptions)(OrtSessionOptions **);  // 10
  void *Unused11[13];
  OrtStatus *(*SetIntraOpNumThreads)(OrtSessionOptions *, int); // 24
  OrtStatus *(*SetInterOpNumThreads)(OrtSessionOptions *, int); // 25
  void *Unused26[23];
  OrtStatus *(*CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo *, void *Data, size_t Bytes,
                                               const int64_t *Dims, size_t Rank, int Type, OrtValue **); // 49
  OrtStatus *(*IsTensor)(const OrtValue *, int *);                                                       // 50
  OrtStatus *(*GetTensorMutableData)(OrtValue *, void **);                                               // 51
  void *Unused52[8];
  OrtStatus *(*GetTensorElementType)(const OrtTensorInfo *, int *); // 60
  void *Unused61[3];
  OrtStatus *(*GetTensorShapeElementCount)(const OrtTensorInfo *, size_t *); // 64
  OrtStatus *(*GetTensorTypeAndShape)(const OrtValue *, OrtTensorInfo **);   // 65
  void *Unused66[3];
  OrtStatus *(*CreateCpuMemoryInfo)(int Allocator, int MemoryType, OrtMemoryInfo **); // 69
  void *Unused70[22];
  void (*ReleaseEnv)(OrtEnv *);               // 92
  void (*ReleaseStatus)(OrtStatus *);         // 93
  void (*ReleaseMemoryInfo)(OrtMemoryInfo *); // 94
  void (*ReleaseSession)(OrtSession *);       // 95
  void (*ReleaseValue)(OrtValue *);           // 96
  void *Unused97[2];
  void (*ReleaseTensorInfo)(OrtTensorInfo *);         // 99
  void (*ReleaseSessionOptions)(OrtSessionOptions *); // 100
};
static_assert(offsetof(OrtApi, CreateTensorWithDataAsOrtValue) == 49 * sizeof(void *) &&
                  offsetof(OrtApi, CreateCpuMemoryInfo) == 69 * sizeof(void *) &&
                  offsetof(OrtApi, ReleaseSessionOptions) == 100 * sizeof(void *),
              "an entry is missing");

struct OrtApiBase {
  const OrtApi *(*GetApi)(uint32_t Version);
  const char *(*GetVersionString)();
};

/// Version 16 of the interface came with ONNX Runtime 1.16.
constexpr uint32_t ApiVersion = 16;
constexpr int LogErrors = 3, FloatElements = 1;

template <typename T> using Owned = std::unique_ptr<T, void (*)(T *)>;

Error refuse(const Twine &What) {
  return createStringError(inconvertibleErrorCode(), "ONNX Runtime: " + What);
}

/// The library's messages have several lines; the first says it.
std::string firstLine(StringRef Text) { return Text.split('\n').first.str(); }

Expected<const OrtApi *> loadLibrary(StringRef Path) {
  if (Path.empty())
    return refuse("no library given; set MLCOMP_ORT_LIBRARY to the path of libonnxruntime.so");
  // Never closed: the library has threads' and process' exit handlers.
  void *Library = dlopen(Path.str().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!Library)
    return refuse("cannot load the library: " + firstLine(dlerror()));
  auto GetBase = reinterpret_cast<const OrtApiBase *(*)()>(dlsym(Library, "OrtGetApiBase"));
  if (!GetBase)
    return refuse(Path + " is not ONNX Runtime: it has no OrtGetApiBase");
  const OrtApiBase *Base = GetBase();
  const OrtApi *Api = Base ? Base->GetApi(ApiVersion) : nullptr;
  if (!Api)
    return refuse(Path + " is version " + (Base ? Base->GetVersionString() : "unknown") +
                  ", 1.16 or newer is needed");
  return Api;
}

class OrtRunner final : public ModelRunner {
public:
  explicit OrtRunner(const OrtApi &Api) : Api(Api) {}

  Error load(const std::string &Path, const onnx::Model &M);
  Expected<std::vector<float>> run(ArrayRef<float> Input) override;

private:
  Error check(OrtStatus *Status) const {
    if (!Status)
      return Error::success();
    Error E = refuse(firstLine(Api.GetErrorMessage(Status)));
    Api.ReleaseStatus(Status);
    return E;
  }

  const OrtApi &Api;
  Owned<OrtEnv> Env{nullptr, Api.ReleaseEnv};
  Owned<OrtMemoryInfo> Memory{nullptr, Api.ReleaseMemoryInfo};
  Owned<OrtSession> Session{nullptr, Api.ReleaseSession};
  std::string InputName, OutputName;
  onnx::Shape InputDims;
};

} // namespace

Error OrtRunner::load(const std::string &Path, const onnx::Model &M) {
  Expected<unsigned> Features = M.featureCount();
  if (!Features)
    return Features.takeError();
  InputSize = *Features;
  InputName = M.Inputs.front().Name.str();
  OutputName = M.Outputs.front().Name.str();
  InputDims.assign(M.Inputs.front().Dims.size(), 1);
  InputDims.back() = InputSize;

  // Read when the environment is created.
  setenv("ORT_DISABLE_TELEMETRY", "1", /*replace=*/1);
  OrtEnv *NewEnv = nullptr;
  if (Error E = check(Api.CreateEnv(LogErrors, "mlcomp", &NewEnv)))
    return E;
  Env.reset(NewEnv);
  OrtSessionOptions *NewOptions = nullptr;
  if (Error E = check(Api.CreateSessionOptions(&NewOptions)))
    return E;
  Owned<OrtSessionOptions> Options(NewOptions, Api.ReleaseSessionOptions);
  if (Error E = check(Api.SetIntraOpNumThreads(Options.get(), 1)))
    return E;
  if (Error E = check(Api.SetInterOpNumThreads(Options.get(), 1)))
    return E;
  OrtSession *NewSession = nullptr;
  if (Error E = check(Api.CreateSession(Env.get(), Path.c_str(), Options.get(), &NewSession)))
    return E;
  Session.reset(NewSession);
  OrtMemoryInfo *NewMemory = nullptr;
  if (Error E = check(Api.CreateCpuMemoryInfo(/*arena*/ 1, /*default*/ 0, &NewMemory)))
    return E;
  Memory.reset(NewMemory);

  // Exporters are careless about the declared output shape: ask the model.
  Expected<std::vector<float>> Probe = run(std::vector<float>(InputSize));
  if (!Probe)
    return Probe.takeError();
  OutputSize = static_cast<unsigned>(Probe->size());
  return Error::success();
}

Expected<std::vector<float>> OrtRunner::run(ArrayRef<float> Input) {
  if (Error E = checkInput(Input))
    return E;
  OrtValue *NewValue = nullptr;
  // The tensor only reads its data.
  if (Error E = check(Api.CreateTensorWithDataAsOrtValue(Memory.get(), const_cast<float *>(Input.data()),
                                                         Input.size() * sizeof(float), InputDims.data(),
                                                         InputDims.size(), FloatElements, &NewValue)))
    return E;
  Owned<OrtValue> In(NewValue, Api.ReleaseValue);
  const char *InputNames[] = {InputName.c_str()}, *OutputNames[] = {OutputName.c_str()};
  const OrtValue *Inputs[] = {In.get()};
  OrtValue *Result = nullptr;
  if (Error E = check(Api.Run(Session.get(), nullptr, InputNames, Inputs, 1, OutputNames, 1, &Result)))
    return E;
  Owned<OrtValue> Out(Result, Api.ReleaseValue);

  int IsTensor = 0;
  if (Error E = check(Api.IsTensor(Out.get(), &IsTensor)))
    return E;
  if (!IsTensor)
    return refuse("the output is not a tensor");
  OrtTensorInfo *NewInfo = nullptr;
  if (Error E = check(Api.GetTensorTypeAndShape(Out.get(), &NewInfo)))
    return E;
  Owned<OrtTensorInfo> Info(NewInfo, Api.ReleaseTensorInfo);
  int Type = 0;
  if (Error E = check(Api.GetTensorElementType(Info.get(), &Type)))
    return E;
  if (Type != FloatElements)
    return refuse("the output is not of type float");
  size_t Count = 0;
  if (Error E = check(Api.GetTensorShapeElementCount(Info.get(), &Count)))
    return E;
  void *Data = nullptr;
  if (Error E = check(Api.GetTensorMutableData(Out.get(), &Data)))
    return E;
  const float *First = static_cast<const float *>(Data);
  return std::vector<float>(First, First + Count);
}

Expected<std::unique_ptr<ModelRunner>> createOrtRunner(StringRef OnnxPath, StringRef OrtLibraryPath) {
  auto File = MemoryBuffer::getFile(OnnxPath, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!File)
    return createStringError(File.getError(), "cannot read " + OnnxPath + ": " + File.getError().message());
  Expected<onnx::Model> M = onnx::read((*File)->getBuffer());
  if (!M)
    return M.takeError();
  Expected<const OrtApi *> Api = loadLibrary(OrtLibraryPath);
  if (!Api)
    return Api.takeError();
  auto Runner = std::make_unique<OrtRunner>(**Api);
  if (Error E = Runner->load(OnnxPath.str(), *M))
    return E;
  return Runner;
}

} // namespace mlcomp
