// Cortex-M under an emulator: semihosting calls, and marks that are functions.

#ifndef MLCOMP_PORT_H
#define MLCOMP_PORT_H

#include <stdint.h>

#define PORT_MAIN_BEGIN mark_main_begin
#define PORT_MAIN_END mark_main_end
#define PORT_REGION_BEGIN mark_region_begin
#define PORT_REGION_END mark_region_end

void mark_main_begin(void);
void mark_main_end(void);
void mark_region_begin(void);
void mark_region_end(void);

static inline void port_mark(void (*mark)(void)) { mark(); }

enum { SEMIHOSTING_WRITE_CHARACTER = 3, SEMIHOSTING_EXIT_EXTENDED = 0x20, STOPPED_BY_EXIT = 0x20026 };

static inline void port_semihosting(int operation, const void *argument) {
  register int r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}
static inline void port_console(char c) { port_semihosting(SEMIHOSTING_WRITE_CHARACTER, &c); }
static inline _Noreturn void port_exit(int code) {
  const uint32_t block[2] = {STOPPED_BY_EXIT, (uint32_t)code};
  for (;;)
    port_semihosting(SEMIHOSTING_EXIT_EXTENDED, block);
}

#endif
