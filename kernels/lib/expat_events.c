//===- expat_events.c - XML messages through Expat's parser -------------------===//
//
// Random XML documents with attributes, entities, comments and CDATA arrive in
// small pieces; the handlers fold what they see. A broken document must be
// refused at the end.
//
//===----------------------------------------------------------------------===//

#include "expat.h"
#include "kernel.h"
#include <string.h>

#define ARENA_BYTES 65536
#include "arena.h"
#include "bare.h"

// Expat links these for its hash salt, which is set here instead.
int getpid(void);
int gettimeofday(void *time, void *zone);
int getpid(void) { return 1; }
int gettimeofday(void *time, void *zone) { return time == zone; }

enum { TEXT = 3000, PIECE = 97 };

struct reader {
  uint32_t sum;
  uint32_t depth, elements;
};

static char text[TEXT + 256];
static uint32_t used;

static void put(const char *part) {
  size_t length = strlen(part);
  memcpy(text + used, part, length);
  used += (uint32_t)length;
}

static const char *pick(const char *const *words, uint32_t count, uint32_t *state) {
  return words[kernel_random(state) % count];
}

static const char *const tags[] = {"sensor", "value", "unit", "n:time", "list", "item"};

static void write_element(uint32_t depth, uint32_t *state) {
  static const char *const attributes[] = {" id='7'", " n:kind=\"a &lt; b\"", " note='two  words'", ""};
  static const char *const contents[] = {"23.5",         "a &amp; b",   "<![CDATA[x < y]]>", "<!-- skip -->",
                                         "&#x41;&#233;", "caf\xc3\xa9", "&greeting;",        "<?pi data?>"};
  const char *tag = pick(tags, 6, state);
  put("<");
  put(tag);
  put(pick(attributes, 4, state));
  put(">");
  uint32_t parts = kernel_random(state) % 5 + 1;
  for (uint32_t i = 0; i < parts && used < TEXT - 400; i++)
    if (depth < 5 && kernel_random(state) % 3 == 0)
      write_element(depth + 1, state);
    else
      put(pick(contents, 8, state));
  put("</");
  put(tag);
  put(">\n");
}

static void write_document(uint32_t *state) {
  used = 0;
  put("<?xml version='1.0'?>\n<!DOCTYPE doc [<!ENTITY greeting 'good &#109;orning'>"
      "<!ATTLIST sensor mode CDATA 'auto'>]>\n<doc xmlns='urn:a' xmlns:n='urn:b'>");
  while (used < TEXT - 600)
    write_element(0, state);
  put("</doc>");
}

static void fold(struct reader *r, const char *data, size_t length) {
  for (size_t i = 0; i < length; i++)
    r->sum = kernel_fold(r->sum, (uint8_t)data[i]);
}

static void on_start(void *user, const char *name, const char **attributes) {
  struct reader *r = user;
  r->depth++;
  r->elements++;
  fold(r, name, strlen(name));
  for (; attributes[0]; attributes += 2) {
    fold(r, attributes[0], strlen(attributes[0]));
    fold(r, attributes[1], strlen(attributes[1]));
  }
}

static void on_end(void *user, const char *name) {
  struct reader *r = user;
  r->depth--;
  r->sum = kernel_fold(r->sum, (uint8_t)name[0]);
}

static void on_text(void *user, const char *data, int length) { fold(user, data, (size_t)length); }

static int parse(struct reader *r, uint32_t length) {
  XML_Parser parser = XML_ParserCreateNS(NULL, '|');
  XML_SetHashSalt(parser, 1);
  XML_SetUserData(parser, r);
  XML_SetElementHandler(parser, on_start, on_end);
  XML_SetCharacterDataHandler(parser, on_text);
  enum XML_Status status = XML_STATUS_OK;
  for (uint32_t at = 0; at < length && status == XML_STATUS_OK; at += PIECE) {
    uint32_t piece = length - at < PIECE ? length - at : PIECE;
    status = XML_Parse(parser, text + at, (int)piece, at + piece == length);
  }
  r->sum = kernel_fold(r->sum, (uint32_t)XML_GetErrorCode(parser));
  r->sum = kernel_fold(r->sum, (uint32_t)XML_GetCurrentLineNumber(parser));
  XML_ParserFree(parser);
  return status == XML_STATUS_OK;
}

int main(void) {
  uint32_t state = kernel_seed(), failures = 0;
  struct reader reader = {5, 0, 0};
  write_document(&state);

  roi_begin();
  failures += !parse(&reader, used) || reader.depth != 0;
  failures += parse(&reader, used - 3 - (reader.sum & 7));
  roi_end();

  failures += !arena_is_whole();
  return kernel_finish("expat_events", kernel_fold(kernel_fold(reader.sum, reader.elements), failures),
                       0x59f0491fu);
}
