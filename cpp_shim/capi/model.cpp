#include "model.h"
#include "ModelRunner.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Compiler.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cstring>

#define API extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT

using namespace llvm;
using namespace mlcomp;

struct mlcomp_model {
  std::unique_ptr<ModelRunner> Runner;
};

static int fail(Error E, char **Out) {
  *Out = strdup(toString(std::move(E)).c_str());
  return 1;
}

static Expected<std::unique_ptr<ModelRunner>> load(StringRef Path, StringRef Engine, StringRef OrtLibrary) {
  if (Engine == "ort")
    return createOrtRunner(Path, OrtLibrary);
  if (Engine != "native")
    return createStringError(inconvertibleErrorCode(),
                             "unknown engine '" + Engine + "', it is native or ort");
  auto File = MemoryBuffer::getFile(Path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!File)
    return createStringError(File.getError(), "cannot read " + Path + ": " + File.getError().message());
  return createNativeRunner((*File)->getBuffer());
}

API mlcomp_model *mlcomp_model_load(const char *Path, const char *Engine, const char *OrtLibrary,
                                    char **Error) {
  auto Runner = load(Path, Engine, OrtLibrary ? OrtLibrary : "");
  if (!Runner) {
    fail(Runner.takeError(), Error);
    return nullptr;
  }
  return new mlcomp_model{std::move(*Runner)};
}

API size_t mlcomp_model_input_size(const mlcomp_model *Model) { return Model->Runner->inputSize(); }

API size_t mlcomp_model_output_size(const mlcomp_model *Model) { return Model->Runner->outputSize(); }

API int mlcomp_model_run(mlcomp_model *Model, const float *Input, size_t InputSize, float *Output,
                         size_t OutputSize, char **Error) {
  Expected<std::vector<float>> Scores = Model->Runner->run(ArrayRef(Input, InputSize));
  if (!Scores)
    return fail(Scores.takeError(), Error);
  if (Scores->size() != OutputSize)
    return fail(createStringError(inconvertibleErrorCode(), "the model gives " + Twine(Scores->size()) +
                                                                " scores, not " + Twine(OutputSize)),
                Error);
  llvm::copy(*Scores, Output);
  return 0;
}

API void mlcomp_model_free(mlcomp_model *Model) { delete Model; }
