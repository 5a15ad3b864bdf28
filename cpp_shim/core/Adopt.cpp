#include "Adopt.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/Module.h"

using namespace llvm;

namespace mlcomp {

static void clear(Module &M) {
  M.dropAllReferences();
  while (!M.named_metadata_empty())
    M.eraseNamedMetadata(&*M.named_metadata_begin());
  while (!M.alias_empty())
    M.eraseAlias(&*M.alias_begin());
  while (!M.ifunc_empty())
    M.eraseIFunc(&*M.ifunc_begin());
  while (!M.global_empty())
    M.eraseGlobalVariable(&*M.global_begin());
  while (!M.empty())
    M.begin()->eraseFromParent();
}

/// The comdat of the same name and kind in \p Into.
static void moveComdat(GlobalObject &G, Module &Into) {
  if (const Comdat *Old = G.getComdat()) {
    Comdat *New = Into.getOrInsertComdat(Old->getName());
    New->setSelectionKind(Old->getSelectionKind());
    G.setComdat(New);
  }
}

void adoptContents(Module &From, Module &Into) {
  clear(Into);
  for (GlobalVariable &G : make_early_inc_range(From.globals())) {
    G.removeFromParent();
    Into.insertGlobalVariable(&G);
    moveComdat(G, Into);
  }
  for (Function &F : make_early_inc_range(From)) {
    F.removeFromParent();
    Into.getFunctionList().push_back(&F);
    moveComdat(F, Into);
  }
  for (GlobalAlias &A : make_early_inc_range(From.aliases())) {
    A.removeFromParent();
    Into.insertAlias(&A);
  }
  for (GlobalIFunc &I : make_early_inc_range(From.ifuncs())) {
    I.removeFromParent();
    Into.insertIFunc(&I);
  }
  for (NamedMDNode &Old : From.named_metadata()) {
    NamedMDNode *New = Into.getOrInsertNamedMetadata(Old.getName());
    for (MDNode *Operand : Old.operands())
      New->addOperand(Operand);
  }
  Into.setModuleInlineAsm(From.getModuleInlineAsm());
  Into.IsNewDbgInfoFormat = From.IsNewDbgInfoFormat;
}

} // namespace mlcomp
