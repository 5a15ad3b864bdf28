//===- giflib_frames.c - screenshots as GIF, with GIFLIB --------------------------===//
//
// Two frames of a small display are written as an animated GIF into memory and
// read back; every pixel must come back. A cut file must be refused.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include <string.h>

#include "gif_lib.h"

#define ARENA_BYTES 90112
#include "arena.h"

enum { WIDTH = 64, HEIGHT = 40, FRAMES = 2, ROOM = 8192, COLOURS = 16 };

struct file {
  uint8_t data[ROOM];
  int used, at;
};

static struct file file;
static GifByteType screen[FRAMES][HEIGHT][WIDTH];

static int on_write(GifFileType *gif, const GifByteType *data, int length) {
  struct file *f = gif->UserData;
  if (f->used + length > ROOM)
    return 0;
  memcpy(f->data + f->used, data, (size_t)length);
  f->used += length;
  return length;
}

static int on_read(GifFileType *gif, GifByteType *data, int length) {
  struct file *f = gif->UserData;
  if (length > f->used - f->at)
    length = f->used - f->at;
  memcpy(data, f->data + f->at, (size_t)length);
  f->at += length;
  return length;
}

static void draw(GifByteType (*frame)[WIDTH], uint32_t *state) {
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      frame[y][x] = (GifByteType)((x / 8 + y / 5) % COLOURS);
  for (int i = 0; i < 300; i++) {
    uint32_t draw = kernel_random(state);
    frame[draw % HEIGHT][(draw >> 8) % WIDTH] = (GifByteType)((draw >> 16) % COLOURS);
  }
}

static uint32_t write_file(const GifColorType *colours) {
  int error;
  uint32_t bad = 0;
  ColorMapObject *map = GifMakeMapObject(COLOURS, colours);
  GifFileType *gif = EGifOpen(&file, on_write, &error);
  bad += EGifPutScreenDesc(gif, WIDTH, HEIGHT, 4, 0, map) != GIF_OK;
  for (int i = 0; i < FRAMES; i++) {
    static const GifByteType control[4] = {4, 10, 0, 0};
    bad += EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, 4, control) != GIF_OK;
    bad += EGifPutImageDesc(gif, 0, 0, WIDTH, HEIGHT, 0, NULL) != GIF_OK;
    for (int y = 0; y < HEIGHT; y++) {
      GifPixelType line[WIDTH]; // the encoder masks it in place
      memcpy(line, screen[i][y], sizeof line);
      bad += EGifPutLine(gif, line, WIDTH) != GIF_OK;
    }
  }
  bad += EGifCloseFile(gif, &error) != GIF_OK;
  GifFreeMapObject(map);
  return bad;
}

static uint32_t read_file(uint32_t *sum) {
  int error;
  file.at = 0;
  GifFileType *gif = DGifOpen(&file, on_read, &error);
  uint32_t bad = gif == NULL;
  if (bad)
    return bad;
  bad += DGifSlurp(gif) != GIF_OK || gif->ImageCount != FRAMES;
  for (int i = 0; i < FRAMES && !bad; i++) {
    bad += memcmp(gif->SavedImages[i].RasterBits, screen[i], sizeof screen[i]) != 0;
    *sum = kernel_fold(*sum, (uint32_t)gif->SavedImages[i].ExtensionBlockCount);
  }
  DGifCloseFile(gif, &error);
  return bad;
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 34, failures = 0;
  GifColorType colours[COLOURS];
  sample_fill(colours, sizeof colours, &state);

  roi_begin();
  for (int i = 0; i < FRAMES; i++)
    draw(screen[i], &state);
  failures += write_file(colours);
  failures += read_file(&sum);
  sum = sample_fold(sum, file.data, (size_t)file.used);
  file.used -= 300;
  failures += !read_file(&sum);
  roi_end();

  failures += !arena_is_whole();
  return kernel_finish("giflib_frames", kernel_fold(sum, failures), 0x2f6388ecu);
}
