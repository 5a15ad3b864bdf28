//===- libb2_tree.c - BLAKE2 digests of a file system image, with libb2 ----------===//
//
// Blocks are hashed by keyed BLAKE2s, the digests by BLAKE2b, and the image by
// the tree mode BLAKE2sp; hashing in pieces must give the same digests.
//
//===----------------------------------------------------------------------===//

#include "blake2.h"
#include "sample.h"
#include <string.h>

enum { BLOCK = 320, BLOCKS = 14, LEAF = 20 };

static uint8_t image[BLOCKS][BLOCK], leaves[BLOCKS][LEAF], key[BLAKE2S_KEYBYTES];

static int hash_block(uint8_t *out, const uint8_t *block) {
  blake2s_state s;
  int bad = blake2s_init_key(&s, LEAF, key, sizeof key);
  for (uint32_t at = 0; at < BLOCK; at += 100)
    bad |= blake2s_update(&s, block + at, BLOCK - at < 100 ? BLOCK - at : 100);
  return bad | blake2s_final(&s, out, LEAF);
}

int main(void) {
  static blake2sp_state tree;
  uint32_t state = kernel_seed(), sum = 39, failures = 0;
  uint8_t root[BLAKE2B_OUTBYTES], whole[BLAKE2S_OUTBYTES], again[BLAKE2S_OUTBYTES];
  sample_fill(image, sizeof image, &state);
  sample_fill(key, sizeof key, &state);

  roi_begin();
  for (int i = 0; i < BLOCKS; i++) {
    uint8_t once[LEAF];
    failures += hash_block(leaves[i], image[i]) != 0;
    failures += blake2s(once, image[i], key, LEAF, BLOCK, sizeof key) != 0;
    failures += memcmp(once, leaves[i], LEAF) != 0;
    if (i + 1 < BLOCKS)
      memcpy(image[i + 1] + 16 * i, once, LEAF);
  }
  failures += blake2b(root, leaves, key, sizeof root, sizeof leaves, sizeof key) != 0;
  failures += blake2sp(whole, image, root, sizeof whole, sizeof image, 32) != 0;
  failures += blake2sp_init_key(&tree, sizeof again, root, 32) != 0;
  for (int i = 0; i < BLOCKS; i++)
    failures += blake2sp_update(&tree, image[i], BLOCK) != 0;
  failures += blake2sp_final(&tree, again, sizeof again) != 0 || memcmp(whole, again, sizeof again) != 0;
  roi_end();

  sum = sample_fold(sample_fold(sum, root, sizeof root), whole, sizeof whole);
  return kernel_finish("libb2_tree", kernel_fold(sum, failures), 0x7ea5b89eu);
}
