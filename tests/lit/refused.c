// A policy that cannot be used here is refused with one line, and clang's own object is made.
// RUN: %clang --target=riscv32 -Oz -c %inputs/two.c -o %t.clang.o
// RUN: %make_policy %t.policy 'architectures=["thumb*"]'
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.policy -c %inputs/two.c -o %t.o 2>&1 | %FileCheck --check-prefix=TARGET %s
// RUN: cmp %t.clang.o %t.o
// RUN: %make_policy %t.policy 'llvm_min=20' 'llvm_max=21'
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.policy -c %inputs/two.c -o %t.o 2>&1 | %FileCheck --check-prefix=LLVM %s
// RUN: cmp %t.clang.o %t.o
// RUN: %make_policy %t.policy 'features=["instructions","moon_phase"]'
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.policy -c %inputs/two.c -o %t.o 2>&1 | %FileCheck --check-prefix=FEATURE %s
// RUN: cmp %t.clang.o %t.o
// RUN: %make_policy %t.policy 'option_edits=["-no-such-option"]'
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.policy -c %inputs/two.c -o %t.o 2>&1 | %FileCheck --check-prefix=ACTION %s
// RUN: cmp %t.clang.o %t.o
// RUN: %make_policy %t.policy max_instructions=3
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.policy -c %inputs/two.c -o %t.o 2>&1 | %FileCheck --check-prefix=HUGE %s
// RUN: cmp %t.clang.o %t.o
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.nothing -c %inputs/two.c -o %t.o 2>&1 | %FileCheck --check-prefix=MISSING %s
// RUN: cmp %t.clang.o %t.o
// RUN: not %clang_ml --target=riscv32 -Oz %option -mlcomp-strict %option -mlcomp-policy=%t.nothing -c %inputs/two.c -o %t.strict.o 2>&1 \
// RUN:   | %FileCheck --check-prefix=STRICT %s
// RUN: not ls %t.strict.o
// TARGET: mlcc: warning: policy '{{.*}}' is for thumb*, the target is riscv32; compiling as clang does
// LLVM: mlcc: warning: policy '{{.*}}': needs LLVM 20 to 21, this is 19; compiling as clang does
// FEATURE: mlcc: warning: policy '{{.*}}': names feature 'moon_phase', which this build lacks; compiling as clang does
// ACTION: mlcc: warning: policy '{{.*}}': LLVM has no option -no-such-option; compiling as clang does
// HUGE: mlcc: warning: module has {{[0-9]+}} instructions, policy '{{.*}}' takes 3; compiling as clang does
// MISSING: mlcc: warning: policy '{{.*}}': cannot read {{.*}}manifest.json: No such file or directory; compiling as clang does
// STRICT: mlcc: error: policy '{{.*}}': cannot read {{.*}}manifest.json
