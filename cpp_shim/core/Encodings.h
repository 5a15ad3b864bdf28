//===- Encodings.h - x86-64: the same instructions in fewer bytes ----------===//
//
// Instructions that name r8 to r15 need a prefix, a stack slot addressed from
// rsp needs another byte, and moves in the double and integer domains have one
// that those in the single domain lack. LLVM allocates r14 before rbp, which is
// as free and shorter, keeps no frame pointer however often the stack is
// accessed, and chooses domains for speed. What is done about it here is off
// unless the options -mlcomp-rename-registers, -mlcomp-frame-pointer and
// -mlcomp-single-domain are set. So it is with -mlcomp-short-branches
// (Branches.h).
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_ENCODINGS_H
#define MLCOMP_CORE_ENCODINGS_H

namespace llvm {
class Module;
}

namespace mlcomp {

/// Makes every later code generation of this process look at the options. To be
/// called before the first one.
void installEncodings();

/// Has functions use frame pointers as -mlcomp-frame-pointer says.
void addFramePointers(llvm::Module &M);

/// Whether \p M has what our places in code generation are for, so that they
/// must not be taken.
bool encodingPlacesAreTaken(const llvm::Module &M);

} // namespace mlcomp

#endif
