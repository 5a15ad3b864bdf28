//===- utf8proc_names.c - Unicode names compared after normalisation, utf8proc ---===//
//
// Names in several scripts are normalised in four ways, folded to compare
// without case, cut at grapheme borders and measured; normalising twice must
// change nothing.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include "utf8proc.h"
#include <string.h>

#define ARENA_BYTES 8192
#include "arena.h"

enum { NAMES = 12, ROOM = 160 };

static uint8_t name[ROOM];

static void make_name(uint32_t *state) {
  static const char *const parts[] = {"Z\xc3\xbcrich",
                                      "e\xcc\x81t\xc3\xa9",
                                      "\xef\xac\x81le",
                                      "\xce\xa3\xce\xaf\xcf\x83\xcf\x85",
                                      "\xed\x95\x9c\xea\xb8\x80",
                                      "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab",
                                      "\xe2\x84\xab",
                                      "\xd0\x96\xd1\x83\xd0\xba",
                                      "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac",
                                      "a\xcc\xa3\xcc\x81",
                                      "\xef\xbc\xa1\xef\xbc\xa2",
                                      "stra\xc3\x9f\x65",
                                      "\xe0\xa4\xa8\xe0\xa4\xbf",
                                      "x\xc2\xad y"};
  size_t used = 0;
  for (int i = 0; i < 5; i++) {
    const char *part = parts[kernel_random(state) % (sizeof parts / sizeof parts[0])];
    memcpy(name + used, part, strlen(part));
    used += strlen(part);
    name[used++] = ' ';
  }
  name[used] = 0;
}

static uint32_t measure(uint32_t sum, const uint8_t *text) {
  utf8proc_int32_t last = 0, code, break_state = 0;
  uint32_t clusters = 0, width = 0;
  while (*text) {
    utf8proc_ssize_t length = utf8proc_iterate(text, -1, &code);
    if (length < 0)
      return 0;
    if (last && utf8proc_grapheme_break_stateful(last, code, &break_state))
      clusters++;
    width += (uint32_t)utf8proc_charwidth(code);
    sum = kernel_fold(sum, (uint32_t)utf8proc_category(code) << 24 ^ (uint32_t)utf8proc_toupper(code));
    last = code;
    text += length;
  }
  return kernel_fold(kernel_fold(sum, clusters), width);
}

typedef utf8proc_uint8_t *(*form_function)(const utf8proc_uint8_t *text);

int main(void) {
  static const form_function forms[] = {utf8proc_NFC, utf8proc_NFD, utf8proc_NFKC, utf8proc_NFKD,
                                        utf8proc_NFKC_Casefold};
  uint32_t state = kernel_seed(), sum = 47, failures = 0;

  roi_begin();
  for (int i = 0; i < NAMES; i++) {
    make_name(&state);
    for (int f = 0; f < 5; f++) {
      uint8_t *once = forms[f](name), *twice = once ? forms[f](once) : NULL;
      if (!once || !twice) {
        failures++;
        continue;
      }
      failures += strcmp((const char *)once, (const char *)twice) != 0;
      sum = sample_fold(sum, once, strlen((const char *)once));
      if (f < 2)
        sum = measure(sum, twice);
      free(twice);
      free(once);
    }
    uint8_t *stripped = NULL;
    utf8proc_ssize_t length = utf8proc_map(name, 0, &stripped,
                                           UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE |
                                               UTF8PROC_STRIPMARK | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
    failures += length <= 0;
    sum = sample_fold(sum, stripped, length > 0 ? (size_t)length : 0);
    free(stripped);
  }
  roi_end();

  failures += !arena_is_whole();
  return kernel_finish("utf8proc_names", kernel_fold(sum, failures), 0xd5519855u);
}
