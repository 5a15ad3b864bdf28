// Code stays where it is if somebody relies on that: in a section of its own, in an interrupt handler, in a function
// that may return twice, with unwind tables around a frame, and at levels that are not for size.
// RUN: %clang_ml --target=riscv32 -march=rv32imc -mabi=ilp32 -Oz %option '-mlcomp-sequence=default<Oz>' \
// RUN:   %option -mlcomp-outline=3 %option -mlcomp-align-frames -mllvm -enable-machine-outliner=never \
// RUN:   -S %s -o - | %FileCheck %s
// CHECK-NOT: OUTLINED
// RUN: %clang_ml --target=riscv32 -march=rv32imc -mabi=ilp32 -O2 %option '-mlcomp-sequence=default<O2>' \
// RUN:   %option -mlcomp-outline=3 -S %inputs/repeated.c -o - | %FileCheck --check-prefix=SPEED %s
// SPEED-NOT: OUTLINED
extern volatile int port[16];
#define CODE(last) port[8] = 3; port[9] = 0x12345; port[10] = 5; port[11] = 0x23456; port[last] = 1
int setjmp(int *) __attribute__((returns_twice));
__attribute__((section(".ram"))) void ram_one(void) { CODE(1); }
__attribute__((section(".ram"))) void ram_two(void) { CODE(2); }
__attribute__((interrupt)) void handler_one(void) { CODE(3); }
__attribute__((interrupt)) void handler_two(void) { CODE(4); }
int twice_one(int *where) { int again = setjmp(where); CODE(5); return again; }
int twice_two(int *where) { int again = setjmp(where); CODE(6); return again; }

// What may be unwound stays where tables tell about it.
// RUN: %clang_ml --target=riscv32 -march=rv32imc -mabi=ilp32 -Oz -fexceptions -funwind-tables \
// RUN:   %option '-mlcomp-sequence=default<Oz>' %option -mlcomp-outline=3 %option -mlcomp-align-frames \
// RUN:   -mllvm -enable-machine-outliner=never -S %inputs/repeated.c -o - | %FileCheck --check-prefix=UNWIND %s
// UNWIND-NOT: OUTLINED
