/* A bare RISC-V runtime on Linux system calls, as qemu-riscv32 offers them. */
#include "runtime.h"
#include <stddef.h>

static volatile uint32_t seed = 0x1234567;

static long system_call(long number, long a, long b, long c) {
  register long a0 __asm__("a0") = a;
  register long a1 __asm__("a1") = b;
  register long a2 __asm__("a2") = c;
  register long a7 __asm__("a7") = number;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
  return a0;
}

void print(const char *text) {
  size_t length = 0;
  while (text[length])
    length++;
  system_call(64, 1, (long)text, (long)length);
}

void print_hex(uint32_t value) {
  char text[9];
  for (int i = 0; i < 8; i++)
    text[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
  text[8] = 0;
  print(text);
}

uint32_t next_input(void) {
  uint32_t x = seed;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return seed = x;
}

/* The compiler may call these for copies and initialisations. */
void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  volatile char *t = to;
  const char *f = from;
  while (size--)
    *t++ = *f++;
  return to;
}

void *memset(void *to, int value, size_t size) {
  volatile char *t = to;
  while (size--)
    *t++ = (char)value;
  return to;
}

int main(void);

__attribute__((used)) static void run(void) {
  system_call(93, main(), 0, 0);
  __builtin_unreachable();
}

__attribute__((naked, used, section(".text.start"))) void _start(void) {
  __asm__ volatile("call run");
}
