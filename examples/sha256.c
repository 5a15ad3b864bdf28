/* SHA-256 with a known-answer test, and HMAC over data that arrives in pieces. */
#include "runtime.h"

struct sha256 {
  uint32_t state[8];
  uint8_t buffer[64];
  uint32_t length;
};

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void compress(struct sha256 *h) {
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++) {
    const uint8_t *p = h->buffer + 4 * i;
    w[i] = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
  }
  for (int i = 16; i < 64; i++) {
    uint32_t a = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t b = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + a + w[i - 7] + b;
  }
  for (int i = 0; i < 8; i++)
    s[i] = h->state[i];
  for (int i = 0; i < 64; i++) {
    uint32_t big1 = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
    uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
    uint32_t t1 = s[7] + big1 + choice + constants[i] + w[i];
    uint32_t big0 = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
    uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
    for (int k = 7; k > 0; k--)
      s[k] = s[k - 1];
    s[4] += t1;
    s[0] = t1 + big0 + majority;
  }
  for (int i = 0; i < 8; i++)
    h->state[i] += s[i];
}

static void start(struct sha256 *h) {
  static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (int i = 0; i < 8; i++)
    h->state[i] = initial[i];
  h->length = 0;
}

static void update(struct sha256 *h, const uint8_t *data, uint32_t size) {
  for (uint32_t i = 0; i < size; i++) {
    h->buffer[h->length++ % 64] = data[i];
    if (h->length % 64 == 0)
      compress(h);
  }
}

static void finish(struct sha256 *h, uint8_t digest[32]) {
  uint32_t bits = h->length * 8;
  uint8_t byte = 0x80;
  do {
    update(h, &byte, 1);
    byte = 0;
  } while (h->length % 64 != 60);
  for (int shift = 24; shift >= 0; shift -= 8) {
    byte = (uint8_t)(bits >> shift);
    update(h, &byte, 1);
  }
  for (int i = 0; i < 32; i++)
    digest[i] = (uint8_t)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

static void hmac(const uint8_t key[32], const uint8_t *data, uint32_t size, uint8_t digest[32]) {
  struct sha256 h;
  uint8_t pad[64];
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 64; i++)
      pad[i] = (uint8_t)((i < 32 ? key[i] : 0) ^ (round ? 0x5c : 0x36));
    start(&h);
    update(&h, pad, 64);
    update(&h, round ? digest : data, round ? 32 : size);
    finish(&h, digest);
  }
}

int main(void) {
  struct sha256 h;
  uint8_t digest[32], key[32], data[200];
  start(&h);
  update(&h, (const uint8_t *)"abc", 3);
  finish(&h, digest);
  int wrong = h.state[0] != 0xba7816bf || h.state[7] != 0xf20015ad;
  for (int i = 0; i < 32; i++)
    key[i] = (uint8_t)next_input();
  uint32_t sum = 0;
  for (int message = 0; message < 8; message++) {
    uint32_t size = 1 + next_input() % sizeof data;
    for (uint32_t i = 0; i < size; i++)
      data[i] = (uint8_t)next_input();
    hmac(key, data, size, digest);
    for (int i = 0; i < 32; i++)
      sum = sum * 31 + digest[i];
  }
  print(wrong ? "sha256 WRONG " : "sha256 ");
  print_hex(sum);
  print("\n");
  return wrong;
}
