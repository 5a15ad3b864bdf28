//===- bearssl_aes.c - AES-GCM records with BearSSL's constant-time code -----===//
//
// A TLS-like record layer: every record is sealed with AES-CTR and GHASH,
// opened again, and a damaged copy must be refused. The next key comes from
// the last tag.
//
//===----------------------------------------------------------------------===//

#include "bearssl.h"
#include "kernel.h"
#include <string.h>

enum { RECORD = 352, RECORDS = 3 };

struct session {
  br_aes_ct_ctr_keys block;
  br_gcm_context gcm;
  uint8_t key[16], iv[12], header[13];
};

static struct session session;
static uint8_t plain[RECORDS][RECORD], work[RECORD];

static void fill(uint8_t *out, uint32_t length, uint32_t *state) {
  for (uint32_t i = 0; i < length; i++)
    out[i] = (uint8_t)kernel_random(state);
}

static void start(struct session *s) {
  br_aes_ct_ctr_init(&s->block, s->key, sizeof s->key);
  br_gcm_init(&s->gcm, &s->block.vtable, br_ghash_ctmul32);
}

static void process(struct session *s, uint8_t *data, uint32_t length, int sealing) {
  br_gcm_reset(&s->gcm, s->iv, sizeof s->iv);
  br_gcm_aad_inject(&s->gcm, s->header, sizeof s->header);
  br_gcm_flip(&s->gcm);
  br_gcm_run(&s->gcm, sealing, data, length);
}

static uint32_t fold_bytes(uint32_t sum, const uint8_t *data, uint32_t length) {
  for (uint32_t i = 0; i < length; i++)
    sum = kernel_fold(sum, data[i]);
  return sum;
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 1, failures = 0;
  fill(session.key, sizeof session.key, &state);
  fill(session.iv, sizeof session.iv, &state);
  fill(session.header, sizeof session.header, &state);
  fill(plain[0], sizeof plain, &state);

  roi_begin();
  for (uint32_t i = 0; i < RECORDS; i++) {
    uint8_t tag[16];
    uint32_t length = RECORD - 37 * i;
    session.header[0] = (uint8_t)i;
    start(&session);
    memcpy(work, plain[i], length);
    process(&session, work, length, 1);
    br_gcm_get_tag(&session.gcm, tag);
    sum = fold_bytes(sum, work, length);
    sum = fold_bytes(sum, tag, sizeof tag);

    process(&session, work, length, 0);
    failures += br_gcm_check_tag(&session.gcm, tag) != 1;
    failures += memcmp(work, plain[i], length) != 0;
    work[length / 2] ^= 1;
    br_gcm_reset(&session.gcm, session.iv, sizeof session.iv);
    br_gcm_aad_inject(&session.gcm, work, length / 4);
    br_gcm_flip(&session.gcm);
    failures += br_gcm_check_tag(&session.gcm, tag) != 0;
    memcpy(session.key, tag, sizeof tag);
    session.iv[11]++;
  }
  roi_end();

  return kernel_finish("bearssl_aes", kernel_fold(sum, failures), 0x98e41c03u);
}
