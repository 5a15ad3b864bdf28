//===- Outliner.h - shared code of RISC-V functions, at what it costs ------===//
//
// Like LLVM's machine outliner, with what it leaves out on RISC-V: calls cost
// what they cost after the linker has relaxed them, not twice that; repeated
// ends of functions are jumped to; a sequence that ends in a call becomes a
// function that ends in a jump; and where the return address is saved already,
// its register links. It is off unless the option -mlcomp-outline is set.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_OUTLINER_H
#define MLCOMP_CORE_OUTLINER_H

namespace llvm {
class Module;
}

namespace mlcomp {

/// Makes every later code generation of this process look at the option. To be
/// called before the first one.
void installOutliner();

/// Whether \p M has what the outliner's place in code generation is for, so
/// that the outliner must not take it.
bool outlinerPlaceIsTaken(const llvm::Module &M);

} // namespace mlcomp

#endif
