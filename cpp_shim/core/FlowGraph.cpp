//===- FlowGraph.cpp - control flow of a function -----------------------===//

#include "FlowGraph.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/Instructions.h"

using namespace llvm;

namespace mlcomp {

// Executions of the header of a loop whose trip count is not known, weight of
// an edge that leads to an unreachable terminator, bound of a frequency.
constexpr double UnknownTrips = 10;
constexpr double ColdWeight = 1.0 / 64;
constexpr double MaxFrequency = 1e12;
constexpr uint64_t MaxTripCount = uint64_t(1) << 32;

FlowGraph::FlowGraph(const Function &F) {
  addEdges(F);
  order();
  if (HasRetreatingEdge)
    findDominators();
  findLoops();
  describeLoops();
  estimateFrequencies();
}

void FlowGraph::addEdges(const Function &F) {
  SmallDenseMap<const BasicBlock *, unsigned, 32> Index;
  for (const BasicBlock &B : F) {
    Index[&B] = Blocks.size();
    Blocks.push_back(&B);
  }
  SuccBegin.push_back(0);
  PredBegin.assign(size() + 1, 0);
  for (const BasicBlock *B : Blocks) {
    if (const Instruction *T = B->getTerminator())
      for (unsigned I = 0, E = T->getNumSuccessors(); I != E; ++I) {
        Succ.push_back(Index.lookup(T->getSuccessor(I)));
        ++PredBegin[Succ.back()];
      }
    SuccBegin.push_back(Succ.size());
  }
  // Counting sort by target: first where each block's list ends, then filled
  // from the back, which leaves where it begins.
  unsigned Sum = 0;
  for (unsigned &Begin : PredBegin)
    Begin = Sum += Begin;
  Pred.resize(Succ.size());
  for (unsigned B = size(); B-- != 0;)
    for (unsigned S : reverse(successors(B)))
      Pred[--PredBegin[S]] = B;
}

void FlowGraph::order() {
  struct Frame {
    unsigned Block, Next;
  };
  Vector<Frame> Stack;
  Number.assign(size(), None);
  Position.assign(size(), None);
  auto Enter = [&](unsigned B, unsigned From) {
    Number[B] = Preorder.size();
    Preorder.push_back(B);
    TreeParent.push_back(From);
    Stack.push_back({B, SuccBegin[B]});
  };
  Enter(0, 0);
  while (!Stack.empty()) {
    Frame &Top = Stack.back();
    unsigned B = Top.Block;
    if (Top.Next == SuccBegin[B + 1]) {
      Position[B] = Order.size();
      Order.push_back(B);
      Stack.pop_back();
      continue;
    }
    unsigned S = Succ[Top.Next++];
    if (Number[S] == None)
      Enter(S, Number[B]);
    else
      HasRetreatingEdge |= Position[S] == None; // still on the stack
  }
  std::reverse(Order.begin(), Order.end());
  for (unsigned B : Order)
    Position[B] = Order.size() - 1 - Position[B];
}

// Semi-NCA: Georgiadis, Linear-Time Algorithms for Dominators and Related
// Problems, 2005. Everything here is by number in Preorder.
void FlowGraph::findDominators() {
  unsigned N = Preorder.size();
  Vector<unsigned> Semi(N), Label(N), Ancestor(TreeParent), Path;
  for (unsigned V = 0; V != N; ++V)
    Semi[V] = Label[V] = V;

  // The vertex of smallest semidominator between V and the root of its tree in
  // the forest of vertices from Linked on; paths are compressed on the way.
  auto Evaluate = [&](unsigned V, unsigned Linked) {
    if (Ancestor[V] < Linked)
      return Label[V];
    for (; Ancestor[V] >= Linked; V = Ancestor[V])
      Path.push_back(V);
    unsigned Root = Ancestor[V], Best = Label[V];
    while (!Path.empty()) {
      V = Path.pop_back_val();
      Ancestor[V] = Root;
      if (Semi[Best] < Semi[Label[V]])
        Label[V] = Best;
      Best = Label[V];
    }
    return Best;
  };

  for (unsigned V = N; --V != 0;) {
    Semi[V] = TreeParent[V];
    for (unsigned P : predecessors(Preorder[V]))
      if (isReachable(P))
        Semi[V] = std::min(Semi[V], Semi[Evaluate(Number[P], V + 1)]);
  }
  Vector<unsigned> Dominator(TreeParent);
  for (unsigned V = 1; V < N; ++V)
    while (Dominator[V] > Semi[V])
      Dominator[V] = Dominator[Dominator[V]];

  TreeSize.assign(N, 1);
  for (unsigned V = N; --V != 0;)
    TreeSize[Dominator[V]] += TreeSize[V];
  TreePlace.assign(N, 0);
  Vector<unsigned> NextPlace(N, 1);
  for (unsigned V = 1; V < N; ++V) {
    unsigned &Next = NextPlace[Dominator[V]];
    TreePlace[V] = Next;
    Next += TreeSize[V];
    NextPlace[V] = TreePlace[V] + 1;
  }
}

bool FlowGraph::dominates(unsigned A, unsigned B) const {
  unsigned V = Number[A];
  return TreePlace[Number[B]] - TreePlace[V] < TreeSize[V];
}

void FlowGraph::findLoops() {
  Innermost.assign(size(), None);
  HeaderOf.assign(size(), None);
  if (!HasRetreatingEdge)
    return;
  // An inner loop's header comes after the outer one's, which dominates it.
  Vector<unsigned> Latches;
  for (unsigned Header : reverse(Order)) {
    Latches.clear();
    for (unsigned P : predecessors(Header)) {
      if (!isReachable(P) || Position[P] < Position[Header])
        continue;
      if (dominates(Header, P))
        Latches.push_back(P);
      else
        ++Irreducible;
    }
    if (Latches.empty())
      continue;
    Loop L;
    L.Header = Header;
    L.Latches = Latches.size();
    L.Latch = Latches.back();
    HeaderOf[Header] = Innermost[Header] = Loops.size();
    Loops.push_back(L);
    fillLoop(Loops.size() - 1, Latches);
  }
}

/// Finds the blocks of a loop backwards from its latches. A loop inside, whose
/// blocks are known, is passed in one step, from its header.
void FlowGraph::fillLoop(unsigned Index, ArrayRef<unsigned> Latches) {
  Vector<unsigned> Work(Latches.begin(), Latches.end());
  while (!Work.empty()) {
    unsigned B = Work.pop_back_val(), Inner = Innermost[B];
    if (Inner == None) {
      Innermost[B] = Index;
    } else {
      while (Inner != Index && Loops[Inner].Parent != None)
        Inner = Loops[Inner].Parent;
      if (Inner == Index)
        continue;
      Loops[Inner].Parent = Index;
      Loops[Index].Innermost = false;
      B = Loops[Inner].Header;
    }
    for (unsigned P : predecessors(B))
      if (isReachable(P))
        Work.push_back(P);
  }
}

bool FlowGraph::contains(unsigned L, unsigned B) const {
  unsigned Around = Innermost[B];
  while (Around < L)
    Around = Loops[Around].Parent;
  return Around == L;
}

namespace {

/// A phi node of a loop's header that starts at a constant and changes by a
/// constant each time round.
struct Counter {
  const PHINode *Phi = nullptr;
  const Value *Next = nullptr;
  APInt Start, Step;
};

std::optional<Counter> asCounter(const PHINode &Phi, const BasicBlock *Latch) {
  if (Phi.getNumIncomingValues() != 2)
    return std::nullopt;
  int FromLatch = Phi.getBasicBlockIndex(Latch);
  if (FromLatch < 0 || Phi.getIncomingBlock(1 - FromLatch) == Latch)
    return std::nullopt;
  auto *Start = dyn_cast<ConstantInt>(Phi.getIncomingValue(1 - FromLatch));
  auto *Next = dyn_cast<BinaryOperator>(Phi.getIncomingValue(FromLatch));
  if (!Start || !Next || Next->getOpcode() != Instruction::Add || Next->getOperand(0) != &Phi)
    return std::nullopt;
  auto *Step = dyn_cast<ConstantInt>(Next->getOperand(1));
  if (!Step || Step->isZero())
    return std::nullopt;
  return Counter{&Phi, Next, Start->getValue(), Step->getValue()};
}

using Wide = __int128;

/// How many of V, V + Step, V + 2 * Step, ... pass the test before one fails;
/// none if that cannot be told without wrapping round.
std::optional<uint64_t> countPassing(CmpInst::Predicate Pred, APInt V, APInt Step, APInt Bound) {
  bool Up = !Step.isNegative();
  unsigned Width = V.getBitWidth();
  if (!ICmpInst::compare(V, Bound, Pred))
    return 0;
  if (Pred == CmpInst::ICMP_EQ)
    return 1;
  if (Pred == CmpInst::ICMP_NE) {
    APInt Distance = Up ? Bound - V : V - Bound, Stride = Step.abs();
    if (Distance.urem(Stride) != 0)
      return std::nullopt;
    return Distance.udiv(Stride).getZExtValue();
  }
  bool Signed = CmpInst::isSigned(Pred);
  bool Less = Pred == CmpInst::ICMP_SLT || Pred == CmpInst::ICMP_SLE || Pred == CmpInst::ICMP_ULT ||
              Pred == CmpInst::ICMP_ULE;
  if (Less != Up)
    return std::nullopt;
  auto Number = [&](const APInt &N) { return Signed ? Wide(N.getSExtValue()) : Wide(N.getZExtValue()); };
  Wide First = Number(V), Limit = Number(Bound), Stride = Step.getSExtValue();
  Wide Min = Signed ? -(Wide(1) << (Width - 1)) : 0;
  Wide Max = Signed ? (Wide(1) << (Width - 1)) - 1 : (Wide(1) << Width) - 1;
  // The first value that fails is the first at or beyond this one.
  if (CmpInst::isNonStrictPredicate(Pred))
    Limit += Up ? 1 : -1;
  Wide Count = Up ? (Limit - First + Stride - 1) / Stride : (First - Limit - Stride - 1) / -Stride;
  Wide Failing = First + Count * Stride;
  if (Failing < Min || Failing > Max)
    return std::nullopt;
  return uint64_t(Count);
}

/// Executions of the exiting block of a loop, from the constants of its only
/// exit condition.
std::optional<uint64_t> countTrips(const BasicBlock *Header, const BasicBlock *Latch, const Instruction *Exit,
                                   bool ExitsOnTrue) {
  auto *Br = dyn_cast<BranchInst>(Exit);
  if (!Br || !Br->isConditional())
    return std::nullopt;
  auto *Cmp = dyn_cast<ICmpInst>(Br->getCondition());
  if (!Cmp)
    return std::nullopt;
  CmpInst::Predicate Pred = Cmp->getPredicate();
  const Value *Tested = Cmp->getOperand(0);
  auto *Bound = dyn_cast<ConstantInt>(Cmp->getOperand(1));
  if (!Bound) {
    Bound = dyn_cast<ConstantInt>(Cmp->getOperand(0));
    Tested = Cmp->getOperand(1);
    Pred = CmpInst::getSwappedPredicate(Pred);
  }
  if (!Bound || Bound->getBitWidth() > 64)
    return std::nullopt;
  if (ExitsOnTrue)
    Pred = CmpInst::getInversePredicate(Pred);
  for (const PHINode &Phi : Header->phis()) {
    std::optional<Counter> C = asCounter(Phi, Latch);
    if (!C || (Tested != C->Phi && Tested != C->Next))
      continue;
    APInt First = Tested == C->Phi ? C->Start : C->Start + C->Step;
    auto Passing = countPassing(Pred, First, C->Step, Bound->getValue());
    if (!Passing || *Passing >= MaxTripCount)
      return std::nullopt;
    return *Passing + 1;
  }
  return std::nullopt;
}

} // namespace

void FlowGraph::describeLoops() {
  for (Loop &L : reverse(Loops))
    L.Depth = L.Parent == None ? 1 : Loops[L.Parent].Depth + 1;

  // An edge leaves the loops around its source up to the first that is also
  // around its target; None is larger than any number.
  for (unsigned B : Order)
    for (unsigned S : successors(B)) {
      unsigned From = Innermost[B], To = Innermost[S];
      while (From != To) {
        if (From > To) {
          To = Loops[To].Parent;
          continue;
        }
        Loop &L = Loops[From];
        L.ExitingBlocks += L.Exiting != B;
        L.Exiting = B;
        L.LatchExits |= L.Latches == 1 && B == L.Latch;
        From = L.Parent;
      }
    }

  for (unsigned Index = 0; Index != Loops.size(); ++Index) {
    Loop &L = Loops[Index];
    unsigned Outside = None, Entries = 0;
    for (unsigned P : predecessors(L.Header))
      if (isReachable(P) && !contains(Index, P)) {
        Outside = P;
        ++Entries;
      }
    L.HasPreheader = Entries == 1 && successors(Outside).size() == 1;
    if (L.Latches == 1 && L.ExitingBlocks == 1 && (L.Exiting == L.Header || L.Exiting == L.Latch))
      L.TripCount = countTrips(Blocks[L.Header], Blocks[L.Latch], Blocks[L.Exiting]->getTerminator(),
                               /*ExitsOnTrue=*/!contains(Index, successors(L.Exiting)[0]));
  }
}

void FlowGraph::estimateFrequencies() {
  Frequency.assign(size(), 0);
  Frequency[0] = 1;
  auto Trips = [&](unsigned L) {
    auto Known = Loops[L].TripCount;
    return Known ? double(*Known) : UnknownTrips;
  };
  // Every block hands its frequency on along the edges that go forward. Of a
  // block that may leave its loop, one execution in Trips does.
  for (unsigned B : Order) {
    unsigned L = Innermost[B];
    if (HeaderOf[B] != None)
      Frequency[B] *= Trips(HeaderOf[B]);
    Frequency[B] = std::min(Frequency[B], MaxFrequency);
    auto Next = successors(B);
    auto Weight = [&](unsigned S) {
      const Instruction *T = Blocks[S]->getTerminator();
      return T && isa<UnreachableInst>(T) ? ColdWeight : 1;
    };
    auto Leaves = [&](unsigned S) { return L != None && !contains(L, S); };
    double Staying = 0, Leaving = 0;
    for (unsigned S : Next)
      (Leaves(S) ? Leaving : Staying) += Weight(S);
    bool Both = Staying > 0 && Leaving > 0;
    for (unsigned S : Next) {
      if (Position[S] <= Position[B])
        continue;
      double Part = Weight(S) / (Leaves(S) ? Leaving : Staying);
      if (Both)
        Part *= Leaves(S) ? 1 / Trips(L) : 1 - 1 / Trips(L);
      Frequency[S] += Frequency[B] * Part;
    }
  }
}

} // namespace mlcomp
