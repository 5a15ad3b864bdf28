/*
 * The board of the examples is qemu's user mode: its serial port is standard input and output, reached by the
 * system calls of Linux for RISC-V. No C library is needed for that.
 */
#include "board.h"

enum { SYS_READ = 63, SYS_WRITE = 64, SYS_EXIT = 93 };

static char output[256];
static uint32_t output_used;
static uint8_t input[256];
static int32_t input_used, input_next;

static long system_call(long number, long a, const void *b, long c) {
  register long a0 __asm__("a0") = a;
  register const void *a1 __asm__("a1") = b;
  register long a2 __asm__("a2") = c;
  register long a7 __asm__("a7") = number;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
  return a0;
}

static void flush(void) {
  system_call(SYS_WRITE, 1, output, (long)output_used);
  output_used = 0;
}

int board_receive(void) {
  if (input_next >= input_used) {
    input_used = (int32_t)system_call(SYS_READ, 0, input, sizeof input);
    input_next = 0;
    if (input_used <= 0)
      return -1;
  }
  return input[input_next++];
}

void board_send(char byte) {
  if (output_used == sizeof output)
    flush();
  output[output_used++] = byte;
}

void board_print(const char *text) {
  while (*text)
    board_send(*text++);
}

void board_print_decimal(int32_t value) {
  char digits[10];
  int count = 0;
  uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
  if (value < 0)
    board_send('-');
  do {
    digits[count++] = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest);
  while (count)
    board_send(digits[--count]);
}

void board_print_hex(uint32_t value, int digits) {
  static const char names[] = "0123456789abcdef";
  while (digits--)
    board_send(names[value >> 4 * digits & 15]);
}

_Noreturn void board_exit(int status) {
  flush();
  for (;;)
    system_call(SYS_EXIT, status, 0, 0);
}
