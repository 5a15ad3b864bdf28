// An error with a choice that was not measured may be the choice's own: clang decides alone, and says it once.
// RUN: not %clang_ml --target=riscv32 -Oz %option '-mlcomp-sequence=default<Oz>' -c %inputs/bad_asm.c -o %t.o 2>&1 \
// RUN:   | %FileCheck %s
// RUN: not ls %t.o
// CHECK: mlcc: warning: error with the policy's choice, which was not measured; compiling again without the policy
// CHECK: error: 
// CHECK-NOT: error: 
