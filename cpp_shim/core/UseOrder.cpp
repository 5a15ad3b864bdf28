#include "UseOrder.h"
#include "llvm/ADT/DenseMap.h"
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

  bool before(const Use &A, const Use &B) const {
    unsigned X = Position.lookup(A.getUser()), Y = Position.lookup(B.getUser());
    return X != Y ? X < Y : A.getOperandNo() < B.getOperandNo();
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
      V->sortUseList([&](const Use &A, const Use &B) { return N.before(A, B); });
}

} // namespace mlcomp
