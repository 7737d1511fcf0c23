#include "buffer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void grow(struct buffer *buffer, size_t least) {
  buffer->capacity = least * 2 + 256;
  buffer->bytes = realloc(buffer->bytes, buffer->capacity);
  if (buffer->bytes != NULL) return;
  fprintf(stderr, "load: out of memory\n");
  exit(2);
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t count) {
  if (count == 0) return;
  if (buffer->used + count > buffer->capacity) grow(buffer, buffer->used + count);
  memcpy(buffer->bytes + buffer->used, bytes, count);
  buffer->used += count;
}

void buffer_take(struct buffer *buffer, size_t count) {
  buffer->taken += count;
  if (buffer->taken == buffer->used) buffer_clear(buffer);
}

void buffer_clear(struct buffer *buffer) {
  buffer->used = buffer->taken = 0;
}
