//===- nanopb_report.c - protocol buffers of a gateway, with nanopb -------------===//
//
// Reports with nested readings, strings and bytes are encoded to a buffer,
// decoded and encoded again, which must give the same bytes; cut messages are
// refused.
//
//===----------------------------------------------------------------------===//

#include "pb_decode.h"
#include "pb_encode.h"
#include "sample.h"
#include <string.h>

typedef struct {
  uint32_t channel;
  int32_t value;
  bool has_unit;
  char unit[8];
} reading_t;

typedef PB_BYTES_ARRAY_T(24) report_signature_t;

typedef struct {
  uint64_t time;
  uint32_t device;
  bool has_battery;
  float battery;
  pb_size_t readings_count;
  reading_t readings[12];
  pb_size_t errors_count;
  int32_t errors[6];
  report_signature_t signature;
} report_t;

#define reading_t_FIELDLIST(X, a)                                                                            \
  X(a, STATIC, REQUIRED, UINT32, channel, 1)                                                                 \
  X(a, STATIC, REQUIRED, SINT32, value, 2)                                                                   \
  X(a, STATIC, OPTIONAL, STRING, unit, 3)
#define reading_t_CALLBACK NULL
#define reading_t_DEFAULT NULL

#define report_t_FIELDLIST(X, a)                                                                             \
  X(a, STATIC, REQUIRED, FIXED64, time, 1)                                                                   \
  X(a, STATIC, REQUIRED, UINT32, device, 2)                                                                  \
  X(a, STATIC, OPTIONAL, FLOAT, battery, 3)                                                                  \
  X(a, STATIC, REPEATED, MESSAGE, readings, 4)                                                               \
  X(a, STATIC, REPEATED, SINT32, errors, 5)                                                                  \
  X(a, STATIC, REQUIRED, BYTES, signature, 20)
#define report_t_CALLBACK NULL
#define report_t_DEFAULT NULL
#define report_t_readings_MSGTYPE reading_t

extern const pb_msgdesc_t reading_t_msg;
extern const pb_msgdesc_t report_t_msg;
PB_BIND(reading_t, reading_t, AUTO)
PB_BIND(report_t, report_t, AUTO)

enum { ROOM = 400, REPORTS = 6 };

static report_t report, decoded;
static uint8_t first[ROOM], second[ROOM];

static void make_report(uint32_t *state) {
  static const char *const units[] = {"mV", "degC", "kPa", "rpm"};
  memset(&report, 0, sizeof report);
  report.time = (uint64_t)kernel_random(state) << 20;
  report.device = kernel_random(state) >> (kernel_random(state) & 31);
  report.has_battery = kernel_random(state) & 1;
  report.battery = (float)(kernel_random(state) & 4095) / 1024.0f;
  report.readings_count = (pb_size_t)(kernel_random(state) % 13);
  for (pb_size_t i = 0; i < report.readings_count; i++) {
    reading_t *r = &report.readings[i];
    r->channel = i;
    r->value = (int32_t)kernel_random(state) >> (kernel_random(state) & 31);
    r->has_unit = kernel_random(state) & 1;
    strcpy(r->unit, units[kernel_random(state) & 3]);
  }
  report.errors_count = (pb_size_t)(kernel_random(state) % 7);
  for (pb_size_t i = 0; i < report.errors_count; i++)
    report.errors[i] = -(int32_t)(kernel_random(state) & 0xfff);
  report.signature.size = 24;
  sample_fill(report.signature.bytes, 24, state);
}

static size_t encode(const report_t *from, uint8_t *to) {
  pb_ostream_t stream = pb_ostream_from_buffer(to, ROOM);
  return pb_encode(&stream, &report_t_msg, from) ? stream.bytes_written : 0;
}

static bool decode(const uint8_t *from, size_t length) {
  pb_istream_t stream = pb_istream_from_buffer(from, length);
  return pb_decode(&stream, &report_t_msg, &decoded);
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 26, failures = 0;

  roi_begin();
  for (int i = 0; i < REPORTS; i++) {
    make_report(&state);
    size_t length = encode(&report, first), needed = 0;
    failures += length == 0 || !decode(first, length);
    failures += encode(&decoded, second) != length || memcmp(first, second, length) != 0;
    failures += !pb_get_encoded_size(&needed, &report_t_msg, &report) || needed != length;
    failures += decode(first, length - 1);
    sum = sample_fold(sum, second, length);
    state ^= sum & 0xffff;
    state |= !state;
  }
  roi_end();

  return kernel_finish("nanopb_report", kernel_fold(sum, failures), 0x499fa28cu);
}
