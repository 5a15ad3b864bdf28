// One program for everything a run can end with; CASE chooses.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void roi_begin(void);
void roi_end(void);

__attribute__((noinline)) static int deep(int n) {
  volatile char frame[300];
  frame[n % 300] = (char)n;
  return n ? deep(n - 1) + frame[n % 300] : 0;
}

int main(int argc, char **argv) {
  volatile unsigned seed = 7;
  (void)argv;
#if CASE == 0 // counts scale with the work between the marks
  unsigned x = seed, n = 0;
  printf("working\n");
  roi_begin();
  for (volatile unsigned i = 0; i < ROUNDS; ++i)
    n += (x = x * 1664525u + 1013904223u) >> 16;
  roi_end();
  printf("%u\n", n);
  return 0;
#elif CASE == 1 // never ends
  while (seed)
    ;
#elif CASE == 2 // needs more stack than there is
  printf("%d\n", deep(1000000));
#elif CASE == 3 // reaches outside the memory
  *(volatile int *)0x90000000 = 3;
#elif CASE == 4 // prints without end
  for (;;)
    puts("the same line again and again");
#elif CASE == 5
  return 3;
#elif CASE == 6
  abort();
#elif CASE == 7
  __builtin_trap();
#elif CASE == 8 // heap, and an exit from inside main
  char *text = malloc(5000);
  if (!text)
    return 1;
  strcpy(text, "from the heap");
  puts(text);
  exit(0);
#elif CASE == 9 // more than any microcontroller here has
  static char much[6 << 20];
  memset(much, argc, sizeof much);
  return much[seed] != argc;
#elif CASE == 10 // calls nothing
  ((void (*)(void))(unsigned long)(seed - 7))();
#endif
  return 0;
}
