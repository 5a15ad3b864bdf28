// The child that has measured goes on as the compiler, unless remarks go to a file. Both ways give the same
// code; with the baseline it is clang's own; the exit code of a later failure is passed on.
// RUN: %make_policy %t.merge 'sequences=[{"name":"baseline","actions":["default<Oz>"]},{"name":"good","actions":["default<Oz>","mergefunc"]}]' \
// RUN:   'sequence_scores=[0.0,-0.1]' 'efforts=[{"sequences":2,"option_sets":[1]},{"sequences":2,"option_sets":[1]},{"sequences":2,"option_sets":[1]},{"sequences":2,"option_sets":[1]}]'
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.merge -c %inputs/equal.c -o %t.child.o
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.merge -c %inputs/equal.c -o %t.parent.o \
// RUN:   -fsave-optimization-record -foptimization-record-file=%t.yaml
// RUN: /usr/lib/llvm-19/bin/llvm-objcopy -O binary --only-section=.text %t.child.o %t.child.bin
// RUN: /usr/lib/llvm-19/bin/llvm-objcopy -O binary --only-section=.text %t.parent.o %t.parent.bin
// RUN: cmp %t.child.bin %t.parent.bin
// RUN: %clang --target=riscv32 -Oz -c %inputs/equal.c -o %t.clang.o
// RUN: not cmp %t.child.o %t.clang.o
// RUN: %make_policy %t.plain 'sequences=[{"name":"baseline","actions":["default<Oz>"]},{"name":"same","actions":["default<Oz>"]}]' \
// RUN:   'sequence_scores=[0.0,-0.1]' 'efforts=[{"sequences":2,"option_sets":[1]},{"sequences":2,"option_sets":[1]},{"sequences":2,"option_sets":[1]},{"sequences":2,"option_sets":[1]}]'
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.plain -c %inputs/equal.c -o %t.same.o
// RUN: cmp %t.same.o %t.clang.o
// RUN: not %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.merge -c %inputs/equal.c -o /nowhere/equal.o 2>&1 | %FileCheck %s
// CHECK: error: unable to open output file
