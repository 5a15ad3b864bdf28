//===- TreeEnsemble.h - The operator TreeEnsembleRegressor ----------------===//
//
// Decision trees that are evaluated as ONNX Runtime does on one row and one
// thread: comparisons in float, trees summed in float in the order of the
// file, the base values added last. Results are equal bit for bit.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_TREEENSEMBLE_H
#define MLCOMP_CORE_TREEENSEMBLE_H

#include "OnnxReader.h"

namespace mlcomp {

class TreeEnsemble {
public:
  /// Fails on trees that are malformed for rows of Features elements; with
  /// UnsupportedOperator on settings that are not implemented.
  static llvm::Expected<TreeEnsemble> create(const onnx::Node &N, size_t Features);

  size_t targets() const { return Targets; }
  size_t nodeCount() const { return Nodes.size(); }
  void run(const float *X, float *Out) const;

private:
  enum Mode : uint32_t { LessEqual, Less, GreaterEqual, Greater, Equal, NotEqual, Leaf };

  static constexpr uint32_t MaxFeature = (1u << 28) - 1;

  struct TreeNode {
    float Threshold;
    uint32_t Feature : 28;
    uint32_t Mode : 3;
    uint32_t MissingIsTrue : 1;
    uint32_t True;  // a leaf's first weight
    uint32_t False; // the end of a leaf's weights
  };
  struct Weight {
    uint32_t Target;
    float Value;
  };
  class Builder;

  const TreeNode &leaf(const TreeNode *At, const float *X) const;

  size_t Targets = 0;
  bool Average = false;
  bool OnlyLessEqual = true; // and no missing values
  std::vector<TreeNode> Nodes;
  std::vector<Weight> Weights;
  std::vector<uint32_t> Roots;
  std::vector<float> Base; // empty or one for each target
};

} // namespace mlcomp

#endif
