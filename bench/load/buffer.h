#pragma once
#include <stddef.h>
#include <stdint.h>

// Bytes that wait: appended at the end, taken from the front.
struct buffer {
  uint8_t *bytes;
  size_t used;
  size_t taken;
  size_t capacity;
};

// Appends a copy; ends the program when there is no memory.
void buffer_append(struct buffer *buffer, const void *bytes, size_t count);

// Marks bytes at the front as taken; an emptied buffer starts over and keeps its memory.
void buffer_take(struct buffer *buffer, size_t count);

void buffer_clear(struct buffer *buffer);
