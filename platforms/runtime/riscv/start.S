// Reset and traps. Both cores start 0x80 behind the image's begin and trap to
// the begin itself; a trap is reported to the machine and ends the run.

#include "machine.inc"

        .section .start, "ax"
        .option norvc
        .rept   32
        j       trap
        .endr
        .globl  _start
_start:
        .option push
        .option norelax
        la      gp, __global_pointer$
        .option pop
        la      sp, __stack_top
        la      tp, __tls_base
        call    mlcomp_start
trap:
        li      t0, MACHINE_REGISTERS
        csrr    t1, mcause
        sw      t1, MACHINE_FAULT_CAUSE(t0)
        csrr    t1, mepc
        sw      t1, MACHINE_FAULT_PC(t0)
        csrr    t1, mtval
        sw      t1, MACHINE_FAULT_VALUE(t0)
1:      j       1b
