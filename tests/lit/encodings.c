// x86-64: the same instructions in fewer bytes. Saved registers without a prefix first, rbp among them; a frame pointer
// where the stack is accessed often; vector moves and logic in the single domain.
// RUN: %clang_ml --target=x86_64-linux-gnu -Oz %option '-mlcomp-sequence=default<Oz>' -S %s -o - \
// RUN:   | %FileCheck --check-prefix=PLAIN %s
// RUN: %clang_ml --target=x86_64-linux-gnu -Oz %option '-mlcomp-sequence=default<Oz>' \
// RUN:   %option -mlcomp-rename-registers %option -mlcomp-single-domain %option -verify-machineinstrs -S %s -o - \
// RUN:   | %FileCheck %s
// RUN: %clang_ml --target=x86_64-linux-gnu -Oz %option '-mlcomp-sequence=default<Oz>' \
// RUN:   %option -mlcomp-frame-pointer=1000000 %option -verify-machineinstrs -S %s -o - \
// RUN:   | %FileCheck --check-prefix=POINTER %s

long use(long, long);
double call(double);

// PLAIN-LABEL: two_saved:
// PLAIN: pushq %r14
// CHECK-LABEL: two_saved:
// CHECK: pushq %rbp
// CHECK-NOT: %r14
// CHECK: retq
long two_saved(long a, long b) {
  long c = use(a, b);
  return use(c, a) + b;
}

// A register that the code names is not renamed, nor is another given its name.
// CHECK-LABEL: named:
// CHECK: movq %rdi, %r14
// CHECK: #APP
// CHECK-NEXT: nop
// CHECK-NEXT: #NO_APP
// CHECK: retq
long named(long a, long b) {
  asm volatile("nop" ::: "rbp");
  long c = use(a, b);
  return use(c, a) + b;
}

// PLAIN-LABEL: slots:
// PLAIN-NOT: %rbp
// PLAIN: callq call
// POINTER-LABEL: slots:
// POINTER: movq %rsp, %rbp
// POINTER-NOT: (%rsp)
// POINTER: callq call
double slots(double a, double b, double c) {
  double d = call(a), e = call(b), f = call(c);
  return call(a + d) * call(b + e) * call(c + f);
}

typedef double two __attribute__((vector_size(16)));
// PLAIN-LABEL: sign:
// PLAIN: {{xorpd|pxor}}
// CHECK-LABEL: sign:
// CHECK: xorps
two sign(two a, two b) { return -(a * b); }

// Conventions that hand values over in saved registers.
#define SWIFT __attribute__((swiftcall))
#define CONTEXT __attribute__((swift_context))
SWIFT void hand(long, CONTEXT long *);
// CHECK-LABEL: hands:
// CHECK: movq %rsi, %r13
// CHECK: callq hand
void hands(long a, long *context, long b, long c, long d) {
  hand(a, context);
  use(b, c);
  hand(d, context);
}
