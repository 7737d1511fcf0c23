#include "frame.h"
#include <string.h>

static uint64_t read_big_endian(const uint8_t *bytes, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; i++) value = value << 8 | bytes[i];
  return value;
}

enum parsed read_frame(const uint8_t *bytes, size_t count, struct frame *frame) {
  if (count < 2) return FRAME_PARTIAL;
  // FIN set, no reserved bit, and a server does not mask
  if ((bytes[0] & 0xf0) != 0x80 || (bytes[1] & 0x80) != 0) return FRAME_BAD;
  int short_length = bytes[1] & 0x7f;
  int extended = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
  size_t header = 2 + (size_t)extended;
  if (count < header) return FRAME_PARTIAL;
  uint64_t length = extended ? read_big_endian(bytes + 2, extended) : (uint64_t)short_length;
  if (length > (1u << 20)) return FRAME_BAD;
  if (count - header < length) return FRAME_PARTIAL;
  *frame = (struct frame){bytes[0] & 0x0f, bytes + header, (size_t)length, header + (size_t)length};
  return FRAME_WHOLE;
}

// Masks must differ, so that no server can be tuned to one; they guard nothing here, so a plain xorshift
// will do.
static uint32_t next_mask(void) {
  static uint32_t state = 2463534242u;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

static size_t write_header(uint8_t *out, enum opcode opcode, size_t length) {
  out[0] = (uint8_t)(0x80 | opcode);
  if (length < 126) {
    out[1] = (uint8_t)(0x80 | length);
    return 2;
  }
  out[1] = 0x80 | 126;
  out[2] = (uint8_t)(length >> 8);
  out[3] = (uint8_t)length;
  return 4;
}

size_t write_frame(uint8_t *out, enum opcode opcode, const void *payload, size_t length) {
  const uint8_t *bytes = payload;
  uint8_t mask[4];
  uint32_t random = next_mask();
  memcpy(mask, &random, sizeof mask);
  size_t header = write_header(out, opcode, length);
  memcpy(out + header, mask, sizeof mask);
  header += sizeof mask;
  for (size_t i = 0; i < length; i++) out[header + i] = bytes[i] ^ mask[i & 3];
  return header + length;
}
