// Sentences of a satellite receiver, read byte by byte: checksum, fields, fixed-point degrees, distances, a
// geofence.
#include "kernel.h"

#define SENTENCES 70

struct fix {
  int32_t latitude, longitude; // 1e-6 degrees
  int32_t speed;               // 1e-2 knots
  uint8_t valid;
};
struct parser {
  char line[96];
  uint8_t length, sum, state;
  uint32_t good, bad;
};

static int hex(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

static int32_t fixed(const char **at, int places) {
  int32_t value = 0;
  int negative = **at == '-';
  *at += negative;
  while (**at >= '0' && **at <= '9')
    value = value * 10 + (*(*at)++ - '0');
  if (**at == '.')
    ++*at;
  for (int i = 0; i < places; ++i)
    value = value * 10 + (**at >= '0' && **at <= '9' ? *(*at)++ - '0' : 0);
  while (**at >= '0' && **at <= '9')
    ++*at;
  if (**at == ',')
    ++*at;
  return negative ? -value : value;
}

/// ddmm.mmmm to millionths of a degree.
static int32_t degrees(const char **at) {
  int32_t raw = fixed(at, 4), whole = raw / 1000000, minutes = raw % 1000000;
  int32_t value = whole * 1000000 + (int32_t)((int64_t)minutes * 100 / 60);
  if (**at == 'S' || **at == 'W')
    value = -value;
  *at += **at != 0;
  *at += **at == ',';
  return value;
}

static int parse(const char *line, struct fix *f) {
  const char *at = line;
  for (const char *type = "GPRMC,"; *type; ++type)
    if (*at++ != *type)
      return 0;
  fixed(&at, 0);
  f->valid = *at == 'A';
  at += 2;
  f->latitude = degrees(&at);
  f->longitude = degrees(&at);
  f->speed = fixed(&at, 2);
  return 1;
}

static int feed(struct parser *p, char c, struct fix *f) {
  if (c == '$') {
    p->length = p->sum = 0;
    p->state = 1;
  } else if (p->state == 1 && c == '*') {
    p->line[p->length] = 0;
    p->state = 2;
  } else if (p->state == 1) {
    p->sum ^= (uint8_t)c;
    if (p->length < sizeof p->line - 1)
      p->line[p->length++] = c;
  } else if (p->state == 2 || p->state == 3) {
    int digit = hex(c), wanted = p->state == 2 ? p->sum >> 4 : p->sum & 15;
    if (digit != wanted) {
      ++p->bad;
      p->state = 0;
    } else if (++p->state == 4) {
      ++p->good;
      p->state = 0;
      return parse(p->line, f);
    }
  }
  return 0;
}

static uint32_t root(uint64_t v) {
  uint64_t result = 0, bit = 1ull << 40;
  for (; bit; bit >>= 2)
    if (v >= result + bit) {
      v -= result + bit;
      result = (result >> 1) + bit;
    } else
      result >>= 1;
  return (uint32_t)result;
}

static char *put_number(char *at, uint32_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i) {
    at[i] = (char)('0' + value % 10);
    value /= 10;
  }
  return at + digits;
}

static char *write_sentence(char *at, uint32_t *random) {
  char *start = at;
  for (const char *c = "$GPRMC,"; *c; ++c)
    *at++ = *c;
  at = put_number(at, kernel_random(random) % 240000, 6);
  *at++ = ',';
  *at++ = *random & 0x700 ? 'A' : 'V';
  *at++ = ',';
  at = put_number(at, 4700 + (*random >> 16) % 60, 4);
  *at++ = '.';
  at = put_number(at, kernel_random(random) % 10000, 4);
  *at++ = ',', *at++ = 'N', *at++ = ',';
  at = put_number(at, 1100 + *random % 60, 5);
  *at++ = '.';
  at = put_number(at, kernel_random(random) % 10000, 4);
  *at++ = ',', *at++ = *random & 64 ? 'E' : 'W', *at++ = ',';
  at = put_number(at, *random % 90, 2);
  *at++ = '.';
  at = put_number(at, (*random >> 8) % 100, 2);
  *at++ = ',';
  uint8_t sum = 0;
  for (char *c = start + 1; c < at; ++c)
    sum ^= (uint8_t)*c;
  *at++ = '*';
  *at++ = "0123456789ABCDEF"[sum >> 4];
  *at++ = "0123456789ABCDEF"[sum & 15];
  if (*random % 9 == 0)
    start[12] ^= 1;
  *at++ = '\n';
  return at;
}

int main(void) {
  static struct parser parser;
  static char text[SENTENCES * 72];
  uint32_t random = kernel_seed(), sum = 0, inside = 0;
  char *end = text;
  for (int i = 0; i < SENTENCES; ++i)
    end = write_sentence(end, &random);
  struct fix f = {0, 0, 0, 0}, home = {47500000, 11300000, 0, 1};
  roi_begin();
  for (const char *c = text; c < end; ++c)
    if (feed(&parser, *c, &f) && f.valid) {
      int64_t dy = f.latitude - home.latitude, dx = (int64_t)(f.longitude - home.longitude) * 676 / 1000;
      uint32_t distance = root((uint64_t)(dx * dx + dy * dy));
      inside += distance < 300000;
      sum = kernel_fold(kernel_fold(sum, distance), (uint32_t)f.speed);
    }
  roi_end();
  sum = kernel_fold(kernel_fold(sum, inside), parser.good * 1000 + parser.bad);
  return kernel_finish("nmea_position", sum, 0xe3d1c2eau);
}
