//===- arena.h - malloc in static memory, for the kernels around libraries --===//
//
// Include it in one file, after ARENA_BYTES is defined: how much memory the
// library needs where pointers have 32 bits. It defines malloc and its family
// as a first-fit list of free blocks in address order, joined as they return.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_ARENA_H
#define MLCOMP_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
#define ARENA_OFF // its C library and sanitizers allocate for themselves, by ways of their own
#endif

#ifdef ARENA_OFF
static inline int arena_is_whole(void) { return 1; }
#else

// Users' data of any type lies where headers were.
struct __attribute__((may_alias)) arena_block {
  _Alignas(16) size_t size; // of the block with this header
  struct arena_block *next; // only while it is free
};

enum { ARENA_BLOCKS = ARENA_BYTES * (sizeof(void *) / 4) / sizeof(struct arena_block) };

static struct arena_block arena_memory[ARENA_BLOCKS];
static struct arena_block *arena_free_list;
static int arena_ready;

static void *arena_take(size_t size) {
  if (!arena_ready) {
    arena_ready = 1;
    arena_memory[0].size = sizeof arena_memory;
    arena_free_list = &arena_memory[0];
  }
  if (size > sizeof arena_memory)
    return NULL;
  size_t need = (size / sizeof(struct arena_block) + 2) * sizeof(struct arena_block);
  struct arena_block **link = &arena_free_list;
  while (*link && (*link)->size < need)
    link = &(*link)->next;
  struct arena_block *block = *link;
  if (!block)
    return NULL;
  if (block->size == need) {
    *link = block->next;
  } else {
    struct arena_block *rest = block + need / sizeof *block;
    rest->size = block->size - need;
    rest->next = block->next;
    *link = rest;
    block->size = need;
  }
  return block + 1;
}

static struct arena_block *arena_end(struct arena_block *block) {
  return block + block->size / sizeof *block;
}

static void arena_give(struct arena_block *block) {
  struct arena_block *before = NULL, *after = arena_free_list;
  while (after && after < block) {
    before = after;
    after = after->next;
  }
  block->next = after;
  if (after && arena_end(block) == after) {
    block->size += after->size;
    block->next = after->next;
  }
  if (!before) {
    arena_free_list = block;
  } else if (arena_end(before) == block) {
    before->size += block->size;
    before->next = block->next;
  } else {
    before->next = block;
  }
}

void *malloc(size_t size) { return arena_take(size); }

void free(void *memory) {
  if (memory)
    arena_give((struct arena_block *)memory - 1);
}

void *calloc(size_t count, size_t size) {
  if (size && count > SIZE_MAX / size)
    return NULL;
  void *memory = arena_take(count * size);
  if (memory)
    memset(memory, 0, count * size);
  return memory;
}

void *realloc(void *old, size_t size) {
  void *memory = arena_take(size);
  if (!memory || !old)
    return memory;
  struct arena_block *block = (struct arena_block *)old - 1;
  size_t kept = block->size - sizeof *block;
  memcpy(memory, old, kept < size ? kept : size);
  arena_give(block);
  return memory;
}

/// Whether all memory has come back.
static inline int arena_is_whole(void) {
  return !arena_ready || (arena_free_list && arena_free_list->size == sizeof arena_memory);
}

#endif
#endif
