// Reset, faults and marks.

#include "port.h"

extern char __stack_top[];
_Noreturn void mlcomp_start(void);

// Each is a place that the emulator recognises.
__attribute__((noinline)) void mark_main_begin(void) { __asm__ volatile("nop" ::: "memory"); }
__attribute__((noinline)) void mark_main_end(void) { __asm__ volatile("nop; nop" ::: "memory"); }
__attribute__((noinline)) void mark_region_begin(void) { __asm__ volatile("nop; nop; nop" ::: "memory"); }
__attribute__((noinline)) void mark_region_end(void) { __asm__ volatile("nop; nop; nop; nop" ::: "memory"); }

enum {
  CFSR = 0xe000ed28, // configurable fault status
  MMFAR = 0xe000ed34,
  BFAR = 0xe000ed38,
  MPU_CTRL = 0xe000ed94,
  MPU_RNR = 0xe000ed98,
  MPU_RBAR = 0xe000ed9c,
  MPU_RASR = 0xe000eda0,
};
static volatile uint32_t *control(uint32_t address) { return (volatile uint32_t *)address; }

// The emulated board ignores accesses below the stack's memory: the protection unit makes faults of them.
static void guard_stack(void) {
  *control(MPU_RNR) = 0;
  *control(MPU_RBAR) = 0x20800000;
  *control(MPU_RASR) = 1 << 28 | 22 << 1 | 1; // no access, 8 MiB, on
  *control(MPU_CTRL) = 5;                     // on, the rest as without it
  __asm__ volatile("dsb\n isb" ::: "memory");
}

_Noreturn void reset(void) {
  guard_stack();
  mlcomp_start();
}

// The stack may be what is wrong: a fresh one, then exit with a code that no program returns.
__attribute__((naked)) _Noreturn void fault(void) {
  __asm__ volatile("ldr r0, =__heap_end\n"
                   "mov sp, r0\n"
                   "b fault_exit");
}
__attribute__((used)) _Noreturn void fault_exit(void) {
  const uint32_t status = *control(CFSR), address = *control(status & 1 << 7 ? MMFAR : BFAR);
  const char *digits = "0123456789abcdef";
  port_console('\n');
  for (const char *c = "mlcomp: fault "; *c; ++c)
    port_console(*c);
  for (int i = 28; i >= 0; i -= 4)
    port_console(digits[status >> i & 15]);
  port_console(' ');
  for (int i = 28; i >= 0; i -= 4)
    port_console(digits[address >> i & 15]);
  port_exit(0x7fffffff);
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    __stack_top,   (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
    (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
    (void *)fault, (void *)fault, (void *)fault, (void *)fault};
