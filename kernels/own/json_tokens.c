// A configuration in JSON: a tokeniser without recursion, paths looked up, numbers in fixed point, text
// written back.
#include "kernel.h"
#include <string.h>

#define TOKENS 400
enum kind { OBJECT, ARRAY, STRING, PRIMITIVE };

struct token {
  uint8_t kind, key;
  int16_t parent, size;
  uint16_t start, end;
};
struct document {
  const char *text;
  struct token tokens[TOKENS];
  int count;
};

static int add(struct document *d, enum kind kind, int parent, int start) {
  if (d->count == TOKENS)
    return -1;
  struct token *t = &d->tokens[d->count];
  *t = (struct token){(uint8_t)kind, 0, (int16_t)parent, 0, (uint16_t)start, 0};
  if (parent >= 0)
    ++d->tokens[parent].size;
  return d->count++;
}

static int tokenise(struct document *d) {
  int parent = -1, last = -1, at = 0;
  for (; d->text[at]; ++at) {
    char c = d->text[at];
    switch (c) {
    case '{':
    case '[':
      last = parent = add(d, c == '{' ? OBJECT : ARRAY, parent, at);
      break;
    case '}':
    case ']':
      if (parent < 0 || d->tokens[parent].kind != (c == '}' ? OBJECT : ARRAY))
        return -at - 1;
      d->tokens[parent].end = (uint16_t)(at + 1);
      last = parent;
      parent = d->tokens[parent].parent;
      break;
    case '"':
      last = add(d, STRING, parent, at + 1);
      while (d->text[++at] != '"')
        at += d->text[at] == '\\';
      d->tokens[last].end = (uint16_t)at;
      break;
    case ':':
      d->tokens[last].key = 1;
      break;
    case ' ':
    case ',':
    case '\n':
      break;
    default:
      last = add(d, PRIMITIVE, parent, at);
      while (d->text[at + 1] && !strchr(",]} \n", d->text[at + 1]))
        ++at;
      d->tokens[last].end = (uint16_t)(at + 1);
    }
  }
  return parent < 0 ? d->count : -at - 1;
}

static int skip(const struct document *d, int token) {
  int next = token + 1;
  while (next < d->count && d->tokens[next].start < d->tokens[token].end)
    ++next;
  return next;
}

/// The value under a key of an object, or an element of an array; -1 if there is none.
static int member(const struct document *d, int token, const char *name, int length) {
  int index = 0;
  for (int i = token + 1; i < d->count && d->tokens[i].start < d->tokens[token].end;) {
    const struct token *t = &d->tokens[i];
    if (d->tokens[token].kind == ARRAY) {
      if (index++ == name[0] - '0' && length == 1)
        return i;
      i = skip(d, i);
    } else {
      if (t->end - t->start == length && memcmp(d->text + t->start, name, (size_t)length) == 0)
        return i + 1;
      i = skip(d, i + 1);
    }
  }
  return -1;
}

static int find(const struct document *d, const char *path) {
  int token = 0;
  while (*path && token >= 0) {
    int length = 0;
    while (path[length] && path[length] != '/')
      ++length;
    token = member(d, token, path, length);
    path += length + (path[length] == '/');
  }
  return token;
}

static int32_t number(const struct document *d, int token) {
  int32_t value = 0, scale = 1000, fraction = 0;
  int i = d->tokens[token].start, negative = d->text[i] == '-';
  for (i += negative; i < d->tokens[token].end; ++i) {
    char c = d->text[i];
    if (c == '.')
      fraction = 1;
    else if (c >= '0' && c <= '9' && scale) {
      value = value * 10 + c - '0';
      scale /= fraction ? 10 : 1;
    }
  }
  value *= fraction ? (scale ? scale : 1) : 1000;
  return negative ? -value : value;
}

static char *put(char *at, const char *text) {
  while (*text)
    *at++ = *text++;
  return at;
}
static char *put_int(char *at, int32_t v) {
  char digits[12];
  int n = 0;
  if (v < 0) {
    *at++ = '-';
    v = -v;
  }
  do
    digits[n++] = (char)('0' + v % 10);
  while (v /= 10);
  while (n)
    *at++ = digits[--n];
  return at;
}

static void compose(char *at, uint32_t *random) {
  at = put(at, "{\"name\": \"pump \\\"A\\\"\", \"zones\": [");
  for (int z = 0; z < 9; ++z) {
    at = put(at, z ? ", {\"id\": " : "{\"id\": ");
    at = put_int(at, z * 7);
    at = put(at, ", \"gain\": ");
    at = put_int(at, (int32_t)(kernel_random(random) & 0xfff) - 2048);
    *at++ = '.';
    at = put_int(at, (int32_t)(*random >> 16 & 0x3f) + 10);
    at = put(at, ", \"steps\": [");
    for (int s = 0; s < 5; ++s) {
      at = put(at, s ? ", " : "");
      at = put_int(at, (int32_t)(kernel_random(random) >> 20));
    }
    at = put(at, "], \"on\": ");
    at = put(at, *random & 1 ? "true}" : "false}");
  }
  at = put(at, "], \"limits\": {\"low\": -12.5, \"high\": 99}}");
  *at = 0;
}

int main(void) {
  static char text[2600], path[] = "zones/0/steps/0";
  static struct document d;
  uint32_t random = kernel_seed(), sum = 0;
  roi_begin();
  for (int round = 0; round < 4; ++round) {
    compose(text, &random);
    d = (struct document){.text = text};
    sum = kernel_fold(sum, (uint32_t)tokenise(&d));
    for (int z = 0; z < 9; ++z) {
      path[6] = (char)('0' + z);
      for (int s = 0; s < 5; s += 2) {
        path[14] = (char)('0' + s);
        int token = find(&d, path);
        sum = kernel_fold(sum, token < 0 ? 1u : (uint32_t)number(&d, token));
      }
    }
    sum = kernel_fold(sum, (uint32_t)number(&d, find(&d, "limits/low")) + (uint32_t)find(&d, "limits/none"));
  }
  roi_end();
  return kernel_finish("json_tokens", sum, 0xc39f9493u);
}
