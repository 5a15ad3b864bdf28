//===- exercise.c - what a simulator is run on while its own profile is made -===//
//
// A little of everything: loops, calls, multiplications, divisions, accesses of
// all widths, branches that go either way.
//
//===----------------------------------------------------------------------===//

#include <stdio.h>

static unsigned char bytes[512];
static short halves[256];
static unsigned words[256];

__attribute__((noinline)) static unsigned mix(unsigned x, unsigned i) { return (x ^ (x >> 15)) * 2654435761u + i; }

__attribute__((noinline)) static void sort(unsigned *a, int n) {
  for (int i = 1; i < n; i++) {
    unsigned value = a[i];
    int j = i;
    for (; j > 0 && a[j - 1] > value; j--)
      a[j] = a[j - 1];
    a[j] = value;
  }
}

int main(void) {
  volatile unsigned seed = 1;
  unsigned x = seed, sum = 0;
  for (unsigned round = 0; round < 6; round++) {
    for (unsigned i = 0; i < 256; i++) {
      x = mix(x, i);
      words[i] = x;
      halves[i] = (short)(x >> 8);
      bytes[2 * i] = (unsigned char)x;
    }
    sort(words, 128);
    for (unsigned i = 0; i < 256; i++) {
      sum += x / (words[i] % 1000 + 1) + (unsigned)(halves[i] * halves[255 - i]);
      sum ^= (unsigned)(((unsigned long long)words[i] * sum) >> 32) + bytes[2 * i];
    }
  }
  printf("%u\n", sum);
  return 0;
}
