// A fixed sequence replaces the default pipeline: after sroa alone nothing is inlined, and -Oz alone inlines.
// RUN: %clang_ml --target=riscv32 -Oz %option '-mlcomp-sequence=function(sroa)' -S -emit-llvm %inputs/two.c -o - \
// RUN:   | %FileCheck --check-prefix=SROA %s
// RUN: %clang --target=riscv32 -Oz -S -emit-llvm %inputs/two.c -o - | %FileCheck --check-prefix=OZ %s
// SROA-LABEL: define {{.*}} @sum(
// SROA-NOT: alloca
// SROA: call {{.*}} @twice(
// OZ-LABEL: define {{.*}} @sum(
// OZ-NOT: call {{.*}}@twice
// OZ: ret i32
