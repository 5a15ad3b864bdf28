// Instructions whose cost is special on Ibex, each in a loop of its own; PART chooses one.
#include <stdint.h>
#include <stdio.h>

void roi_begin(void);
void roi_end(void);

static uint8_t bytes[64] __attribute__((aligned(8)));

int main(void) {
  volatile uint32_t seed = 12345;
  uint32_t a = seed, b = seed & 7, sum = 0;
  uint8_t *p = bytes + 1;
  roi_begin();
  for (int i = 0; i < 500; ++i) {
#if PART == 0 // divisions, by zero too
    __asm__ volatile("divu %0, %1, %2\n rem t0, %1, %3\n add %0, %0, t0" : "=&r"(b) : "r"(a), "r"(i & 1), "r"(i) : "t0");
#elif PART == 1 // accesses that cross a word
    __asm__ volatile("lw t0, 0(%1)\n sw t0, 4(%1)\n lh t1, 2(%1)\n sh t1, 6(%1)\n lhu t1, 8(%1)\n add %0, t0, t1"
                     : "=r"(b)
                     : "r"(p)
                     : "t0", "t1", "memory");
#elif PART == 2 // products
    __asm__ volatile("mul %0, %1, %1\n mulh t0, %1, %0\n mulhu t1, %1, %0\n mulhsu t1, %1, t1\n xor %0, t0, t1"
                     : "=&r"(b)
                     : "r"(a + i)
                     : "t0", "t1");
#elif PART == 3 // jumps to targets that cross a word, and that do not
    __asm__ volatile(".balign 4\n j 1f\n c.nop\n 1: .option push\n .option norvc\n addi t0, x0, 3\n .option pop\n"
                     "j 2f\n .balign 4\n c.nop\n 2: c.nop\n beq t0, t0, 3f\n c.nop\n 3: c.addi t0, 1\n mv %0, t0"
                     : "=r"(b)
                     :
                     : "t0");
#else // calls and returns through registers
    __asm__ volatile("la t0, 1f\n jalr t1, 0(t0)\n j 2f\n .balign 4\n 1: mv %0, t1\n jr t1\n 2:" : "=r"(b) : : "t0", "t1");
    b &= 1;
#endif
    a = a * 5 + b;
    sum ^= b + a;
  }
  roi_end();
  printf("%08lx\n", (unsigned long)sum);
  return 0;
}
