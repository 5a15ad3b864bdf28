//===- OnnxReader.h - The part of the ONNX format that policies use -------===//
//
// Decodes the protocol buffers of an .onnx file into plain structures, without
// a protobuf library. Names are views of the bytes read, which must outlive
// the model. Fields that no runner needs (documentation, metadata, subgraphs,
// sparse tensors) are skipped. What the decoder accepts is well formed: lists
// are bounded in total and a tensor has as many elements as its shape says.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_ONNXREADER_H
#define MLCOMP_CORE_ONNXREADER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mlcomp::onnx {

constexpr size_t MaxFileBytes = size_t(64) << 20;
/// Elements of all lists and tensors of a model together.
constexpr size_t MaxElements = size_t(1) << 24;

using Shape = std::vector<int64_t>;

/// A name of a model for a message of one line, whatever bytes it has.
std::string quoted(llvm::StringRef Name);

/// Number of elements, or nothing if a dimension is negative or the product
/// exceeds MaxElements.
std::optional<size_t> elementCount(llvm::ArrayRef<int64_t> Dims);

/// TensorProto.DataType, those with contents that are decoded.
enum ElementType : int64_t { Float = 1, Int32 = 6, Int64 = 7 };

struct Tensor {
  llvm::StringRef Name;
  int64_t Type = 0;
  Shape Dims;
  std::vector<float> Floats; // of a Float tensor
  std::vector<int64_t> Ints; // of an Int32 or Int64 tensor
  bool HasContents = false;  // false: another type, or kept in another file
};

/// A list stays encoded until it is asked for: those of a tree ensemble are
/// long, and go straight to their place a piece at a time.
struct Attribute {
  /// AttributeProto.AttributeType
  enum Kind : int64_t { Unknown = 0, F = 1, I = 2, S = 3, T = 4, Floats = 6, Ints = 7, Strings = 8 };

  llvm::StringRef Name;
  int64_t Type = Unknown;
  float FloatValue = 0;
  int64_t IntValue = 0;
  llvm::StringRef StringValue;
  std::unique_ptr<Tensor> TensorValue;
  size_t Length = 0; // of the list
  llvm::StringRef Encoded;

  /// Takes the elements from First on.
  template <typename Element>
  using Receiver = llvm::function_ref<void(size_t First, llvm::ArrayRef<Element>)>;
  void floats(Receiver<float> Take) const;
  void ints(Receiver<int64_t> Take) const;
  void strings(Receiver<llvm::StringRef> Take) const;

  std::vector<float> floatList() const;
  std::vector<int64_t> intList() const;
};

struct Node {
  llvm::StringRef Operator, Domain;
  std::vector<llvm::StringRef> Inputs; // empty name: input left out
  std::vector<llvm::StringRef> Outputs;
  std::vector<Attribute> Attributes;

  const Attribute *attribute(llvm::StringRef Name) const;
};

/// An input or output of the graph.
struct ValueInfo {
  llvm::StringRef Name;
  int64_t Type = 0;
  bool HasShape = false;
  Shape Dims; // -1: symbolic or unknown
};

struct Model {
  int64_t Opset = 0; // of the default domain, 0 if it is not imported
  std::vector<Node> Nodes;
  std::vector<Tensor> Initializers;
  std::vector<ValueInfo> Inputs; // without those that are initializers
  std::vector<ValueInfo> Outputs;

  /// The single input's number of features; fails unless the model has one
  /// float input of shape [N] or [batch, N] and one output.
  llvm::Expected<unsigned> featureCount() const;
};

llvm::Expected<Model> read(llvm::StringRef Bytes);

} // namespace mlcomp::onnx

#endif
