//===- UseOrder.h - make equal modules behave equally ----------------------===//
//
// The order of a value's use list depends on the module's history, not on its
// text, and passes look at it: optimising a clone can give other code than
// optimising the original. Sorted use lists make a clone as good as the
// original, so that candidates can be tried on clones in one process.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_USEORDER_H
#define MLCOMP_CORE_USEORDER_H

namespace llvm {
class Module;
}

namespace mlcomp {

/// Sorts all use lists of \p M by the position of the users in the module.
void sortUseLists(llvm::Module &M);

/// Gives the clone \p To the use lists of \p From, so that it compiles exactly
/// like it.
void copyUseLists(llvm::Module &From, llvm::Module &To);

} // namespace mlcomp

#endif
