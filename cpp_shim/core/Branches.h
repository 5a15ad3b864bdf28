//===- Branches.h - x86-64: jumps that are short ---------------------------===//
//
// A jump takes two bytes where its target is within 128 bytes, and five or six
// elsewhere. Here blocks that may stand anywhere are put where most jumps are
// short, and a jump that is long all the same goes to another jump that leads to
// the same place, if one is near.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_BRANCHES_H
#define MLCOMP_CORE_BRANCHES_H

namespace llvm {
class MachineFunction;
}

namespace mlcomp {

/// Returns whether \p MF, of x86-64 and in its final form, was changed.
bool shortenBranches(llvm::MachineFunction &MF);

} // namespace mlcomp

#endif
