// A candidate that crashes costs itself only: the smallest of the others is chosen.
// RUN: %make_policy %t.policy 'sequences=[{"name":"baseline","actions":["default<Oz>"]},{"name":"crash","actions":["trigger-crash-module"]},{"name":"good","actions":["default<Oz>","mergefunc"]}]' \
// RUN:   'sequence_scores=[0.0,-0.3,-0.1]' 'efforts=[{"sequences":4,"option_sets":[1]},{"sequences":4,"option_sets":[1]},{"sequences":4,"option_sets":[1]},{"sequences":4,"option_sets":[1]}]'
// RUN: %clang_ml --target=riscv32 -Oz %option -mlcomp-policy=%t.policy %option -mlcomp-explain=text -c %inputs/two.c -o %t.o 2>&1 \
// RUN:   | %FileCheck %s
// CHECK: crash{{.*}}: failed
// CHECK: good
