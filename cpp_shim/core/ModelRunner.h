//===- ModelRunner.h - Inference of an exported policy model --------------===//
//
// A runner holds one ONNX model that maps one vector of float features to one
// vector of float scores, a batch of one row at a time. The native runner is
// the one that the compiler uses: it loads and runs in microseconds. The ONNX
// Runtime runner is the reference, and takes the models that the native one
// refuses with UnsupportedOperator.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_MODELRUNNER_H
#define MLCOMP_CORE_MODELRUNNER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace mlcomp {

/// A loaded model. Sizes are fixed when it is loaded; run() may use scratch
/// memory of the runner, so one runner serves one thread at a time.
class ModelRunner {
public:
  virtual ~ModelRunner() = default;

  /// Scores for one row. Fails unless Input has inputSize() elements.
  virtual llvm::Expected<std::vector<float>> run(llvm::ArrayRef<float> Input) = 0;

  unsigned inputSize() const { return InputSize; }
  unsigned outputSize() const { return OutputSize; }

protected:
  llvm::Error checkInput(llvm::ArrayRef<float> Input) const;

  unsigned InputSize = 0, OutputSize = 0;
};

/// A sound model that the native runner cannot compute; ONNX Runtime may.
class UnsupportedOperator : public llvm::ErrorInfo<UnsupportedOperator> {
public:
  static char ID;

  explicit UnsupportedOperator(std::string Message) : Message(std::move(Message)) {}
  void log(llvm::raw_ostream &OS) const override;
  std::error_code convertToErrorCode() const override;

private:
  std::string Message;
};

/// Reads a model of at most 64 MiB and keeps nothing of OnnxBytes. Any bytes
/// are safe: what is corrupt or excessive is an error.
llvm::Expected<std::unique_ptr<ModelRunner>> createNativeRunner(llvm::StringRef OnnxBytes);

/// Loads libonnxruntime (1.16 or newer) from OrtLibraryPath and the model into
/// it. Single-threaded, telemetry off. The library stays loaded.
llvm::Expected<std::unique_ptr<ModelRunner>> createOrtRunner(llvm::StringRef OnnxPath,
                                                             llvm::StringRef OrtLibraryPath);

} // namespace mlcomp

#endif
