// Marks around main for programs of this machine, which have their own C library.

#include <stdio.h>

__attribute__((noinline)) void mark_main_begin(void) { __asm__ volatile("nop" ::: "memory"); }
__attribute__((noinline)) void mark_main_end(void) { __asm__ volatile("nop; nop" ::: "memory"); }
__attribute__((noinline)) void roi_begin(void) { __asm__ volatile("nop; nop; nop" ::: "memory"); }
__attribute__((noinline)) void roi_end(void) { __asm__ volatile("nop; nop; nop; nop" ::: "memory"); }

int __real_main(int argc, char **argv, char **environment);

int __wrap_main(int argc, char **argv, char **environment) {
  static char buffer[1 << 16]; // so that output does not allocate: programs may bring their own heap
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  mark_main_begin();
  int code = __real_main(argc, argv, environment);
  mark_main_end();
  return code;
}

_Noreturn void __real_exit(int code);

_Noreturn void __wrap_exit(int code) {
  mark_main_end();
  __real_exit(code);
}
