#include "UseOrder.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Module.h"
#include <vector>

using namespace llvm;

namespace mlcomp {

namespace {

/// Numbers users in module order and collects the values they use.
class Numbering {
public:
  explicit Numbering(Module &M) {
    for (GlobalVariable &G : M.globals())
      add(G);
    for (GlobalAlias &A : M.aliases())
      add(A);
    for (GlobalIFunc &I : M.ifuncs())
      add(I);
    for (Function &F : M)
      add(F);
    for (Function &F : M) {
      for (Argument &A : F.args())
        Values.push_back(&A);
      for (BasicBlock &B : F)
        Values.push_back(&B);
      for (BasicBlock &B : F)
        for (Instruction &I : B)
          add(I);
    }
  }

  std::vector<Value *> Values;

  /// Tells uses apart, in module order.
  std::pair<unsigned, unsigned> key(const Use &U) const {
    return {Position.lookup(U.getUser()), U.getOperandNo()};
  }

private:
  /// Constants that refer to globals are users too; plain data is shared by
  /// all modules of a context and left alone.
  void add(User &U) {
    if (!Position.try_emplace(&U, Position.size() + 1).second)
      return;
    Values.push_back(&U);
    for (Value *Operand : U.operands())
      if (isa<Constant>(Operand) && !isa<ConstantData>(Operand) && !isa<GlobalValue>(Operand))
        add(*cast<User>(Operand));
  }

  DenseMap<const User *, unsigned> Position;
};

} // namespace

void sortUseLists(Module &M) {
  Numbering N(M);
  for (Value *V : N.Values)
    if (V->hasNUsesOrMore(2))
      V->sortUseList([&](const Use &A, const Use &B) { return N.key(A) < N.key(B); });
}

void copyUseLists(Module &From, Module &To) {
  Numbering Old(From), New(To);
  for (auto [V, W] : zip_equal(Old.Values, New.Values)) {
    if (!V->hasNUsesOrMore(2))
      continue;
    DenseMap<std::pair<unsigned, unsigned>, unsigned> Rank;
    for (const Use &U : V->uses())
      Rank.try_emplace(Old.key(U), Rank.size());
    W->sortUseList(
        [&](const Use &A, const Use &B) { return Rank.lookup(New.key(A)) < Rank.lookup(New.key(B)); });
  }
}

} // namespace mlcomp
