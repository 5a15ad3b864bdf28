//===- qemu_counts.c - how often each block runs, for qemu 7.2 ---------------===//
//
// A TCG plugin. Marks are functions of the program: from the first instruction
// of the first to that of the second counts for main, likewise for the region.
// Arguments: out=FILE, limit=INSTRUCTIONS, and the marks' addresses in
// hexadecimal, main_begin=, main_end=, region_begin=, region_end=.
// Each line of the output is a block: address, instructions, bytes, then runs,
// and runs that went on behind the block, in main and in the region. qemu's
// header is in no Debian package; these declarations are those of its
// documented interface, version 1.
//
//===----------------------------------------------------------------------===//

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef struct qemu_info_t qemu_info_t;
typedef void (*translate_callback)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*exit_callback)(qemu_plugin_id_t, void *);
typedef void (*execute_callback)(unsigned, void *);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translate_callback);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, exit_callback, void *);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, execute_callback, int flags, void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);

EXPORT int qemu_plugin_version = 1;

enum { MAIN, REGION, SCOPES };

struct block {
  uint64_t address, count, end;
  uint64_t runs[SCOPES], fell_through[SCOPES];
  struct block *next;
};

static struct block *table[1 << 16];
static struct block *last; // the block that ran before, and whether it was counted
static bool last_open[SCOPES], open_scope[SCOPES], had_region;
static const char *out_file = "counts.txt";
static uint64_t limit = UINT64_MAX, executed;
static uint64_t begin_mark[SCOPES], end_mark[SCOPES];

static void report(const char *end) {
  FILE *file = fopen(out_file, "w");
  if (!file)
    _exit(3);
  fprintf(file, "%s %d\n", end, had_region);
  for (size_t i = 0; i != sizeof table / sizeof *table; ++i)
    for (const struct block *b = table[i]; b; b = b->next)
      if (b->runs[MAIN] || b->runs[REGION])
        fprintf(file, "%" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                b->address, b->count, b->end - b->address, b->runs[MAIN], b->fell_through[MAIN],
                b->runs[REGION], b->fell_through[REGION]);
  if (fclose(file))
    _exit(3);
}

static void on_execute(unsigned cpu, void *data) {
  (void)cpu;
  struct block *b = data;
  for (int s = 0; s != SCOPES; ++s) {
    if (b->address == begin_mark[s]) {
      open_scope[s] = true;
      had_region |= s == REGION;
    } else if (b->address == end_mark[s])
      open_scope[s] = false;
    if (last && last_open[s] && last->end == b->address)
      ++last->fell_through[s];
    last_open[s] = open_scope[s];
    b->runs[s] += open_scope[s];
  }
  last = b;
  executed += b->count;
  if (executed > limit) {
    report("limit");
    _exit(0);
  }
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
  (void)id;
  size_t count = qemu_plugin_tb_n_insns(tb);
  uint64_t address = qemu_plugin_tb_vaddr(tb);
  struct block **bucket = &table[address >> 1 & 0xffff], *b = *bucket;
  while (b && !(b->address == address && b->count == count))
    b = b->next;
  if (!b) {
    b = calloc(1, sizeof *b);
    if (!b)
      _exit(3);
    const struct qemu_plugin_insn *end = qemu_plugin_tb_get_insn(tb, count - 1);
    b->address = address;
    b->count = count;
    b->end = qemu_plugin_insn_vaddr(end) + qemu_plugin_insn_size(end);
    b->next = *bucket;
    *bucket = b;
  }
  qemu_plugin_register_vcpu_tb_exec_cb(tb, on_execute, 0, b);
}

static void on_exit_of_program(qemu_plugin_id_t id, void *data) {
  (void)id;
  (void)data;
  report("exit");
}

static bool read_mark(const char *argument, const char *name, uint64_t *mark) {
  size_t length = strlen(name);
  if (strncmp(argument, name, length) != 0)
    return false;
  *mark = strtoull(argument + length, NULL, 16);
  return true;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
  (void)info;
  for (int i = 0; i != argc; ++i) {
    if (strncmp(argv[i], "out=", 4) == 0)
      out_file = strdup(argv[i] + 4);
    else if (strncmp(argv[i], "limit=", 6) == 0)
      limit = strtoull(argv[i] + 6, NULL, 10);
    else if (!read_mark(argv[i], "main_begin=", &begin_mark[MAIN]) &&
             !read_mark(argv[i], "main_end=", &end_mark[MAIN]) &&
             !read_mark(argv[i], "region_begin=", &begin_mark[REGION]) &&
             !read_mark(argv[i], "region_end=", &end_mark[REGION]))
      return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
  qemu_plugin_register_atexit_cb(id, on_exit_of_program, NULL);
  return 0;
}
