//===- bare.h - what a library asks of a system that is not there --------------===//
//
// Include it in one file of a kernel whose library may call abort: the C
// library's own one asks for signals and processes.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_BARE_H
#define MLCOMP_BARE_H

#include <stdlib.h>

_Noreturn void abort(void) { __builtin_trap(); }

#endif
