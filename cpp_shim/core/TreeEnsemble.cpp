#include "TreeEnsemble.h"
#include "ModelRunner.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>
#include <numeric>

using namespace llvm;
using mlcomp::onnx::Attribute;

namespace mlcomp {

static Error malformed(const Twine &What) {
  return createStringError(inconvertibleErrorCode(), "operator 'TreeEnsembleRegressor': " + What);
}

static Error unsupported(const Twine &What) {
  return make_error<UnsupportedOperator>(("operator 'TreeEnsembleRegressor': " + What).str() +
                                         " is not supported by the native runner");
}

/// Each list of the operator goes straight to its place in the nodes. Nodes are
/// identified by (tree, node) pairs, which are resolved to positions in the lists.
class TreeEnsemble::Builder {
public:
  Builder(TreeEnsemble &Out, const onnx::Node &N) : Out(Out), N(N) {}

  Error build(size_t Features);

private:
  struct Id {
    uint32_t Tree, Node;

    bool operator<(const Id &R) const { return std::pair(Tree, Node) < std::pair(R.Tree, R.Node); }
    bool operator==(const Id &R) const { return Tree == R.Tree && Node == R.Node; }
  };
  static constexpr uint32_t Invalid = ~0u;

  Error readSettings();
  Error checkLists(ArrayRef<StringRef> Names, size_t &Length) const;
  Error indexNodes();
  Error addNodes(size_t Features);
  Error linkNodes();
  Error addWeights();

  /// Gives every element of a list of numbers to Take, with its position. What
  /// does not fit 32 bits is Invalid.
  template <typename Fn> void eachInt(StringRef List, Fn Take) const {
    N.attribute(List)->ints([&](size_t First, ArrayRef<int64_t> Values) {
      for (int64_t V : Values)
        Take(First++, static_cast<uint64_t>(V) < Invalid ? static_cast<uint32_t>(V) : Invalid);
    });
  }
  template <typename Fn> void eachFloat(StringRef List, Fn Take) const {
    N.attribute(List)->floats([&](size_t First, ArrayRef<float> Values) {
      for (float V : Values)
        Take(First++, V);
    });
  }
  StringRef text(StringRef Name, StringRef Default) const {
    const Attribute *A = N.attribute(Name);
    return A ? A->StringValue : Default;
  }

  const Id &sorted(size_t Place) const { return Ids[Sorted[Place]]; }
  std::optional<uint32_t> find(Id Wanted, size_t &Hint) const;

  TreeEnsemble &Out;
  const onnx::Node &N;
  std::vector<Id> Ids;
  std::vector<uint32_t> Sorted; // positions by identifier
};

Error TreeEnsemble::Builder::readSettings() {
  StringRef Aggregate = text("aggregate_function", "SUM");
  if (Aggregate != "SUM" && Aggregate != "AVERAGE")
    return unsupported("aggregate_function " + onnx::quoted(Aggregate));
  Out.Average = Aggregate == "AVERAGE";
  StringRef Transform = text("post_transform", "NONE");
  if (Transform != "NONE")
    return unsupported("post_transform " + onnx::quoted(Transform));
  const Attribute *Targets = N.attribute("n_targets"), *Base = N.attribute("base_values");
  constexpr int64_t MaxTargets = 1 << 20;
  if (!Targets || Targets->IntValue < 1 || Targets->IntValue > MaxTargets)
    return malformed("n_targets is missing or out of range");
  Out.Targets = static_cast<size_t>(Targets->IntValue);
  if (Base)
    Out.Base = Base->floatList();
  if (!Out.Base.empty() && Out.Base.size() != Out.Targets)
    return unsupported(Twine(Out.Base.size()) + " base_values for " + Twine(Out.Targets) + " targets");
  return Error::success();
}

/// Fails unless all lists are there and equally long.
Error TreeEnsemble::Builder::checkLists(ArrayRef<StringRef> Names, size_t &Length) const {
  for (StringRef Name : Names) {
    const Attribute *A = N.attribute(Name);
    if (Name == Names.front())
      Length = A ? A->Length : 0;
    if (!A || A->Length == 0 || A->Length != Length)
      return malformed("list '" + Name + "' is missing or of another length than the others");
  }
  return Error::success();
}

Error TreeEnsemble::Builder::indexNodes() {
  eachInt("nodes_treeids", [&](size_t I, uint32_t V) { Ids[I].Tree = V; });
  eachInt("nodes_nodeids", [&](size_t I, uint32_t V) { Ids[I].Node = V; });
  std::iota(Sorted.begin(), Sorted.end(), 0);
  if (!is_sorted(Ids))
    llvm::sort(Sorted, [&](uint32_t L, uint32_t R) { return Ids[L] < Ids[R]; });
  for (size_t I = 0; I != Sorted.size(); ++I) {
    if (sorted(I).Tree == Invalid || sorted(I).Node == Invalid)
      return malformed("the number of a tree or node is out of range");
    if (I != 0 && sorted(I - 1) == sorted(I))
      return malformed("two nodes have the same number");
  }
  return Error::success();
}

/// Hint is the place in Sorted of a node that was found before: where nodes
/// are numbered without gaps, it leads to the next one of its tree at once.
std::optional<uint32_t> TreeEnsemble::Builder::find(Id Wanted, size_t &Hint) const {
  if (sorted(Hint) == Wanted)
    return Sorted[Hint];
  size_t Guess = Hint + Wanted.Node - sorted(Hint).Node;
  if (Guess >= Sorted.size() || !(sorted(Guess) == Wanted))
    Guess = static_cast<size_t>(partition_point(Sorted, [&](uint32_t P) { return Ids[P] < Wanted; }) -
                                Sorted.begin());
  if (Guess == Sorted.size() || !(sorted(Guess) == Wanted))
    return std::nullopt;
  Hint = Guess;
  return Sorted[Guess];
}

Error TreeEnsemble::Builder::addNodes(size_t Features) {
  std::vector<TreeNode> &Nodes = Out.Nodes;
  StringRef Unknown;
  N.attribute("nodes_modes")->strings([&](size_t First, ArrayRef<StringRef> Values) {
    for (StringRef Text : Values) {
      constexpr unsigned None = ~0u;
      unsigned Mode = StringSwitch<unsigned>(Text)
                          .Case("LEAF", Leaf)
                          .Case("BRANCH_LEQ", LessEqual)
                          .Case("BRANCH_LT", Less)
                          .Case("BRANCH_GTE", GreaterEqual)
                          .Case("BRANCH_GT", Greater)
                          .Case("BRANCH_EQ", Equal)
                          .Case("BRANCH_NEQ", NotEqual)
                          .Default(None);
      if (Mode == None)
        Unknown = Text;
      Nodes[First++].Mode = Mode & 7;
      Out.OnlyLessEqual &= Mode == Leaf || Mode == LessEqual;
    }
  });
  if (Unknown.data())
    return malformed("unknown mode " + onnx::quoted(Unknown));

  bool FeaturesExist = true;
  eachInt("nodes_featureids", [&](size_t I, uint32_t V) {
    bool IsLeaf = Nodes[I].Mode == Leaf; // whose number is arbitrary, and read
    FeaturesExist &= IsLeaf || V < Features;
    Nodes[I].Feature = IsLeaf ? 0 : V & MaxFeature;
  });
  if (!FeaturesExist)
    return malformed("a node asks for a feature beyond the " + Twine(Features) + " of the input");
  eachFloat("nodes_values", [&](size_t I, float V) { Nodes[I].Threshold = V; });
  eachInt("nodes_truenodeids", [&](size_t I, uint32_t V) { Nodes[I].True = V; });
  eachInt("nodes_falsenodeids", [&](size_t I, uint32_t V) { Nodes[I].False = V; });
  if (N.attribute("nodes_missing_value_tracks_true"))
    eachInt("nodes_missing_value_tracks_true", [&](size_t I, uint32_t V) {
      Nodes[I].MissingIsTrue = V == 1;
      Out.OnlyLessEqual &= V != 1;
    });
  return Error::success();
}

/// Turns the numbers of children into positions, and finds the roots.
Error TreeEnsemble::Builder::linkNodes() {
  std::vector<bool> HasParent(Out.Nodes.size());
  size_t Trees = 0;
  for (size_t Place = 0; Place != Sorted.size(); ++Place) {
    Trees += Place == 0 || sorted(Place - 1).Tree != sorted(Place).Tree;
    TreeNode &T = Out.Nodes[Sorted[Place]];
    if (T.Mode == Leaf)
      continue;
    for (uint32_t *Child : {&T.True, &T.False}) {
      size_t Hint = Place;
      std::optional<uint32_t> Found = find({sorted(Place).Tree, *Child}, Hint);
      if (!Found)
        return malformed("a node's child does not exist");
      // One parent each, and a root without: so every walk ends.
      if (HasParent[*Found])
        return malformed("a node has two parents");
      HasParent[*Found] = true;
      *Child = *Found;
    }
  }

  // ONNX Runtime starts a tree wherever the list changes to another number.
  for (uint32_t I = 0; I != Ids.size(); ++I) {
    if (I != 0 && Ids[I - 1].Tree == Ids[I].Tree)
      continue;
    if (HasParent[I])
      return malformed("a tree does not begin with its root");
    Out.Roots.push_back(I);
  }
  if (Out.Roots.size() != Trees)
    return unsupported("a tree whose nodes are not together");
  return Error::success();
}

Error TreeEnsemble::Builder::addWeights() {
  size_t Count = 0;
  if (Error E = checkLists({"target_treeids", "target_nodeids", "target_ids", "target_weights"}, Count))
    return E;

  // Count each leaf's weights, then give each leaf its range and each weight its
  // slot in the range of its leaf, in the order of the lists.
  constexpr uint32_t Missing = Invalid, Ignored = Invalid - 1;
  std::vector<uint32_t> Slots(Count);
  eachInt("target_treeids", [&](size_t I, uint32_t V) { Slots[I] = V; });
  for (TreeNode &T : Out.Nodes)
    if (T.Mode == Leaf)
      T.True = T.False = 0;
  size_t Hint = 0;
  bool AllFound = true;
  eachInt("target_nodeids", [&](size_t I, uint32_t V) {
    Slots[I] = find({Slots[I], V}, Hint).value_or(Missing);
    if (Slots[I] == Missing)
      AllFound = false;
    else if (Out.Nodes[Slots[I]].Mode != Leaf)
      Slots[I] = Ignored; // as in ONNX Runtime
    else
      ++Out.Nodes[Slots[I]].False;
  });
  if (!AllFound)
    return malformed("a target belongs to no node");
  uint32_t End = 0;
  for (TreeNode &T : Out.Nodes) {
    if (T.Mode != Leaf)
      continue;
    if (T.False == 0)
      return malformed("a leaf has no target");
    if (Out.Targets == 1 && T.False != 1)
      return unsupported("a leaf with several weights for one target");
    T.True = End;
    End += T.False;
    T.False = T.True;
  }
  for (uint32_t &Slot : Slots)
    if (Slot != Ignored)
      Slot = Out.Nodes[Slot].False++;

  Out.Weights.resize(End);
  bool TargetsExist = true;
  eachInt("target_ids", [&](size_t I, uint32_t V) {
    TargetsExist &= V < Out.Targets;
    if (Slots[I] != Ignored)
      Out.Weights[Slots[I]].Target = V;
  });
  if (!TargetsExist)
    return malformed("a weight is for a target beyond the " + Twine(Out.Targets) + " that exist");
  eachFloat("target_weights", [&](size_t I, float V) {
    if (Slots[I] != Ignored)
      Out.Weights[Slots[I]].Value = V;
  });
  return Error::success();
}

Error TreeEnsemble::Builder::build(size_t Features) {
  if (Error E = readSettings())
    return E;
  SmallVector<StringRef, 8> Lists = {"nodes_treeids",     "nodes_nodeids", "nodes_modes",
                                     "nodes_featureids",  "nodes_values",  "nodes_truenodeids",
                                     "nodes_falsenodeids"};
  const Attribute *Missing = N.attribute("nodes_missing_value_tracks_true");
  if (Missing && Missing->Length != 0)
    Lists.push_back(Missing->Name);
  size_t Count = 0;
  if (Error E = checkLists(Lists, Count))
    return E;
  Ids.resize(Count);
  Sorted.resize(Count);
  Out.Nodes.resize(Count);
  if (Error E = indexNodes())
    return E;
  if (Error E = addNodes(Features))
    return E;
  if (Error E = linkNodes())
    return E;
  return addWeights();
}

Expected<TreeEnsemble> TreeEnsemble::create(const onnx::Node &N, size_t Features) {
  TreeEnsemble Out;
  if (Error E = Builder(Out, N).build(Features))
    return E;
  return Out;
}

const TreeEnsemble::TreeNode &TreeEnsemble::leaf(const TreeNode *At, const float *X) const {
  if (OnlyLessEqual) {
    while (At->Mode != Leaf)
      At = &Nodes[X[At->Feature] <= At->Threshold ? At->True : At->False];
    return *At;
  }
  while (true) {
    float V = X[At->Feature], T = At->Threshold;
    bool Taken = At->MissingIsTrue && std::isnan(V);
    switch (At->Mode) {
    case LessEqual:
      Taken |= V <= T;
      break;
    case Less:
      Taken |= V < T;
      break;
    case GreaterEqual:
      Taken |= V >= T;
      break;
    case Greater:
      Taken |= V > T;
      break;
    case Equal:
      Taken |= V == T;
      break;
    case NotEqual:
      Taken |= V != T;
      break;
    default:
      return *At;
    }
    At = &Nodes[Taken ? At->True : At->False];
  }
}

void TreeEnsemble::run(const float *X, float *Out) const {
  std::fill_n(Out, Targets, 0.0f);
  for (uint32_t Root : Roots) {
    const TreeNode &L = leaf(&Nodes[Root], X);
    for (uint32_t I = L.True; I != L.False; ++I)
      Out[Weights[I].Target] += Weights[I].Value;
  }
  for (size_t I = 0; I != Targets; ++I) {
    if (Average)
      Out[I] /= static_cast<float>(Roots.size());
    if (!Base.empty())
      Out[I] += Base[I];
  }
}

} // namespace mlcomp
