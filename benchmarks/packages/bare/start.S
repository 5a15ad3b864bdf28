// Where a RISC-V program without a system starts in qemu's user mode: argc and argv are on the stack, and the heap must
// be asked for (mmap2, read and write, private and anonymous at that very address).
        .section .text.init.enter, "ax"
        .globl  _start
_start:
        .option push
        .option norelax
        la      gp, __global_pointer$
        .option pop
        la      tp, __tls_base
        la      a0, __bss_start
        la      a1, __heap_start
        li      a2, 4095
1:      sw      zero, 0(a0)     // the file has something else there
        addi    a0, a0, 4
        bltu    a0, a1, 1b
        and     a3, a0, a2
        bnez    a3, 1b
        la      a1, __heap_end
        sub     a1, a1, a0
        li      a2, 3
        li      a3, 0x32
        li      a4, -1
        li      a5, 0
        li      a7, 222
        ecall
        call    __libc_init_array
        lw      a0, 0(sp)
        addi    a1, sp, 4
        call    main
        call    exit
