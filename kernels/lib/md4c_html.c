//===- md4c_html.c - Markdown notes to HTML with MD4C ---------------------------===//
//
// A random document with headings, lists, tables, links and emphasis is
// rendered; the tags that open must close.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include <string.h>

#include "md4c-html.h"

#define ARENA_BYTES 65536
#include "arena.h"

enum { TEXT = 2600 };

struct output {
  uint32_t sum, length, opened, closed;
};

static char text[TEXT];
static uint32_t used;

static void put(const char *part) {
  size_t length = strlen(part);
  if (used + length > TEXT)
    return;
  memcpy(text + used, part, length);
  used += (uint32_t)length;
}

static const char *const pieces[] = {
    "# Heading *one*\n\n",
    "Some `code` and **strong _mixed_ text** with a [link](http://a.b/c \"t\").\n",
    "* item\n* item two\n    1. nested\n    2. more\n\n",
    "> quoted line\n> > deeper\n\n",
    "| a | b |\n|---|:-:|\n| 1 | ~~2~~ |\n\n",
    "```c\nint x = a < b && c;\n```\n",
    "A line with \\*escapes\\*, &amp; &copy; and <b>html</b>.  \nbroken\n\n",
    "Setext\n======\n",
    "- [x] done\n- [ ] open\n\n",
    "![image](x.png) www.example.com and [ref][r]\n\n[r]: /url 'title'\n\n",
    "*unbalanced **emphasis* here** __and__ _there_\n",
    "    indented code\n\n",
    "***\n",
};

static void on_output(const MD_CHAR *data, MD_SIZE size, void *user) {
  struct output *out = user;
  for (MD_SIZE i = 0; i < size; i++) {
    out->sum = kernel_fold(out->sum, (uint8_t)data[i]);
    if (data[i] == '<')
      out->opened++;
    if (data[i] == '>')
      out->closed++;
  }
  out->length += size;
}

int main(void) {
  static const unsigned dialects[] = {MD_DIALECT_COMMONMARK, MD_DIALECT_GITHUB | MD_FLAG_UNDERLINE};
  uint32_t state = kernel_seed(), failures = 0;
  struct output out = {15, 0, 0, 0};
  while (used < TEXT - 100)
    put(pieces[kernel_random(&state) % (sizeof pieces / sizeof pieces[0])]);

  roi_begin();
  for (int i = 0; i < 2; i++) {
    failures += md_html(text, used, on_output, &out, dialects[i], i ? MD_HTML_FLAG_XHTML : 0) != 0;
    text[out.sum % used] = ' ';
  }
  roi_end();

  failures += out.opened != out.closed || !arena_is_whole();
  return kernel_finish("md4c_html", kernel_fold(kernel_fold(out.sum, out.length), failures), 0xc653f0f1u);
}
