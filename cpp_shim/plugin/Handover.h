//===- Handover.h - a measured object as clang's own output ----------------===//
//
// Where the process that has measured goes on as the compiler, it has the
// object file of its choice already; clang need not generate the code again.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_PLUGIN_HANDOVER_H
#define MLCOMP_PLUGIN_HANDOVER_H

#include <string>

namespace llvm {
class TargetMachine;
}

namespace mlcomp {

/// Has clang write \p Object when it asks \p TM for an object file. Code is
/// generated all the same where the user wants another kind of file, or to see
/// something of the work, or where \p Object is empty.
void handOver(llvm::TargetMachine &TM, std::string Object);

} // namespace mlcomp

#endif
