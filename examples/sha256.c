/*
 * SHA-256 (FIPS 180-4) and HMAC (RFC 2104), as a boot loader checks an image before it starts it.
 *
 * The image is the input. Printed are its digest, which `sha256sum` gives too, and its HMAC under the key of the device.
 */
#include "board/board.h"

#include <stddef.h>
#include <string.h>

enum { BLOCK = 64, DIGEST = 32, ROUNDS = 64 };

struct sha256 {
  uint32_t state[8];
  uint32_t length; /* bytes so far; images are below 512 MiB */
  uint8_t block[BLOCK];
};

static const uint32_t round_constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t value, int by) { return value >> by | value << (32 - by); }

static uint32_t load(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void store(uint8_t *bytes, uint32_t value) {
  for (int i = 0; i < 4; i++)
    bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void compress(struct sha256 *hash, const uint8_t *block) {
  uint32_t schedule[ROUNDS], v[8];
  for (int i = 0; i < 16; i++)
    schedule[i] = load(block + 4 * i);
  for (int i = 16; i < ROUNDS; i++) {
    uint32_t a = schedule[i - 15], b = schedule[i - 2];
    schedule[i] = schedule[i - 16] + schedule[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
                  (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
  }
  memcpy(v, hash->state, sizeof v);
  for (int i = 0; i < ROUNDS; i++) {
    uint32_t a = v[0], e = v[4];
    uint32_t t1 = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & v[5]) ^ (~e & v[6])) +
                  round_constants[i] + schedule[i];
    uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
    memmove(v + 1, v, 7 * sizeof v[0]);
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++)
    hash->state[i] += v[i];
}

static void sha256_start(struct sha256 *hash) {
  static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(hash->state, initial, sizeof initial);
  hash->length = 0;
}

static void sha256_update(struct sha256 *hash, const uint8_t *bytes, size_t length) {
  while (length) {
    size_t used = hash->length % BLOCK;
    size_t part = length < BLOCK - used ? length : BLOCK - used;
    memcpy(hash->block + used, bytes, part);
    hash->length += (uint32_t)part;
    bytes += part;
    length -= part;
    if (hash->length % BLOCK == 0)
      compress(hash, hash->block);
  }
}

static void sha256_finish(struct sha256 *hash, uint8_t *digest) {
  static const uint8_t padding[BLOCK] = {0x80};
  uint8_t bits[8] = {0};
  uint32_t length = hash->length;
  store(bits, length >> 29);
  store(bits + 4, length << 3);
  sha256_update(hash, padding, 1 + (BLOCK - 9 - length) % BLOCK);
  sha256_update(hash, bits, sizeof bits);
  for (int i = 0; i < 8; i++)
    store(digest + 4 * i, hash->state[i]);
}

struct hmac {
  struct sha256 inner, outer;
};

static void hmac_start(struct hmac *mac, const uint8_t *key, size_t length) {
  uint8_t pad[BLOCK] = {0};
  if (length > BLOCK) {
    sha256_start(&mac->inner);
    sha256_update(&mac->inner, key, length);
    sha256_finish(&mac->inner, pad);
  } else {
    memcpy(pad, key, length);
  }
  for (int i = 0; i < BLOCK; i++)
    pad[i] ^= 0x36;
  sha256_start(&mac->inner);
  sha256_update(&mac->inner, pad, BLOCK);
  for (int i = 0; i < BLOCK; i++)
    pad[i] ^= 0x36 ^ 0x5c;
  sha256_start(&mac->outer);
  sha256_update(&mac->outer, pad, BLOCK);
}

static void hmac_finish(struct hmac *mac, uint8_t *digest) {
  sha256_finish(&mac->inner, digest);
  sha256_update(&mac->outer, digest, DIGEST);
  sha256_finish(&mac->outer, digest);
}

static void print_digest(const char *name, const uint8_t *digest) {
  board_print(name);
  for (int i = 0; i < DIGEST; i++)
    board_print_hex(digest[i], 2);
  board_send('\n');
}

int main(void) {
  static const uint8_t key[] = "device 0042, key of the examples: not a secret, and longer than one block of SHA-256";
  struct sha256 hash;
  struct hmac mac;
  uint8_t line[128], digest[DIGEST];
  size_t used = 0;
  int byte;

  sha256_start(&hash);
  hmac_start(&mac, key, sizeof key - 1);
  do {
    byte = board_receive();
    if (byte >= 0)
      line[used++] = (uint8_t)byte;
    if (byte < 0 || used == sizeof line) {
      sha256_update(&hash, line, used);
      sha256_update(&mac.inner, line, used);
      used = 0;
    }
  } while (byte >= 0);

  sha256_finish(&hash, digest);
  print_digest("sha256 ", digest);
  hmac_finish(&mac, digest);
  print_digest("hmac   ", digest);
  return 0;
}
