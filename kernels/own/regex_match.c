// A small pattern matcher on bytecode: compiled with repetition, sets and alternatives, run as a set of
// threads.
#include "kernel.h"
#include <string.h>

#define CODE 64
enum op { CHARACTER, ANY, SET, SPLIT, JUMP, MATCH };

struct instruction {
  uint8_t op, argument, x, y;
};
struct program {
  struct instruction code[CODE];
  uint8_t length;
  uint8_t sets[6][16];
  uint8_t set_count;
};
struct threads {
  uint8_t list[CODE], mark[CODE], count;
};

static void emit(struct program *p, enum op op, unsigned argument, unsigned x, unsigned y) {
  p->code[p->length++] = (struct instruction){(uint8_t)op, (uint8_t)argument, (uint8_t)x, (uint8_t)y};
}

static const char *compile_set(struct program *p, const char *at) {
  uint8_t *set = p->sets[p->set_count];
  int negated = *at == '^';
  at += negated;
  for (; *at != ']'; ++at) {
    unsigned from = (uint8_t)*at, to = from;
    if (at[1] == '-' && at[2] != ']') {
      to = (uint8_t)at[2];
      at += 2;
    }
    for (unsigned c = from; c <= to; ++c)
      set[c >> 3 & 15] |= (uint8_t)(1u << (c & 7));
  }
  for (int i = 0; negated && i < 16; ++i)
    set[i] = (uint8_t)~set[i];
  emit(p, SET, p->set_count++, 0, 0);
  return at + 1;
}

static const char *compile(struct program *p, const char *at) {
  unsigned start = p->length;
  while (*at && *at != ')' && *at != '|') {
    unsigned atom = p->length;
    if (*at == '(') {
      at = compile(p, at + 1) + 1;
    } else if (*at == '[') {
      at = compile_set(p, at + 1);
    } else {
      emit(p, *at == '.' ? ANY : CHARACTER, (uint8_t)*at, 0, 0);
      ++at;
    }
    if (*at == '*' || *at == '+' || *at == '?') {
      if (*at == '+')
        emit(p, SPLIT, 0, atom, p->length + 1u);
      else {
        memmove(&p->code[atom + 1], &p->code[atom], (p->length - atom) * sizeof *p->code);
        for (unsigned i = atom + 1; i <= p->length; ++i) {
          p->code[i].x += p->code[i].op >= SPLIT;
          p->code[i].y += p->code[i].op == SPLIT;
        }
        ++p->length;
        p->code[atom] =
            (struct instruction){SPLIT, 0, (uint8_t)(atom + 1), (uint8_t)(p->length + (*at == '*'))};
        if (*at == '*')
          emit(p, JUMP, 0, atom, 0);
      }
      ++at;
    }
  }
  if (*at == '|') {
    memmove(&p->code[start + 1], &p->code[start], (p->length - start) * sizeof *p->code);
    for (unsigned i = start + 1; i <= p->length; ++i) {
      p->code[i].x += p->code[i].op >= SPLIT;
      p->code[i].y += p->code[i].op == SPLIT;
    }
    ++p->length;
    unsigned jump = p->length;
    emit(p, JUMP, 0, 0, 0);
    p->code[start] = (struct instruction){SPLIT, 0, (uint8_t)(start + 1), p->length};
    at = compile(p, at + 1);
    p->code[jump].x = p->length;
  }
  return at;
}

static void add(const struct program *p, struct threads *t, unsigned pc) {
  if (t->mark[pc])
    return;
  t->mark[pc] = 1;
  const struct instruction *i = &p->code[pc];
  if (i->op == JUMP)
    add(p, t, i->x);
  else if (i->op == SPLIT) {
    add(p, t, i->x);
    add(p, t, i->y);
  } else
    t->list[t->count++] = (uint8_t)pc;
}

static int accepts(const struct program *p, const struct instruction *i, uint8_t c) {
  return i->op == ANY || (i->op == CHARACTER && i->argument == c) ||
         (i->op == SET && p->sets[i->argument][c >> 3 & 15] >> (c & 7) & 1);
}

/// The end of the longest match from the beginning of `text`, or -1.
static int run(const struct program *p, const char *text) {
  struct threads now, next;
  int end = -1;
  memset(&now, 0, sizeof now);
  add(p, &now, 0);
  for (int at = 0; now.count; ++at) {
    memset(&next, 0, sizeof next);
    for (int i = 0; i < now.count; ++i) {
      const struct instruction *code = &p->code[now.list[i]];
      if (code->op == MATCH)
        end = at;
      else if (text[at] && accepts(p, code, (uint8_t)text[at]))
        add(p, &next, now.list[i] + 1u);
    }
    now = next;
  }
  return end;
}

int main(void) {
  static const char *const patterns[] = {"[a-c]+d?(ef|e)*", "(ab|a)(bc|c)?x*", ".*e[^ab]+", "a(b(c|d)*)+",
                                         "[abc]?[def]+c"};
  static struct program programs[5];
  static char text[260];
  uint32_t random = kernel_seed(), sum = 0;
  for (int i = 0; i < 259; ++i)
    text[i] = "abcdefabcx"[kernel_random(&random) % 10];
  roi_begin();
  for (int k = 0; k < 5; ++k) {
    compile(&programs[k], patterns[k]);
    emit(&programs[k], MATCH, 0, 0, 0);
    int step = k == 2 ? 61 : 9;
    for (int at = 0; at < 259; at += step)
      sum = kernel_fold(sum, (uint32_t)run(&programs[k], text + at));
  }
  roi_end();
  return kernel_finish("regex_match", sum, 0x27e85a45u);
}
