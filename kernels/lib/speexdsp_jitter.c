//===- speexdsp_jitter.c - an adaptive jitter buffer for voice packets, SpeexDSP -===//
//
// Packets arrive late, twice, out of order or not at all; every tick one is
// taken out and the buffer adapts its delay. Time must never run backwards.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include "speex/speex_jitter.h"
#include <string.h>

#define ARENA_BYTES 24576
#include "arena.h"

enum { STEP = 160, TICKS = 110, FLIGHT = 24, PAYLOAD = 40 };

struct packet {
  uint32_t number, due;
};

static struct packet flying[FLIGHT];
static char payload[PAYLOAD];

static void send(uint32_t number, uint32_t now, uint32_t *state) {
  uint32_t draw = kernel_random(state);
  if (draw % 13 == 0)
    return; // lost
  for (int copies = draw % 17 == 0 ? 2 : 1; copies; copies--)
    for (int i = 0; i < FLIGHT; i++)
      if (!flying[i].due) {
        flying[i].number = number;
        flying[i].due = now + 1 + (draw >> 8) % ((draw >> 16) % 29 ? 4 : 12);
        break;
      }
}

static void deliver(JitterBuffer *buffer, uint32_t now) {
  for (int i = 0; i < FLIGHT; i++)
    if (flying[i].due == now && now) {
      JitterBufferPacket packet = {.data = payload, .len = PAYLOAD, .span = STEP};
      packet.timestamp = flying[i].number * STEP;
      packet.sequence = (uint16_t)flying[i].number;
      packet.user_data = flying[i].number * 3;
      memset(payload, (int)(flying[i].number & 127), PAYLOAD);
      jitter_buffer_put(buffer, &packet);
      flying[i].due = 0;
    }
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 30, failures = 0, found = 0, last = 0;

  roi_begin();
  JitterBuffer *buffer = jitter_buffer_init(STEP);
  for (uint32_t now = 1; now <= TICKS; now++) {
    char data[PAYLOAD];
    spx_int32_t offset = 0;
    JitterBufferPacket packet = {.data = data, .len = PAYLOAD};
    send(now, now, &state);
    deliver(buffer, now);
    int status = jitter_buffer_get(buffer, &packet, STEP, &offset);
    if (status == JITTER_BUFFER_OK) {
      found++;
      failures += packet.timestamp < last || packet.user_data * STEP != packet.timestamp * 3;
      failures += data[0] != (char)(packet.sequence & 127);
      last = packet.timestamp;
      sum = kernel_fold(sum, packet.timestamp);
      if (jitter_buffer_get_another(buffer, &packet) == JITTER_BUFFER_OK)
        sum = kernel_fold(sum, packet.sequence);
    }
    sum = kernel_fold(kernel_fold(sum, (uint32_t)status), (uint32_t)offset);
    jitter_buffer_tick(buffer);
    if (now % 64 == 0) {
      spx_int32_t margin = STEP / 2, count = 0;
      jitter_buffer_ctl(buffer, JITTER_BUFFER_SET_MARGIN, &margin);
      jitter_buffer_ctl(buffer, JITTER_BUFFER_GET_AVAILABLE_COUNT, &count);
      sum = kernel_fold(sum, (uint32_t)count);
    }
  }
  jitter_buffer_destroy(buffer);
  roi_end();

  failures += found < TICKS / 2 || !arena_is_whole();
  return kernel_finish("speexdsp_jitter", kernel_fold(kernel_fold(sum, found), failures), 0x3913e751u);
}
