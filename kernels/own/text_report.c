// A report written by a small formatter of our own and read back: widths, hexadecimal, fixed point, columns.
#include "kernel.h"
#include <stdarg.h>

#define LINES 60

struct text {
  char *at, *end;
};
static void put(struct text *t, char c) {
  if (t->at < t->end)
    *t->at++ = c;
}

static void put_number(struct text *t, uint32_t value, unsigned base, int negative, int width, char pad) {
  char digits[16];
  int n = 0;
  do
    digits[n++] = "0123456789abcdef"[value % base];
  while (value /= base);
  if (negative && pad == '0')
    put(t, '-');
  for (int i = n + negative; i < width; ++i)
    put(t, pad);
  if (negative && pad != '0')
    put(t, '-');
  while (n)
    put(t, digits[--n]);
}

/// %d %u %x %s %c %q (Q16 with three places), with widths and zeros.
static void format(struct text *t, const char *f, ...) {
  va_list arguments;
  va_start(arguments, f);
  for (; *f; ++f) {
    if (*f != '%') {
      put(t, *f);
      continue;
    }
    char pad = *++f == '0' ? '0' : ' ';
    int width = 0;
    while (*f >= '0' && *f <= '9')
      width = width * 10 + (*f++ - '0');
    switch (*f) {
    case 'd': {
      int32_t v = va_arg(arguments, int32_t);
      put_number(t, v < 0 ? 0u - (uint32_t)v : (uint32_t)v, 10, v < 0, width, pad);
      break;
    }
    case 'u':
      put_number(t, va_arg(arguments, uint32_t), 10, 0, width, pad);
      break;
    case 'x':
      put_number(t, va_arg(arguments, uint32_t), 16, 0, width, pad);
      break;
    case 'q': {
      int32_t v = va_arg(arguments, int32_t);
      uint32_t magnitude = v < 0 ? 0u - (uint32_t)v : (uint32_t)v;
      put_number(t, magnitude >> 16, 10, v < 0, width, pad);
      put(t, '.');
      put_number(t, ((magnitude & 0xffff) * 1000) >> 16, 10, 0, 3, '0');
      break;
    }
    case 's':
      for (const char *s = va_arg(arguments, const char *); *s; ++s, --width)
        put(t, *s);
      for (; width > 0; --width)
        put(t, ' ');
      break;
    case 'c':
      put(t, (char)va_arg(arguments, int));
      break;
    default:
      put(t, *f);
    }
  }
  va_end(arguments);
}

static const char *read_field(const char *at, uint32_t *value) {
  while (*at == ' ' || *at == '|')
    ++at;
  *value = 0;
  if (at[0] == '0' && at[1] == 'x') {
    for (at += 2; (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f'); ++at)
      *value = *value * 16 + (uint32_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
    return at;
  }
  int negative = *at == '-';
  for (at += negative; *at >= '0' && *at <= '9'; ++at)
    *value = *value * 10 + (uint32_t)(*at - '0');
  *value = negative ? 0u - *value : *value;
  while (*at != '|' && *at != '\n')
    ++at;
  return at;
}

int main(void) {
  static const char *const names[] = {"pump", "valve A", "heater", "fan", "sensor 12"};
  static char report[LINES * 72];
  struct text t = {report, report + sizeof report};
  uint32_t random = kernel_seed(), sum = 0, agree = 1;
  uint32_t kept[LINES][3];
  roi_begin();
  for (int i = 0; i < LINES; ++i) {
    for (int k = 0; k < 3; ++k)
      kept[i][k] = kernel_random(&random) >> (k * 6);
    format(&t, "|0x%08x|%7d|%10u|%6q|%s|%c\n", kept[i][0], (int32_t)kept[i][1] / 4096, kept[i][2],
           (int32_t)random >> 6, names[random % 5], 'a' + i % 26);
  }
  const char *at = report;
  for (int i = 0; i < LINES; ++i) {
    uint32_t hex, number, count, whole;
    at = read_field(read_field(read_field(read_field(at, &hex), &number), &count), &whole);
    agree &= hex == kept[i][0] && (int32_t)number == (int32_t)kept[i][1] / 4096 && count == kept[i][2];
    sum = kernel_fold(sum, whole);
    while (*at != '\n')
      sum = kernel_fold(sum, (uint8_t)*at++);
    ++at;
  }
  roi_end();
  return kernel_finish("text_report", kernel_fold(sum, agree), 0x1c688f22u);
}
