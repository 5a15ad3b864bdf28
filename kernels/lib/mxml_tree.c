//===- mxml_tree.c - an XML tree built, saved, loaded and searched, Mini-XML ------===//
//
// A device description is built as a tree, saved to text, loaded and searched;
// saving it once more must give the same text.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include <string.h>

#include "mxml.h"

#define ARENA_BYTES 73728
#include "arena.h"
#include "bare.h"

enum { DEVICES = 16 };

static mxml_node_t *make_tree(uint32_t *state) {
  static const char *const kinds[] = {"pump", "fan & filter", "<valve>", "\"lamp\""};
  mxml_node_t *root = mxmlNewXML("1.0"), *plant = mxmlNewElement(root, "plant");
  for (int i = 0; i < DEVICES; i++) {
    uint32_t draw = kernel_random(state);
    char id[8] = "d0000";
    for (int digit = 1; digit < 5; digit++)
      id[digit] = (char)('0' + (draw >> (4 * digit)) % 10);
    mxml_node_t *device = mxmlNewElement(plant, "device");
    mxmlElementSetAttr(device, "id", id);
    mxmlElementSetAttr(device, "kind", kinds[draw & 3]);
    mxml_node_t *rate = mxmlNewElement(device, "rate");
    mxmlNewOpaque(rate, draw >> 24 & 1 ? "12" : "450 rpm");
    mxml_node_t *note = mxmlNewElement(device, draw >> 25 & 1 ? "note" : "remark");
    mxmlNewOpaque(note, "caf\xc3\xa9 > bar");
    if (draw >> 26 & 1)
      mxmlNewElement(device, "spare");
  }
  return root;
}

static uint32_t search(uint32_t sum, mxml_node_t *root) {
  uint32_t found = 0;
  for (mxml_node_t *n = mxmlFindElement(root, root, "device", "kind", "<valve>", MXML_DESCEND); n;
       n = mxmlFindElement(n, root, "device", "kind", "<valve>", MXML_DESCEND)) {
    const char *id = mxmlElementGetAttr(n, "id");
    sum = sample_fold(sum, id, strlen(id));
    found++;
  }
  for (mxml_node_t *n = root; n; n = mxmlWalkNext(n, root, MXML_DESCEND))
    sum = kernel_fold(sum, (uint32_t)mxmlGetType(n));
  mxml_node_t *path = mxmlFindPath(root, "plant/device/rate");
  const char *text = path ? mxmlGetOpaque(path) : NULL;
  if (text)
    sum = sample_fold(sum, text, strlen(text));
  return kernel_fold(sum, found);
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 49, failures = 0;

  roi_begin();
  mxml_node_t *made = make_tree(&state);
  char *text = mxmlSaveAllocString(made, MXML_NO_CALLBACK);
  mxml_node_t *read = mxmlLoadString(NULL, text, MXML_OPAQUE_CALLBACK);
  char *again = mxmlSaveAllocString(read, MXML_NO_CALLBACK);
  failures += !text || !again || strcmp(text, again) != 0;
  sum = sample_fold(sum, text, strlen(text));
  sum = search(search(sum, made), read);
  free(again);
  free(text);
  mxmlDelete(read);
  mxmlDelete(made);
  roi_end();

  return kernel_finish("mxml_tree", kernel_fold(sum, failures), 0x6f70fa36u);
}
