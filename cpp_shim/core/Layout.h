//===- Layout.h - where a linked program's code is --------------------------===//
//
// Cores with compressed instructions fetch whole words: a jump to an
// instruction that lies in two of them takes a cycle more. Whether it does is
// known when the program is linked. Its blocks are found by the map that
// Laboratory::compile leaves for the linker, SHT_LLVM_BB_ADDR_MAP.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_LAYOUT_H
#define MLCOMP_CORE_LAYOUT_H

#include "MachineProfile.h"

namespace mlcomp {

/// Fills in `StartCrossings` and `ReturnCrossings` of the blocks of
/// \p Functions, and says the same of routines: by the linked \p Program, an
/// ELF file, where the functions are those of its modules in the order in which
/// they were linked; by chance without one. Says nothing of a program for a
/// core other than 32-bit RISC-V.
llvm::Expected<RoutineCrossings> placeFunctions(llvm::MutableArrayRef<FunctionProfile> Functions,
                                                llvm::StringRef Program);

} // namespace mlcomp

#endif
