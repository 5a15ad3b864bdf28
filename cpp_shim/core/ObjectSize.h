//===- ObjectSize.h - how many bytes a module becomes ----------------------===//
//
// Generates the object file in memory with the compilation's own target
// machine and adds up its sections. On RISC-V, calls and alignments are counted as
// the linker leaves them after relaxation: raw object size misleads there.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_OBJECTSIZE_H
#define MLCOMP_CORE_OBJECTSIZE_H

#include "MachineProfile.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace mlcomp {

/// Bytes of allocated sections.
struct ObjectSize {
  uint64_t Text = 0;     ///< Executable.
  uint64_t ReadOnly = 0; ///< Constants.
  uint64_t Data = 0;     ///< Writable with contents.
  uint64_t Bss = 0;      ///< Writable, zero at start.
  uint64_t Unwind = 0;   ///< Tables for unwinding the stack, which firmware drops.

  /// What is stored in flash: all but bss and unwind tables.
  uint64_t flash() const { return Text + ReadOnly + Data; }
  /// What is reserved in RAM before the stack.
  uint64_t ram() const { return Data + Bss; }
};

/// Sizes of an object file's sections.
llvm::Expected<ObjectSize> sizeOfObject(llvm::StringRef Object);

/// The object file of \p M, made as clang makes it. With \p Profile, what its
/// functions will execute is appended there; with \p MapBlocks, it tells where
/// their blocks are once it is linked (see Layout.h). Code generation changes
/// the module: use a clone or a forked child.
llvm::Expected<std::string> generateObject(llvm::Module &M, llvm::TargetMachine &TM,
                                           std::vector<FunctionProfile> *Profile, bool MapBlocks = false);

/// Generates code for \p M and returns the sizes. Code generation changes the
/// module: use a clone or a forked child.
llvm::Expected<ObjectSize> measureModule(llvm::Module &M, llvm::TargetMachine &TM);

} // namespace mlcomp

#endif
