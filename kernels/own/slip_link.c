// A serial link: SLIP framing with CRC-16, sequence numbers, acknowledgements and repetition over a lossy
// wire.
#include "kernel.h"

#define MESSAGES 60
#define PAYLOAD 40
enum { END = 0xc0, ESCAPE = 0xdb, ESCAPED_END = 0xdc, ESCAPED_ESCAPE = 0xdd };

struct receiver {
  uint8_t frame[PAYLOAD + 8];
  uint16_t length;
  uint8_t escaped, expected;
  uint32_t good, bad, repeated, folded;
};

static uint16_t crc16(uint16_t crc, uint8_t byte) {
  crc ^= (uint16_t)(byte << 8);
  for (int i = 0; i < 8; ++i)
    crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
  return crc;
}

static unsigned put_escaped(uint8_t *out, unsigned at, uint8_t byte) {
  if (byte == END || byte == ESCAPE) {
    out[at++] = ESCAPE;
    out[at++] = byte == END ? ESCAPED_END : ESCAPED_ESCAPE;
  } else
    out[at++] = byte;
  return at;
}

static unsigned frame(uint8_t *out, uint8_t sequence, const uint8_t *payload, unsigned length) {
  uint16_t crc = crc16(0xffff, sequence);
  unsigned at = put_escaped(out, 0, sequence);
  for (unsigned i = 0; i < length; ++i) {
    crc = crc16(crc, payload[i]);
    at = put_escaped(out, at, payload[i]);
  }
  at = put_escaped(out, at, (uint8_t)(crc >> 8));
  at = put_escaped(out, at, (uint8_t)crc);
  out[at++] = END;
  return at;
}

/// 1 when a frame was accepted: it is acknowledged.
static int finish(struct receiver *r) {
  uint16_t crc = 0xffff;
  unsigned length = r->length;
  r->length = 0;
  r->escaped = 0;
  if (length < 3)
    return 0;
  for (unsigned i = 0; i < length; ++i)
    crc = crc16(crc, r->frame[i]);
  if (crc) {
    ++r->bad;
    return 0;
  }
  if (r->frame[0] != r->expected) {
    ++r->repeated;
    return 1;
  }
  ++r->expected;
  ++r->good;
  for (unsigned i = 1; i < length - 2; ++i)
    r->folded = kernel_fold(r->folded, r->frame[i]);
  return 1;
}

static int receive(struct receiver *r, uint8_t byte) {
  if (byte == END)
    return finish(r);
  if (byte == ESCAPE) {
    r->escaped = 1;
    return 0;
  }
  if (r->escaped) {
    byte = byte == ESCAPED_END ? END : byte == ESCAPED_ESCAPE ? ESCAPE : 0;
    r->escaped = 0;
  }
  if (r->length < sizeof r->frame)
    r->frame[r->length++] = byte;
  return 0;
}

int main(void) {
  static struct receiver receiver;
  static uint8_t wire[2 * PAYLOAD + 16], payload[PAYLOAD];
  uint32_t random = kernel_seed(), sent = 0, expected = 0;
  roi_begin();
  for (int m = 0; m < MESSAGES; ++m) {
    unsigned length = 8 + (kernel_random(&random) & 31);
    for (unsigned i = 0; i < length; ++i) {
      payload[i] = (uint8_t)(kernel_random(&random) >> 24 | (i % 5 == 0 ? 0xc0 : 0));
      expected = kernel_fold(expected, payload[i]);
    }
    for (int acknowledged = 0; !acknowledged;) {
      unsigned count = frame(wire, (uint8_t)m, payload, length);
      ++sent;
      if ((kernel_random(&random) & 3) == 0)
        wire[random % count] ^= (uint8_t)(1u << (random >> 29));
      for (unsigned i = 0; i < count; ++i)
        acknowledged |= receive(&receiver, wire[i]);
      acknowledged &= (kernel_random(&random) & 7) != 0; // the answer may be lost too
    }
  }
  roi_end();
  uint32_t sum = kernel_fold(kernel_fold(receiver.folded, sent), receiver.bad * 100 + receiver.repeated);
  sum = kernel_fold(sum, receiver.folded == expected && receiver.good == MESSAGES);
  return kernel_finish("slip_link", sum, 0x3839399fu);
}
