//===- jbigkit_fax.c - a scanned page in JBIG, line by line, with JBIG-KIT -------===//
//
// A synthetic page of boxes and noise is encoded with typical prediction in
// stripes and decoded from small pieces; all lines must come back.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include <string.h>

#include "jbig85.h"

enum { WIDTH = 176, BYTES = WIDTH / 8, HEIGHT = 44, ROOM = 6000, PIECE = 61 };

static uint8_t page[HEIGHT][BYTES], coded[ROOM], lines[3 * BYTES];
static uint32_t used, decoded, wrong;

static void draw(uint32_t *state) {
  for (int box = 0; box < 14; box++) {
    uint32_t draw = kernel_random(state), x = draw % (WIDTH - 40), y = (draw >> 8) % (HEIGHT - 20);
    uint32_t right = x + 4 + (draw >> 16) % 36, bottom = y + 2 + (draw >> 24) % 18;
    for (uint32_t i = y; i < bottom; i++)
      for (uint32_t j = x; j < right; j++)
        page[i][j / 8] ^= (uint8_t)(0x80 >> j % 8);
  }
  for (int dot = 0; dot < 120; dot++) {
    uint32_t draw = kernel_random(state);
    page[draw % HEIGHT][(draw >> 8) % BYTES] ^= (uint8_t)(1 << (draw >> 16) % 8);
  }
}

static void on_code(unsigned char *data, size_t length, void *user) {
  (void)user;
  if (used + length <= ROOM)
    memcpy(coded + used, data, length);
  used += (uint32_t)length;
}

static int on_line(const struct jbg85_dec_state *decoder, unsigned char *line, size_t length, unsigned long y,
                   void *user) {
  (void)decoder;
  (void)user;
  wrong += length != BYTES || y >= HEIGHT || memcmp(line, page[y], BYTES) != 0;
  decoded++;
  return 0;
}

static void encode(int options, unsigned long stripe) {
  static struct jbg85_enc_state encoder;
  used = 0;
  jbg85_enc_init(&encoder, WIDTH, HEIGHT, on_code, NULL);
  jbg85_enc_options(&encoder, options, stripe, 8);
  for (int y = 0; y < HEIGHT; y++)
    jbg85_enc_lineout(&encoder, page[y], y > 0 ? page[y - 1] : NULL, y > 1 ? page[y - 2] : NULL);
}

static int decode(void) {
  static struct jbg85_dec_state decoder;
  int status = JBG_EAGAIN;
  decoded = 0;
  jbg85_dec_init(&decoder, lines, sizeof lines, on_line, NULL);
  for (uint32_t at = 0; at < used && status == JBG_EAGAIN; at += PIECE) {
    size_t taken;
    status = jbg85_dec_in(&decoder, coded + at, used - at < PIECE ? used - at : PIECE, &taken);
  }
  return status == JBG_EOK;
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 33, failures = 0;

  roi_begin();
  for (int round = 0; round < 2; round++) {
    draw(&state);
    encode(round ? JBG_TPBON | JBG_LRLTWO : JBG_TPBON, round ? 16 : HEIGHT);
    failures += used > ROOM || !decode() || decoded != HEIGHT || wrong;
    sum = sample_fold(kernel_fold(sum, used), coded, used);
    state ^= sum & 0xff;
    state |= !state;
  }
  roi_end();

  return kernel_finish("jbigkit_fax", kernel_fold(sum, failures), 0x26027be4u);
}
