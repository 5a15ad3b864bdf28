// A left-leaning red-black tree in a pool: insertion, removal of the least, range sums, depth check.
#include "kernel.h"

#define POOL 400
#define OPERATIONS 1500

struct node {
  uint16_t left, right, key;
  uint8_t red;
  uint32_t value;
};
static struct node pool[POOL + 1]; // 0 is no node
static uint16_t free_list, root;

static uint16_t take(uint16_t key, uint32_t value) {
  uint16_t n = free_list;
  free_list = pool[n].left;
  pool[n] = (struct node){0, 0, key, 1, value};
  return n;
}
static void give(uint16_t n) {
  pool[n].left = free_list;
  free_list = n;
}
static int is_red(uint16_t n) { return n && pool[n].red; }

static uint16_t rotate_left(uint16_t h) {
  uint16_t x = pool[h].right;
  pool[h].right = pool[x].left;
  pool[x].left = h;
  pool[x].red = pool[h].red;
  pool[h].red = 1;
  return x;
}
static uint16_t rotate_right(uint16_t h) {
  uint16_t x = pool[h].left;
  pool[h].left = pool[x].right;
  pool[x].right = h;
  pool[x].red = pool[h].red;
  pool[h].red = 1;
  return x;
}
static void flip(uint16_t h) {
  pool[h].red ^= 1;
  pool[pool[h].left].red ^= 1;
  pool[pool[h].right].red ^= 1;
}
static uint16_t balance(uint16_t h) {
  if (is_red(pool[h].right) && !is_red(pool[h].left))
    h = rotate_left(h);
  if (is_red(pool[h].left) && is_red(pool[pool[h].left].left))
    h = rotate_right(h);
  if (is_red(pool[h].left) && is_red(pool[h].right))
    flip(h);
  return h;
}
static uint16_t insert(uint16_t h, uint16_t key, uint32_t value) {
  if (!h)
    return take(key, value);
  if (key < pool[h].key)
    pool[h].left = insert(pool[h].left, key, value);
  else if (key > pool[h].key)
    pool[h].right = insert(pool[h].right, key, value);
  else
    pool[h].value += value;
  return balance(h);
}
static uint16_t remove_least(uint16_t h) {
  if (!pool[h].left) {
    give(h);
    return 0;
  }
  if (!is_red(pool[h].left) && !is_red(pool[pool[h].left].left)) {
    flip(h);
    if (is_red(pool[pool[h].right].left)) {
      pool[h].right = rotate_right(pool[h].right);
      h = rotate_left(h);
      flip(h);
    }
  }
  pool[h].left = remove_least(pool[h].left);
  return balance(h);
}
static uint32_t range_sum(uint16_t h, uint16_t low, uint16_t high) {
  if (!h)
    return 0;
  uint32_t sum = pool[h].key >= low && pool[h].key <= high ? pool[h].value : 0;
  if (pool[h].key > low)
    sum += range_sum(pool[h].left, low, high);
  if (pool[h].key < high)
    sum += range_sum(pool[h].right, low, high);
  return sum;
}
/// Black nodes on every path, or -1.
static int black_height(uint16_t h) {
  if (!h)
    return 0;
  int left = black_height(pool[h].left), right = black_height(pool[h].right);
  return left < 0 || left != right ? -1 : left + !pool[h].red;
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0;
  for (uint16_t i = 1; i <= POOL; ++i)
    pool[i].left = i < POOL ? i + 1 : 0;
  free_list = 1;
  roi_begin();
  for (int i = 0; i < OPERATIONS; ++i) {
    uint32_t r = kernel_random(&random);
    if (free_list && (r & 3)) {
      root = insert(root, (uint16_t)(r >> 16), r & 0xff);
      pool[root].red = 0;
    } else if (root) {
      root = remove_least(root);
      pool[root].red = 0;
    }
    if ((i & 31) == 0)
      sum = kernel_fold(sum, range_sum(root, (uint16_t)(r & 0x7fff), (uint16_t)(0x8000 | (r & 0x7fff))));
  }
  int height = black_height(root);
  roi_end();
  return kernel_finish("red_black_tree", kernel_fold(sum, (uint32_t)height), 0x1b463ab5u);
}
