// Code-generation options of a sequence give the object that clang gives with -mllvm.
// RUN: %clang --target=riscv32 -Oz -mllvm -disable-lsr -mllvm -disable-machine-licm -c %inputs/two.c -o %t.clang.o
// RUN: %clang_ml --target=riscv32 -Oz %option '-mlcomp-sequence=default<Oz>;-disable-lsr;-disable-machine-licm' \
// RUN:   -c %inputs/two.c -o %t.ml.o
// RUN: cmp %t.clang.o %t.ml.o
