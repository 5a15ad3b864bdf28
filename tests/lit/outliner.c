// The outliner's four shapes: an end of functions that is jumped to, a call that becomes a jump, code that is called
// through ra where that is saved, and through t0 where it is not.
// RUN: %clang_ml --target=riscv32 -march=rv32imc -mabi=ilp32 -Oz %option '-mlcomp-sequence=default<Oz>' \
// RUN:   %option -mlcomp-outline=3 %option -mlcomp-align-frames -S %inputs/repeated.c -o - | %FileCheck %s
// CHECK-LABEL: end_one:
// CHECK: tail [[END:OUTLINED_FUNCTION_[0-9]+]]
// CHECK: {{^}}[[END]]:
// CHECK: lw ra, 12(sp)
// CHECK-NEXT: addi sp, sp, 16
// CHECK-NEXT: ret
// CHECK-LABEL: call_two:
// CHECK: call [[LINKED:OUTLINED_FUNCTION_[0-9]+]]
// CHECK: call [[THUNK:OUTLINED_FUNCTION_[0-9]+]]
// CHECK: {{^}}[[THUNK]]:
// CHECK: lui a0, %hi([[STRING:.*]])
// CHECK-NEXT: addi a0, a0, %lo([[STRING]])
// CHECK-NEXT: tail second
// CHECK: {{^}}[[LINKED]]:
// CHECK: lui s0, %hi(port)
// CHECK-NEXT: addi s0, s0, %lo(port)
// CHECK-NEXT: ret
// CHECK-LABEL: leaf_one:
// CHECK: call t0, [[ALTERNATE:OUTLINED_FUNCTION_[0-9]+]]
// CHECK: {{^}}[[ALTERNATE]]:
// CHECK: lui a0, %hi(port)
// CHECK: jr t0

// LLVM's own outliner stays away from what is outlined: it once used t0 in it where the caller needed it.
// CHECK-NOT: OUTLINED_FUNCTION_{{[0-9]+}}.1

// It is off unless asked for: then the object is clang's.
// RUN: %clang --target=riscv32 -march=rv32imc -mabi=ilp32 -Oz -c %inputs/repeated.c -o %t.clang.o
// RUN: %clang_ml --target=riscv32 -march=rv32imc -mabi=ilp32 -Oz %option '-mlcomp-sequence=default<Oz>' \
// RUN:   -c %inputs/repeated.c -o %t.off.o
// RUN: cmp %t.clang.o %t.off.o

// Debug information does not change what is outlined.
// RUN: %clang_ml --target=riscv32 -march=rv32imc -mabi=ilp32 -Oz %option '-mlcomp-sequence=default<Oz>' \
// RUN:   %option -mlcomp-outline=3 %option -mlcomp-align-frames -c %inputs/repeated.c -o %t.plain.o
// RUN: %clang_ml --target=riscv32 -march=rv32imc -mabi=ilp32 -Oz -g %option '-mlcomp-sequence=default<Oz>' \
// RUN:   %option -mlcomp-outline=3 %option -mlcomp-align-frames -c %inputs/repeated.c -o %t.debug.o
// RUN: llvm-objcopy-19 -O binary -j .text %t.plain.o %t.plain.bin
// RUN: llvm-objcopy-19 -O binary -j .text %t.debug.o %t.debug.bin
// RUN: cmp %t.plain.bin %t.debug.bin
