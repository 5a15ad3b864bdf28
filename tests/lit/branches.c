// x86-64: jumps that are short. Code that may stand anywhere is put where most jumps reach it, and a long jump goes to
// another jump to the same place.
// RUN: %clang_ml --target=x86_64-linux-gnu -Oz %option '-mlcomp-sequence=default<Oz>' -S %s -o - \
// RUN:   | %FileCheck --check-prefix=PLAIN %s
// RUN: %clang_ml --target=x86_64-linux-gnu -Oz %option '-mlcomp-sequence=default<Oz>' %option -mlcomp-short-branches \
// RUN:   %option -verify-machineinstrs -S %s -o - | %FileCheck %s
// RUN: %clang_ml --target=x86_64-linux-gnu -Oz %option '-mlcomp-sequence=default<Oz>' %option -mlcomp-short-branches \
// RUN:   -c %s -o %t.short.o

int next(int), first(void);

#define STEP if ((s = next(s)) == 7) goto fail;
#define FOUR STEP STEP STEP STEP

// PLAIN-LABEL: many:
// PLAIN: je [[END:.LBB0_[0-9]+]]
// PLAIN-COUNT-22: je [[END]]
// CHECK-LABEL: many:
// CHECK: [[SECOND:.LBB0_[0-9]+]]:
// CHECK-NEXT: je [[FIRST:.LBB0_[0-9]+]]
// CHECK: [[FIRST]]:
// CHECK-NEXT: je [[END:.LBB0_[0-9]+]]
// CHECK: je [[END]]
// CHECK: [[END]]:
int many(int s) {
  FOUR FOUR FOUR FOUR FOUR FOUR
  return s;
fail:
  return first();
}

// Debug information does not change the code.
// RUN: %clang_ml --target=x86_64-linux-gnu -Oz -g %option '-mlcomp-sequence=default<Oz>' %option -mlcomp-short-branches \
// RUN:   -c %s -o %t.debug.o
// RUN: /usr/lib/llvm-19/bin/llvm-objcopy -O binary --only-section=.text %t.short.o %t.short.bin
// RUN: /usr/lib/llvm-19/bin/llvm-objcopy -O binary --only-section=.text %t.debug.o %t.debug.bin
// RUN: cmp %t.short.bin %t.debug.bin
