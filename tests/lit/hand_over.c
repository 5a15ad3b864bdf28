// The child that goes on as the compiler has clang write the object that it measured; the code is not generated again.
// RUN: %make_policy %t.policy 'sequences=[{"name":"baseline","actions":["default<Oz>"]},{"name":"good","actions":["default<Oz>","mergefunc"]}]' \
// RUN:   'sequence_scores=[0.0,-0.1]' 'efforts=[{"sequences":2,"option_sets":[1]},{"sequences":2,"option_sets":[1]},{"sequences":2,"option_sets":[1]},{"sequences":2,"option_sets":[1]}]'
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.policy %option -debug-pass=Structure -c %inputs/equal.c -o %t.handed.o 2>&1 \
// RUN:   | %FileCheck --check-prefix=HANDED %s
// HANDED-NOT: Instruction Selection
// HANDED: mlcomp object writer
// HANDED-NOT: Instruction Selection

// Generated once more it is the same. That happens where the work is watched, and for other kinds of files.
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.policy %option -debug-pass=Structure %option -print-after=nothing \
// RUN:   -c %inputs/equal.c -o %t.generated.o 2>&1 | %FileCheck --check-prefix=GENERATED %s
// GENERATED: Instruction Selection
// RUN: cmp %t.handed.o %t.generated.o
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.policy -S %inputs/equal.c -o - | %FileCheck --check-prefix=TEXT %s
// TEXT: ret
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.policy -fstack-usage -c %inputs/equal.c -o %t.usage.o
// RUN: cmp %t.handed.o %t.usage.o
// RUN: %FileCheck --check-prefix=USAGE --input-file=%t.usage.su %s
// USAGE: static

// What the child would tell the user is told: then the parent does the work again.
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.policy -Wframe-larger-than=16 -c %s -o %t.large.o 2>&1 \
// RUN:   | %FileCheck --check-prefix=LARGE %s
// LARGE: warning: stack frame size
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.policy -Rpass=inline -c %s -o %t.remark.o 2>&1 \
// RUN:   | %FileCheck --check-prefix=REMARK %s
// REMARK: remark: 'small' inlined into 'large'
void use(char *);
static void small(char *p) { use(p); }
void large(void) {
  char space[200];
  small(space);
}

// A process that compiles several files writes each one's object. The second is left to clang.
// RUN: mkdir -p %t.two
// RUN: cp %inputs/equal.c %t.two/a.c
// RUN: echo '__attribute__((optnone, noinline)) int alone(void) { return 7; }' > %t.two/b.c
// RUN: cd %t.two && %clang -cc1 -triple riscv32 -emit-obj -Oz -fpass-plugin=%plugin -load %plugin \
// RUN:   -mllvm -mlcomp-policy=%t.policy a.c b.c
// RUN: /usr/lib/llvm-19/bin/llvm-nm %t.two/a.o | %FileCheck --check-prefix=FIRST %s
// RUN: /usr/lib/llvm-19/bin/llvm-nm %t.two/b.o | %FileCheck --check-prefix=SECOND %s
// FIRST: first
// SECOND-NOT: first
// SECOND: alone

// Vector libraries, of which our own code generation does not know, are clang's matter.
// RUN: echo 'typedef double two __attribute__((vector_size(16))); two f(two x) { return __builtin_elementwise_sin(x); }' > %t.two/v.c
// RUN: %make_policy %t.host 'sequences=[{"name":"baseline","actions":["default<Oz>"]},{"name":"good","actions":["default<Oz>","mergefunc"]}]' \
// RUN:   'architectures=["x86_64"]' 'sequence_scores=[0.0,-0.1]' 'efforts=[{"sequences":2,"option_sets":[1]},{"sequences":2,"option_sets":[1]},{"sequences":2,"option_sets":[1]},{"sequences":2,"option_sets":[1]}]'
// RUN: %clang_ml --target=x86_64-linux-gnu -Oz -fveclib=libmvec %option -mlcomp-policy=%t.host -c %t.two/v.c -o %t.two/v.o
// RUN: /usr/lib/llvm-19/bin/llvm-nm %t.two/v.o | %FileCheck --check-prefix=VECTOR %s
// VECTOR: _ZGVbN2v_sin
