//===- mbedtls_mpi.c - Mbed TLS big integers: a toy RSA -------------------------===//
//
// Two primes are searched with Miller-Rabin, an RSA key is made of them, and
// messages are encrypted and decrypted.
//
//===----------------------------------------------------------------------===//

#include "mbedtls/bignum.h"
#include "sample.h"

#define ARENA_BYTES 16384
#include "arena.h"

enum { PRIME_BYTES = 8, MESSAGES = 3 };

static int random_bytes(void *user, unsigned char *out, size_t length) {
  sample_fill(out, length, user);
  return 0;
}

static int find_prime(mbedtls_mpi *p, uint32_t *state) {
  int status = mbedtls_mpi_fill_random(p, PRIME_BYTES, random_bytes, state);
  status |= mbedtls_mpi_set_bit(p, PRIME_BYTES * 8 - 1, 1) | mbedtls_mpi_set_bit(p, 0, 1);
  while (!status && mbedtls_mpi_is_prime_ext(p, 2, random_bytes, state) != 0)
    status = mbedtls_mpi_add_int(p, p, 2);
  return status;
}

static uint32_t fold(uint32_t sum, const mbedtls_mpi *x) {
  uint8_t bytes[2 * PRIME_BYTES + 4];
  if (mbedtls_mpi_write_binary(x, bytes, sizeof bytes))
    return 0;
  return sample_fold(sum, bytes, sizeof bytes);
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 23, failures = 0;
  mbedtls_mpi p, q, n, phi, e, d, m, c, back;
  mbedtls_mpi *const all[] = {&p, &q, &n, &phi, &e, &d, &m, &c, &back};
  for (int i = 0; i < 9; i++)
    mbedtls_mpi_init(all[i]);

  roi_begin();
  failures += find_prime(&p, &state) != 0 || find_prime(&q, &state) != 0;
  mbedtls_mpi_mul_mpi(&n, &p, &q);
  mbedtls_mpi_sub_mpi(&phi, &n, &p);
  mbedtls_mpi_sub_mpi(&phi, &phi, &q);
  mbedtls_mpi_add_int(&phi, &phi, 1);
  mbedtls_mpi_lset(&e, 65537);
  failures += mbedtls_mpi_inv_mod(&d, &e, &phi) != 0;
  for (int i = 0; i < MESSAGES; i++) {
    mbedtls_mpi_fill_random(&m, 2 * PRIME_BYTES - 1, random_bytes, &state);
    failures += mbedtls_mpi_exp_mod(&c, &m, &e, &n, NULL) != 0;
    failures += mbedtls_mpi_exp_mod(&back, &c, &d, &n, NULL) != 0;
    failures += mbedtls_mpi_cmp_mpi(&m, &back) != 0;
    sum = fold(fold(sum, &c), &d);
    mbedtls_mpi_gcd(&back, &c, &phi);
    sum = fold(sum, &back);
  }
  for (int i = 0; i < 9; i++)
    mbedtls_mpi_free(all[i]);
  roi_end();

  failures += !arena_is_whole();
  return kernel_finish("mbedtls_mpi", kernel_fold(sum, failures), 0x86a4e782u);
}
