//===- libcsv_table.c - a measurement table in CSV, with libcsv ------------------===//
//
// Rows with quotes, commas and line breaks inside fields are written, parsed
// in pieces and summed per column.
//
//===----------------------------------------------------------------------===//

#include "csv.h"
#include "sample.h"
#include <string.h>

#define ARENA_BYTES 4096
#include "arena.h"

enum { ROWS = 48, COLUMNS = 6, ROOM = 12000, PIECE = 113, FIELD = 48 };

struct table {
  uint32_t column, rows, fields, sum;
  int32_t totals[COLUMNS];
};

static char text[ROOM];
static size_t used;

static size_t make_field(char *out, uint32_t column, uint32_t *state) {
  uint32_t draw = kernel_random(state), length = 0;
  if (column < 3) {
    uint32_t value = draw % 100000;
    if (draw >> 31)
      out[length++] = '-';
    for (uint32_t scale = 10000; scale; scale /= 10)
      out[length++] = (char)('0' + value / scale % 10);
    return length;
  }
  length = draw % 24;
  sample_text(out, length, state);
  if (length > 4 && draw >> 24 & 1) {
    out[length / 2] = '"';
    out[length / 3] = ',';
  }
  return length;
}

static void write_table(uint32_t *state) {
  for (uint32_t row = 0; row < ROWS; row++)
    for (uint32_t column = 0; column < COLUMNS; column++) {
      char field[FIELD];
      size_t length = make_field(field, column, state);
      used += csv_write(text + used, ROOM - used, field, length);
      text[used++] = column + 1 < COLUMNS ? ',' : '\n';
    }
}

static int32_t number(const char *digits, size_t length) {
  int32_t value = 0;
  size_t i = length && digits[0] == '-';
  for (; i < length && digits[i] >= '0' && digits[i] <= '9'; i++)
    value = value * 10 + (digits[i] - '0');
  return length && digits[0] == '-' ? -value : value;
}

static void on_field(void *data, size_t length, void *user) {
  struct table *t = user;
  t->fields++;
  if (t->column < 3)
    t->totals[t->column] += number(data, length);
  t->sum = sample_fold(t->sum, data, length);
  t->column++;
}

static void on_row(int end, void *user) {
  struct table *t = user;
  t->rows++;
  t->sum = kernel_fold(t->sum, t->column + (uint32_t)(end & 255));
  t->column = 0;
}

static uint32_t parse(struct table *t, unsigned char options) {
  struct csv_parser parser;
  uint32_t bad = csv_init(&parser, options) != 0;
  for (size_t at = 0; at < used; at += PIECE) {
    size_t piece = used - at < PIECE ? used - at : PIECE;
    bad += csv_parse(&parser, text + at, piece, on_field, on_row, t) != piece;
  }
  csv_fini(&parser, on_field, on_row, t);
  csv_free(&parser);
  return bad;
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 35, failures = 0;
  struct table strict = {0, 0, 0, 35, {0}}, loose = {0, 0, 0, 36, {0}};

  roi_begin();
  write_table(&state);
  failures += parse(&strict, CSV_STRICT | CSV_STRICT_FINI) != 0;
  failures += strict.rows != ROWS || strict.fields != ROWS * COLUMNS;
  text[strict.sum % used] = '"';
  parse(&loose, CSV_APPEND_NULL);
  roi_end();

  for (int i = 0; i < 3; i++)
    sum = kernel_fold(kernel_fold(sum, (uint32_t)strict.totals[i]), (uint32_t)loose.totals[i]);
  sum = kernel_fold(kernel_fold(kernel_fold(sum, strict.sum), loose.sum), loose.fields);
  failures += !arena_is_whole();
  return kernel_finish("libcsv_table", kernel_fold(sum, failures), 0x69dca78fu);
}
