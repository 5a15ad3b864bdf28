// The simulated RISC-V machine, as support.c sees it.

#ifndef MLCOMP_PORT_H
#define MLCOMP_PORT_H

#include "machine.inc"
#include <stdint.h>

#define PORT_MAIN_BEGIN MACHINE_MAIN_BEGIN
#define PORT_MAIN_END MACHINE_MAIN_END
#define PORT_REGION_BEGIN MACHINE_REGION_BEGIN
#define PORT_REGION_END MACHINE_REGION_END

static inline void port_write(uint32_t offset, uint32_t value) {
  *(volatile uint32_t *)(MACHINE_REGISTERS + offset) = value;
}
static inline void port_console(char c) { port_write(MACHINE_CONSOLE, (uint8_t)c); }
static inline void port_mark(uint32_t what) { port_write(MACHINE_MARK, what); }
static inline _Noreturn void port_exit(int code) {
  for (;;)
    port_write(MACHINE_EXIT, (uint32_t)code);
}

#endif
