/* The functions of <string.h> that the examples call, or the compiler for them. Compiled with -fno-builtin. */
#include <stddef.h>
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
  char *out = to;
  const char *in = from;
  while (length--)
    *out++ = *in++;
  return to;
}

void *memmove(void *to, const void *from, size_t length) {
  char *out = to;
  const char *in = from;
  if (out <= in)
    return memcpy(to, from, length);
  while (length--)
    out[length] = in[length];
  return to;
}

void *memset(void *to, int byte, size_t length) {
  char *out = to;
  while (length--)
    *out++ = (char)byte;
  return to;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length])
    length++;
  return length;
}

int strncmp(const char *a, const char *b, size_t length) {
  for (; length; length--, a++, b++)
    if (*a != *b || !*a)
      return (unsigned char)*a - (unsigned char)*b;
  return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, (size_t)-1); }

char *strncpy(char *restrict to, const char *restrict from, size_t length) {
  for (size_t i = 0; i < length; i++)
    to[i] = *from ? *from++ : '\0';
  return to;
}
