void f(void) { __asm__ volatile("no such instruction"); }
