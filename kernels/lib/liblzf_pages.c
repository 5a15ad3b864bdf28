//===- liblzf_pages.c - swapped pages compressed with LibLZF --------------------===//
//
// Pages of mixed text and binary data are compressed, decompressed and
// compared; a page that does not shrink is kept as it is.
//
//===----------------------------------------------------------------------===//

#include "lzf.h"
#include "sample.h"
#include <string.h>

enum { PAGE = 1024, PAGES = 12 };

struct slot {
  uint32_t length;
  uint8_t data[PAGE];
};

static uint8_t page[PAGE], back[PAGE];
static struct slot slots[PAGES];

static void store(struct slot *slot) {
  slot->length = lzf_compress(page, PAGE, slot->data, PAGE - 1);
  if (!slot->length) {
    memcpy(slot->data, page, PAGE);
    slot->length = PAGE;
  }
}

static int load(const struct slot *slot) {
  if (slot->length == PAGE) {
    memcpy(back, slot->data, PAGE);
    return 1;
  }
  return lzf_decompress(slot->data, slot->length, back, PAGE) == PAGE;
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 29, failures = 0;
  sample_text(page, PAGE, &state);

  roi_begin();
  for (uint32_t i = 0; i < PAGES; i++) {
    uint32_t from = kernel_random(&state) % (PAGE / 2), length = kernel_random(&state) % (PAGE / 2);
    if (i & 1)
      memmove(page + length, page + from, PAGE / 2);
    sample_fill(page + from, length * (i % 3) / 2, &state);
    store(&slots[i]);
    failures += !load(&slots[i]) || memcmp(page, back, PAGE) != 0;
    sum = sample_fold(kernel_fold(sum, slots[i].length), slots[i].data, slots[i].length);
    if (slots[i].length != PAGE)
      failures += lzf_decompress(slots[i].data, slots[i].length, back, PAGE - 1) != 0;
  }
  roi_end();

  return kernel_finish("liblzf_pages", kernel_fold(sum, failures), 0x608437c2u);
}
