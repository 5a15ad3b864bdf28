//===- libvterm_screen.c - a terminal on a small display, with libvterm ----------===//
//
// Random terminal output with colours, cursor moves, scroll regions, line
// editing and wide characters is drawn to a screen, which is then read cell by
// cell; keys are encoded on the way back.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include <string.h>

#include "vterm.h"

#define ARENA_BYTES 98304
#include "arena.h"
#include "bare.h"

enum { ROWS = 12, COLUMNS = 32, CHUNKS = 160 };

struct display {
  uint32_t sum, damaged, bells, sent;
};

static int on_damage(VTermRect area, void *user) {
  struct display *d = user;
  d->damaged += (uint32_t)((area.end_row - area.start_row) * (area.end_col - area.start_col));
  return 1;
}

static int on_move(VTermPos to, VTermPos from, int visible, void *user) {
  struct display *d = user;
  d->sum = kernel_fold(d->sum, (uint32_t)(to.row << 16 | to.col << 8 | from.col << 1 | visible));
  return 1;
}

static int on_bell(void *user) {
  ((struct display *)user)->bells++;
  return 1;
}

static void on_output(const char *bytes, size_t length, void *user) {
  struct display *d = user;
  d->sum = sample_fold(d->sum, bytes, length);
  d->sent += (uint32_t)length;
}

static const VTermScreenCallbacks callbacks = {.damage = on_damage, .movecursor = on_move, .bell = on_bell};

static void feed(VTerm *terminal, uint32_t *state) {
  static const char *const pieces[] = {"\x1b[31;1mred\x1b[0m ",
                                       "\x1b[2K\r",
                                       "\x1b[5;3H",
                                       "\x1b[38;5;120mcolour",
                                       "\r\n",
                                       "\x1b[3;9r\x1b[9;1H\n",
                                       "\x1b[2L\x1b[1M",
                                       "\x1b[4@ins\x1b[2P",
                                       "\xe6\xbc\xa2\xe5\xad\x97",
                                       "e\xcc\x81\xc3\xbc",
                                       "\x1b[6n\x1b[c",
                                       "\x07\t\b",
                                       "\x1b(0lqk\x1b(B",
                                       "\x1b[7mreverse\x1b[27m",
                                       "\x1b[J",
                                       "\x1b]0;title\x07",
                                       "\x1b[48;2;10;20;30mrgb",
                                       "some plain text that wraps around"};
  const char *piece = pieces[kernel_random(state) % (sizeof pieces / sizeof pieces[0])];
  vterm_input_write(terminal, piece, strlen(piece));
}

static uint32_t read_screen(uint32_t sum, VTermScreen *screen) {
  VTermPos at;
  for (at.row = 0; at.row < ROWS; at.row++)
    for (at.col = 0; at.col < COLUMNS; at.col++) {
      VTermScreenCell cell;
      if (!vterm_screen_get_cell(screen, at, &cell))
        return 0;
      vterm_screen_convert_color_to_rgb(screen, &cell.fg);
      sum = kernel_fold(sum, cell.chars[0] ^ cell.chars[1] << 3 ^ (uint32_t)cell.width << 28);
      sum = kernel_fold(sum, (uint32_t)cell.fg.rgb.red << 16 | (uint32_t)cell.fg.rgb.green << 8 |
                                 cell.attrs.bold | (uint32_t)cell.attrs.reverse << 1);
    }
  return sum;
}

int main(void) {
  uint32_t state = kernel_seed(), failures = 0;
  struct display display = {48, 0, 0, 0};

  roi_begin();
  VTerm *terminal = vterm_new(ROWS, COLUMNS);
  VTermScreen *screen = vterm_obtain_screen(terminal);
  vterm_set_utf8(terminal, 1);
  vterm_output_set_callback(terminal, on_output, &display);
  vterm_screen_set_callbacks(screen, &callbacks, &display);
  vterm_screen_reset(screen, 1);
  for (int i = 0; i < CHUNKS; i++) {
    feed(terminal, &state);
    if (i % 10 == 0)
      vterm_keyboard_key(terminal, VTERM_KEY_UP + i / 10 % 4, i & 1 ? VTERM_MOD_SHIFT : VTERM_MOD_NONE);
    if (i % 16 == 0)
      vterm_keyboard_unichar(terminal, 'a' + (uint32_t)i % 26, VTERM_MOD_CTRL);
  }
  vterm_screen_flush_damage(screen);
  uint32_t sum = read_screen(display.sum, screen);
  vterm_free(terminal);
  roi_end();

  sum = kernel_fold(kernel_fold(kernel_fold(sum, display.damaged), display.bells), display.sent);
  failures += display.damaged == 0 || display.sent == 0 || !arena_is_whole();
  return kernel_finish("libvterm_screen", kernel_fold(sum, failures), 0xeafb5181u);
}
