// On bare metal clang keeps all frame pointers. A policy may leave them out, unless the user wants them or code needs
// one.
// RUN: %clang_ml --target=thumbv7em-none-eabi -mcpu=cortex-m4 -Oz %option '-mlcomp-sequence=default<Oz>' \
// RUN:   %option -mlcomp-omit-frame-pointer -S %s -o - | %FileCheck %s
// RUN: %clang_ml --target=thumbv7em-none-eabi -mcpu=cortex-m4 -Oz %option '-mlcomp-sequence=default<Oz>' \
// RUN:   %option -mlcomp-omit-frame-pointer %option -mlcomp-keep-frame-pointers -S %s -o - \
// RUN:   | %FileCheck --check-prefix=KEPT %s
int other(int *);
// CHECK-LABEL: calls:
// CHECK-NOT: r7, sp
// KEPT-LABEL: calls:
// KEPT: {{add|mov}} r7, sp
int calls(int a, int b) { return other(&a) + other(&b); }
// CHECK-LABEL: grows:
// CHECK: r7, sp
int grows(int n) { int space[n]; return other(space); }
