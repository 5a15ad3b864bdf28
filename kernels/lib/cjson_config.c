//===- cjson_config.c - a device's settings as JSON, with cJSON --------------===//
//
// A settings document is built as a tree, printed, parsed again, changed and
// printed compactly, as a device does that keeps its settings in flash.
//
//===----------------------------------------------------------------------===//

#include "cJSON.h"
#include "kernel.h"

#define ARENA_BYTES 40960
#include "arena.h"

enum { CHANNELS = 10, ROUNDS = 2 };

static void name_of(uint32_t i, char *out) {
  static const char letters[] = "abcdefghijklmnop";
  int length = 0;
  do {
    out[length++] = letters[i & 15];
    i >>= 4;
  } while (i && length < 7);
  out[length] = 0;
}

static cJSON *make_channel(uint32_t *state) {
  char name[8];
  cJSON *channel = cJSON_CreateObject();
  name_of(kernel_random(state) & 0xffff, name);
  cJSON_AddStringToObject(channel, "name", name);
  cJSON_AddBoolToObject(channel, "enabled", kernel_random(state) & 1);
  cJSON_AddNumberToObject(channel, "rate", (double)(kernel_random(state) % 5000));
  cJSON *limits = cJSON_AddArrayToObject(channel, "limits");
  for (int i = 0; i < 3; i++)
    cJSON_AddItemToArray(limits, cJSON_CreateNumber((int32_t)(kernel_random(state) % 2001) - 1000));
  if (kernel_random(state) & 1)
    cJSON_AddNullToObject(channel, "alarm");
  else
    cJSON_AddStringToObject(channel, "alarm", "line\n\"quoted\"\tand \\ \x01 \xc3\xa9");
  return channel;
}

static cJSON *make_settings(uint32_t *state) {
  cJSON *root = cJSON_CreateObject(), *channels = cJSON_AddArrayToObject(root, "channels");
  cJSON_AddNumberToObject(root, "version", (double)(kernel_random(state) & 255));
  for (int i = 0; i < CHANNELS; i++)
    cJSON_AddItemToArray(channels, make_channel(state));
  return root;
}

static int32_t change(cJSON *root) {
  int32_t total = 0;
  cJSON *channel;
  cJSON_ArrayForEach(channel, cJSON_GetObjectItemCaseSensitive(root, "channels")) {
    cJSON *rate = cJSON_GetObjectItem(channel, "RATE"), *limit;
    cJSON_SetNumberValue(rate, rate->valueint / 2);
    cJSON_ArrayForEach(limit, cJSON_GetObjectItem(channel, "limits")) total += limit->valueint;
    if (cJSON_IsTrue(cJSON_GetObjectItem(channel, "enabled")))
      cJSON_DeleteItemFromObject(channel, "alarm");
  }
  cJSON_DeleteItemFromArray(cJSON_GetObjectItem(root, "channels"), (int)((uint32_t)total & 3));
  return total;
}

static uint32_t fold_text(uint32_t sum, const char *text) {
  for (; *text; text++)
    sum = kernel_fold(sum, (uint8_t)*text);
  return sum;
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 4, failures = 0;

  roi_begin();
  for (int i = 0; i < ROUNDS; i++) {
    cJSON *made = make_settings(&state);
    char *text = cJSON_Print(made);
    cJSON *read = cJSON_Parse(text);
    failures += !cJSON_Compare(made, read, 1);
    sum = kernel_fold(fold_text(sum, text), (uint32_t)change(read));
    failures += cJSON_Compare(made, read, 1);
    cJSON_free(text);
    text = cJSON_PrintUnformatted(read);
    sum = fold_text(sum, text);
    cJSON_free(text);
    cJSON_Delete(made);
    cJSON_Delete(read);
    state ^= sum | 1;
    state |= !state;
  }
  roi_end();

  failures += !arena_is_whole();
  return kernel_finish("cjson_config", kernel_fold(sum, failures), 0x87ecdd74u);
}
