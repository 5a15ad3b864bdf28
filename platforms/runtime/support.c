//===- support.c - what every bare-metal platform gives a program -----------===//
//
// main is called between marks that tell the platform what to count; programs
// may mark a region of interest themselves. Standard output and error go to the
// console, the exit code to the platform. The linker hands us the name `main`.
//
//===----------------------------------------------------------------------===//

#include "port.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int __real_main(int argc, char **argv);
void __libc_init_array(void);
void _set_tls(void *tls);

static int put(char c, FILE *file) {
  (void)file;
  port_console(c);
  return (unsigned char)c;
}
static int get(FILE *file) {
  (void)file;
  return EOF;
}
static FILE console = FDEV_SETUP_STREAM(put, get, NULL, _FDEV_SETUP_RW);
FILE *const stdin = &console;
FILE *const stdout = &console;
FILE *const stderr = &console;

__attribute__((noinline, used)) void roi_begin(void) { port_mark(PORT_REGION_BEGIN); }
__attribute__((noinline, used)) void roi_end(void) { port_mark(PORT_REGION_END); }

_Noreturn void _exit(int code) {
  port_mark(PORT_MAIN_END);
  port_exit(code);
}

// For abort and raise, unless the program has its own.
__attribute__((weak)) int getpid(void) { return 1; }
__attribute__((weak)) int kill(int process, int signal) {
  (void)process;
  _exit(128 + signal);
}

int __wrap_main(int argc, char **argv) {
  port_mark(PORT_MAIN_BEGIN);
  int code = __real_main(argc, argv);
  port_mark(PORT_MAIN_END);
  return code;
}

int main(int argc, char **argv);

_Noreturn void mlcomp_start(void) {
  extern char __bss_start[], __bss_end[], __tls_base[];
  static char name[] = "program";
  static char *arguments[] = {name, NULL};
  memset(__bss_start, 0, (size_t)(__bss_end - __bss_start));
  _set_tls(__tls_base);
  __libc_init_array();
  exit(main(1, arguments));
}
