// What was chosen is an LLVM optimisation remark, for -Rpass and for the record that tools read.
// RUN: %make_policy %t.policy
// RUN: %clang_ml --target=riscv32 -march=rv32imc -Oz -Rpass=mlcomp -fsave-optimization-record \
// RUN:   -foptimization-record-file=%t.yaml %option -mlcomp-policy=%t.policy -c %inputs/two.c -o %t.o 2>&1 \
// RUN:   | %FileCheck %s
// RUN: %FileCheck --check-prefix=YAML %s < %t.yaml
// CHECK: remark: policy '{{.*}}' chose {{.*}}: {{[0-9]+}} -> {{[0-9]+}} bytes ({{[-+0-9.]+}} %) [-Rpass=mlcomp]
// YAML: Pass: {{ *}}mlcomp
// YAML-NEXT: Name: {{ *}}Chosen
