/* The little that the examples need from a board: text out, and an input that the compiler cannot know. */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stdint.h>

void print(const char *text);
void print_hex(uint32_t value);

/* A generator of test input; its seed is read at run time. */
uint32_t next_input(void);

#endif
