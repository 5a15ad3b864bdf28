// A compiler that dies with the policy's choice is run again without it: clang's own object, one warning, success.
// RUN: %clang --target=riscv32 -Oz -c %inputs/two.c -o %t.clang.o
// RUN: %clang_ml --target=riscv32 -Oz %option '-mlcomp-sequence=trigger-crash-module' -c %inputs/two.c -o %t.ml.o 2>&1 \
// RUN:   | %FileCheck %s
// RUN: cmp %t.clang.o %t.ml.o
// RUN: not %clang_ml --target=riscv32 -Oz %option -mlcomp-strict %option '-mlcomp-sequence=trigger-crash-module' \
// RUN:   -c %inputs/two.c -o %t.strict.o 2>&1 | %FileCheck --check-prefix=STRICT %s
// RUN: not ls %t.strict.o
// CHECK: mlcc: warning: {{.*}}; compiling again without the policy
// CHECK-NOT: {{.}}
// STRICT: mlcc: error: {{.*}} with the policy's choice
