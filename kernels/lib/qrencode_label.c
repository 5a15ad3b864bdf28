//===- qrencode_label.c - QR codes for a label printer, with libqrencode ------===//
//
// Serial numbers and texts become QR codes and one Micro QR code: the input is
// split by character class, Reed-Solomon coded, placed and masked.
//
//===----------------------------------------------------------------------===//

#include "kernel.h"
#include "qrencode.h"
#include <string.h>

#define ARENA_BYTES 49152
#include "arena.h"

static char text[64];

static void make_text(const char *prefix, const char *alphabet, uint32_t length, uint32_t *state) {
  size_t start = strlen(prefix), letters = strlen(alphabet);
  memcpy(text, prefix, start);
  for (uint32_t i = 0; i < length; i++)
    text[start + i] = alphabet[kernel_random(state) % (uint32_t)letters];
  text[start + length] = 0;
}

static uint32_t fold_code(uint32_t sum, const QRcode *code, uint32_t *dark) {
  for (int32_t i = 0; i < code->width * code->width; i++) {
    sum = kernel_fold(sum, code->data[i]);
    *dark += code->data[i] & 1;
  }
  return kernel_fold(sum, (uint32_t)code->version);
}

/// Whether the three finder patterns are where they belong.
static int finders_are_right(const QRcode *code, int micro) {
  const int last = code->width - 7, corners[3][2] = {{0, 0}, {last, 0}, {0, last}};
  for (int c = 0; c < (micro ? 1 : 3); c++)
    for (int y = 0; y < 7; y++)
      for (int x = 0; x < 7; x++) {
        int ring = x == 0 || x == 6 || y == 0 || y == 6, core = x > 1 && x < 5 && y > 1 && y < 5;
        if ((code->data[(corners[c][1] + y) * code->width + corners[c][0] + x] & 1) != (ring || core))
          return 0;
      }
  return 1;
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 8, failures = 0, dark = 0;

  roi_begin();
  for (int i = 0; i < 3; i++) {
    QRcode *code;
    switch (i) {
    case 0:
      make_text("SN ", "0123456789", 12, &state);
      code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
      break;
    case 1:
      make_text("http://x.io/", "abcdef-./", 8, &state);
      code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
      break;
    default:
      make_text("", "0123456789AB", 8, &state);
      code = QRcode_encodeStringMQR(text, 3, QR_ECLEVEL_L, QR_MODE_8, 1);
    }
    if (!code) {
      failures++;
      continue;
    }
    failures += !finders_are_right(code, i == 2);
    sum = fold_code(sum, code, &dark);
    state ^= dark;
    QRcode_free(code);
  }
  roi_end();

  return kernel_finish("qrencode_label", kernel_fold(kernel_fold(sum, dark), failures), 0x3274bc35u);
}
