# Where the program begins: the loader has set the stack pointer.
  .globl _start
_start:
  .option push
  .option norelax
  la gp, __global_pointer$
  .option pop
  andi sp, sp, -16
  call main
  call board_exit
