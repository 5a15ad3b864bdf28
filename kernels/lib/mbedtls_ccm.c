//===- mbedtls_ccm.c - AES-CCM frames of a sensor network, with Mbed TLS --------===//
//
// Short frames are sealed with AES-CCM and opened again, replays with a wrong
// header are refused, and the key is renewed by HMAC-SHA-256.
//
//===----------------------------------------------------------------------===//

#include "mbedtls/ccm.h"
#include "mbedtls/md.h"
#include "sample.h"
#include <string.h>

#define ARENA_BYTES 4096
#include "arena.h"

enum { FRAME = 120, FRAMES = 14, HEADER = 10, TAG = 8 };

struct link {
  mbedtls_ccm_context ccm;
  uint8_t key[32], nonce[13], header[HEADER];
};

static struct link node;
static uint8_t frame[FRAME], sealed[FRAME], opened[FRAME];

static int renew(struct link *l) {
  uint8_t next[32];
  const mbedtls_md_info_t *sha = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
  int status = mbedtls_md_hmac(sha, l->key, sizeof l->key, l->nonce, sizeof l->nonce, next);
  memcpy(l->key, next, sizeof next);
  mbedtls_ccm_free(&l->ccm);
  mbedtls_ccm_init(&l->ccm);
  return status | mbedtls_ccm_setkey(&l->ccm, MBEDTLS_CIPHER_ID_AES, l->key, l->key[0] & 1 ? 128 : 256);
}

static int open_frame(struct link *l, size_t length, const uint8_t *tag) {
  return mbedtls_ccm_auth_decrypt(&l->ccm, length, l->nonce, sizeof l->nonce, l->header, HEADER, sealed,
                                  opened, tag, TAG);
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 22, failures = 0;
  sample_fill(node.key, sizeof node.key, &state);
  sample_fill(node.nonce, sizeof node.nonce, &state);
  sample_fill(node.header, HEADER, &state);

  roi_begin();
  mbedtls_ccm_init(&node.ccm);
  for (uint32_t i = 0; i < FRAMES; i++) {
    uint8_t tag[TAG];
    size_t length = FRAME - (state & 63);
    if (i % 5 == 0)
      failures += renew(&node) != 0;
    sample_text(frame, length, &state);
    node.nonce[i % 13]++;
    failures += mbedtls_ccm_encrypt_and_tag(&node.ccm, length, node.nonce, sizeof node.nonce, node.header,
                                            HEADER, frame, sealed, tag, TAG) != 0;
    sum = sample_fold(sample_fold(sum, sealed, length), tag, TAG);
    failures += open_frame(&node, length, tag) != 0 || memcmp(frame, opened, length) != 0;
    node.header[0] ^= tag[0] | 1;
    failures += open_frame(&node, length, tag) == 0;
  }
  mbedtls_ccm_free(&node.ccm);
  roi_end();

  failures += !arena_is_whole();
  return kernel_finish("mbedtls_ccm", kernel_fold(sum, failures), 0xd9e3e0deu);
}
