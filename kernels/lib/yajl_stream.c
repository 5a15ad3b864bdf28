//===- yajl_stream.c - JSON reformatted on the fly with YAJL -------------------===//
//
// Telemetry arrives as JSON in pieces; YAJL's parser calls back, and the
// callbacks drive YAJL's generator. A document reformatted twice must not change.
//
//===----------------------------------------------------------------------===//

#include "kernel.h"
#include "yajl/yajl_gen.h"
#include "yajl/yajl_parse.h"
#include <string.h>

#define ARENA_BYTES 49152
#include "arena.h"
#include "bare.h"

enum { TEXT = 4096 };

static uint8_t text[TEXT];
static size_t used;
static uint32_t events;

static void put(const char *part) {
  size_t length = strlen(part);
  memcpy(text + used, part, length);
  used += length;
}

static void write_value(uint32_t depth, uint32_t *state) {
  static const char *const scalars[] = {"12",
                                        "-7.25e3",
                                        "true",
                                        "null",
                                        "\"plain\"",
                                        "\"\\u00e9\\ud83d\\ude00\"",
                                        "\"tab\\t\\\"x\\\"\"",
                                        "false",
                                        "9007199254740993",
                                        "\"caf\xc3\xa9\""};
  uint32_t kind = kernel_random(state) % (depth < 4 ? 14 : 10);
  if (kind < 10) {
    put(scalars[kind]);
    return;
  }
  uint32_t count = kernel_random(state) % 5;
  put(kind & 1 ? "{ " : "[");
  for (uint32_t i = 0; i < count; i++) {
    char key[] = "\"k00\" :\t";
    key[2] = (char)('a' + i);
    key[3] = (char)('0' + kernel_random(state) % 10);
    if (i)
      put(",\n  ");
    if (kind & 1)
      put(key);
    write_value(depth + 1, state);
  }
  put(kind & 1 ? "}" : " ]");
}

static int on_null(void *gen) { return events++, yajl_gen_null(gen) == yajl_gen_status_ok; }
static int on_boolean(void *gen, int value) {
  return events++, yajl_gen_bool(gen, value) == yajl_gen_status_ok;
}
static int on_number(void *gen, const char *digits, size_t length) {
  return events++, yajl_gen_number(gen, digits, length) == yajl_gen_status_ok;
}
static int on_string(void *gen, const unsigned char *string, size_t length) {
  return events++, yajl_gen_string(gen, string, length) == yajl_gen_status_ok;
}
static int on_map(void *gen) { return events++, yajl_gen_map_open(gen) == yajl_gen_status_ok; }
static int on_map_end(void *gen) { return yajl_gen_map_close(gen) == yajl_gen_status_ok; }
static int on_array(void *gen) { return events++, yajl_gen_array_open(gen) == yajl_gen_status_ok; }
static int on_array_end(void *gen) { return yajl_gen_array_close(gen) == yajl_gen_status_ok; }

static const yajl_callbacks callbacks = {on_null, on_boolean, NULL,       NULL,     on_number,   on_string,
                                         on_map,  on_string,  on_map_end, on_array, on_array_end};

/// Reformats the text in place; returns whether it was JSON.
static int reformat(size_t piece) {
  yajl_gen gen = yajl_gen_alloc(NULL);
  yajl_gen_config(gen, yajl_gen_beautify, piece & 1);
  yajl_gen_config(gen, yajl_gen_indent_string, " ");
  yajl_handle parser = yajl_alloc(&callbacks, NULL, gen);
  yajl_status status = yajl_status_ok;
  for (size_t at = 0; at < used && status == yajl_status_ok; at += piece)
    status = yajl_parse(parser, text + at, used - at < piece ? used - at : piece);
  if (status == yajl_status_ok)
    status = yajl_complete_parse(parser);
  const unsigned char *out;
  size_t length;
  yajl_gen_get_buf(gen, &out, &length);
  if (status == yajl_status_ok && length <= TEXT) {
    memcpy(text, out, length);
    used = length;
  }
  yajl_free(parser);
  yajl_gen_free(gen);
  return status == yajl_status_ok;
}

static uint32_t fold_text(uint32_t sum) {
  for (size_t i = 0; i < used; i++)
    sum = kernel_fold(sum, text[i]);
  return kernel_fold(sum, events);
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 6, failures = 0;
  put("[");
  while (used < 1500) {
    write_value(0, &state);
    put(", ");
  }
  put("0]");

  roi_begin();
  failures += !reformat(64);
  sum = fold_text(sum);
  failures += !reformat(31);
  sum = fold_text(sum);
  uint32_t beautified = fold_text(0);
  failures += !reformat(48) || !reformat(101);
  events = events / 2;
  failures += fold_text(0) != beautified;
  text[used / 2] = '}';
  text[used / 2 + 1] = ']';
  failures += reformat(50);
  sum = fold_text(sum);
  roi_end();

  failures += !arena_is_whole();
  return kernel_finish("yajl_stream", kernel_fold(sum, failures), 0xc75b5c7au);
}
