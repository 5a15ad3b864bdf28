//===- bearssl_chacha.c - ChaCha20-Poly1305 and HKDF with BearSSL -------------===//
//
// A message channel whose key moves on with every message: HKDF over SHA-256
// gives the next key, ChaCha20-Poly1305 seals and opens.
//
//===----------------------------------------------------------------------===//

#include "bearssl.h"
#include "kernel.h"
#include <string.h>

enum { MESSAGE = 1024, MESSAGES = 3 };

static uint8_t plain[MESSAGE], work[MESSAGE];

struct channel {
  uint8_t secret[32];
  uint8_t key[32];
  uint8_t iv[12];
};

static void advance(struct channel *c, const void *info, size_t length) {
  br_hkdf_context hkdf;
  br_hkdf_init(&hkdf, &br_sha256_vtable, info, length);
  br_hkdf_inject(&hkdf, c->secret, sizeof c->secret);
  br_hkdf_flip(&hkdf);
  br_hkdf_produce(&hkdf, "key", 3, c->key, sizeof c->key);
  br_hkdf_produce(&hkdf, "iv", 2, c->iv, sizeof c->iv);
  br_hkdf_produce(&hkdf, "next", 4, c->secret, sizeof c->secret);
}

static void seal(const struct channel *c, void *data, size_t length, uint8_t *tag, int sealing) {
  br_poly1305_ctmul32_run(c->key, c->iv, data, length, c->iv, sizeof c->iv, tag, br_chacha20_ct_run, sealing);
}

int main(void) {
  static struct channel channel;
  uint32_t state = kernel_seed(), sum = 2, failures = 0;
  for (uint32_t i = 0; i < sizeof channel.secret; i++)
    channel.secret[i] = (uint8_t)kernel_random(&state);
  for (uint32_t i = 0; i < MESSAGE; i++)
    plain[i] = (uint8_t)(kernel_random(&state) >> 8);

  roi_begin();
  for (uint32_t i = 0; i < MESSAGES; i++) {
    uint8_t tag[16], check[16];
    uint32_t length = MESSAGE - i * 131;
    advance(&channel, plain, 1 + i * 40);
    memcpy(work, plain, length);
    seal(&channel, work, length, tag, 1);
    for (uint32_t j = 0; j < length; j++)
      sum = kernel_fold(sum, work[j]);
    for (uint32_t j = 0; j < sizeof tag; j++)
      sum = kernel_fold(sum, tag[j]);
    seal(&channel, work, length, check, 0);
    failures += memcmp(work, plain, length) != 0 || memcmp(tag, check, sizeof tag) != 0;
    memcpy(plain, tag, sizeof tag);
  }
  roi_end();

  return kernel_finish("bearssl_chacha", kernel_fold(sum, failures), 0x9d3257cbu);
}
