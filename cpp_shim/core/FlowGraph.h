//===- FlowGraph.h - control flow of a function -------------------------===//
//
// A small, self-contained view of a function's control flow in flat arrays. It
// is rebuilt from the IR alone in a few microseconds, where LLVM's dominator
// tree, LoopInfo, ScalarEvolution and BlockFrequencyInfo would cost more than
// all other features together, and it depends on no cached analysis.
//
// passes_features/reference.py specifies every definition that is used here.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_FLOWGRAPH_H
#define MLCOMP_CORE_FLOWGRAPH_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <optional>

namespace llvm {
class BasicBlock;
class Function;
} // namespace llvm

namespace mlcomp {

/// Blocks are numbered in the order of the function; 0 is the entry.
class FlowGraph {
public:
  static constexpr unsigned None = ~0u;

  struct Loop {
    unsigned Header = None;
    unsigned Parent = None;     ///< The smallest loop around this one.
    unsigned Depth = 0;         ///< 1 for an outermost loop.
    unsigned Latches = 0;       ///< Back edges.
    unsigned Latch = None;      ///< The source of the last of them.
    unsigned ExitingBlocks = 0; ///< Blocks with an edge that leaves the loop.
    unsigned Exiting = None;    ///< The last of them.
    bool Innermost = true;
    bool HasPreheader = false;
    bool LatchExits = false;
    /// How often the header is executed each time the loop is entered.
    std::optional<uint64_t> TripCount;
  };

  explicit FlowGraph(const llvm::Function &F);

  unsigned size() const { return Blocks.size(); }
  const llvm::BasicBlock *block(unsigned B) const { return Blocks[B]; }
  llvm::ArrayRef<unsigned> successors(unsigned B) const {
    return llvm::ArrayRef(Succ).slice(SuccBegin[B], SuccBegin[B + 1] - SuccBegin[B]);
  }
  llvm::ArrayRef<unsigned> predecessors(unsigned B) const {
    return llvm::ArrayRef(Pred).slice(PredBegin[B], PredBegin[B + 1] - PredBegin[B]);
  }
  bool isReachable(unsigned B) const { return Position[B] != None; }

  /// Inner loops come before the loops around them.
  llvm::ArrayRef<Loop> loops() const { return Loops; }
  /// The smallest loop around a block, or None.
  unsigned loopOf(unsigned B) const { return Innermost[B]; }
  bool contains(unsigned L, unsigned B) const;
  unsigned irreducibleEdges() const { return Irreducible; }

  /// Executions of a block for each call of the function, as far as the shape
  /// of the graph tells.
  double frequency(unsigned B) const { return Frequency[B]; }

private:
  template <typename T> using Vector = llvm::SmallVector<T, 32>;

  void addEdges(const llvm::Function &F);
  void order();
  void findDominators();
  bool dominates(unsigned A, unsigned B) const;
  void findLoops();
  void fillLoop(unsigned L, llvm::ArrayRef<unsigned> Latches);
  void describeLoops();
  void estimateFrequencies();

  Vector<const llvm::BasicBlock *> Blocks;
  Vector<unsigned> SuccBegin, Succ, PredBegin, Pred;

  // Depth-first search from the entry; unreachable blocks have no numbers.
  Vector<unsigned> Preorder;   ///< Blocks as they were met,
  Vector<unsigned> TreeParent; ///< where from (both by number in Preorder),
  Vector<unsigned> Number;     ///< and the number of each block.
  Vector<unsigned> Order;      ///< Blocks in reverse post-order,
  Vector<unsigned> Position;   ///< and the place of each block in it.
  bool HasRetreatingEdge = false;

  /// By number in Preorder: a block dominates those whose place in a walk of
  /// the dominator tree is within its subtree's.
  Vector<unsigned> TreePlace, TreeSize;

  Vector<unsigned> Innermost;
  Vector<unsigned> HeaderOf; ///< The loop whose header a block is, or None.
  llvm::SmallVector<Loop, 4> Loops;
  unsigned Irreducible = 0;
  Vector<double> Frequency;
};

} // namespace mlcomp

#endif
