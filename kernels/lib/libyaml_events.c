//===- libyaml_events.c - a configuration in YAML, with LibYAML -----------------===//
//
// A document with nested blocks, flow lists, anchors and quoted scalars is
// parsed to events, which are folded; a document with a bad indent fails.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include "yaml.h"
#include <string.h>

#define ARENA_BYTES 122880
#include "arena.h"

enum { TEXT = 900 };

static char text[TEXT];
static size_t used;

static void put(const char *part) {
  size_t length = strlen(part);
  memcpy(text + used, part, length);
  used += length;
}

static void write_document(uint32_t *state) {
  static const char *const items[] = {"  - name: pump\n    rate: 12.5\n",
                                      "  - {id: 7, tags: [a, 'b c', \"d\\n\"]}\n",
                                      "  - &base\n    mode: auto\n",
                                      "  - note: |\n      two\n      lines\n",
                                      "  - folded: >-\n      some text\n      on\n",
                                      "  - !tag ~\n",
                                      "  - ? complex\n    : value # why\n"};
  put("%YAML 1.1\n--- # settings\nversion: 3\nlist:\n");
  while (used < TEXT - 200)
    put(items[kernel_random(state) % 7]);
  put("  - &last x\ncopy: *last\nempty: {}\n...\n");
}

static uint32_t fold_event(uint32_t sum, const yaml_event_t *event) {
  sum = kernel_fold(sum, (uint32_t)event->type);
  sum = kernel_fold(sum, (uint32_t)event->start_mark.line * 128 + (uint32_t)event->start_mark.column);
  switch (event->type) {
  case YAML_SCALAR_EVENT:
    sum = kernel_fold(sum, (uint32_t)event->data.scalar.style);
    return sample_fold(sum, event->data.scalar.value, event->data.scalar.length);
  case YAML_ALIAS_EVENT:
    return sample_fold(sum, event->data.alias.anchor, strlen((const char *)event->data.alias.anchor));
  case YAML_SEQUENCE_START_EVENT:
    return kernel_fold(sum, (uint32_t)event->data.sequence_start.style);
  default:
    return sum;
  }
}

static int parse(uint32_t *sum, uint32_t *events) {
  yaml_parser_t parser;
  yaml_event_t event;
  int going = 1, whole = 0;
  yaml_parser_initialize(&parser);
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, used);
  while (going && yaml_parser_parse(&parser, &event)) {
    *sum = fold_event(*sum, &event);
    ++*events;
    whole = event.type == YAML_STREAM_END_EVENT;
    going = !whole;
    yaml_event_delete(&event);
  }
  *sum = kernel_fold(*sum, (uint32_t)parser.problem_mark.line);
  yaml_parser_delete(&parser);
  return whole;
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 27, failures = 0, events = 0;
  write_document(&state);

  roi_begin();
  failures += !parse(&sum, &events);
  memcpy(text + used / 2, "\n ]x: - }", 9);
  failures += parse(&sum, &events);
  roi_end();

  failures += events < 50 || !arena_is_whole();
  return kernel_finish("libyaml_events", kernel_fold(kernel_fold(sum, events), failures), 0xa9af0c47u);
}
