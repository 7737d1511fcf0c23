#include "frame.h"

#include <string.h>

// Masks need no secrecy towards a server on loopback, only variety.
static uint32_t next_mask(void) {
  static uint32_t state = 2463534242u;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

size_t frame_encode(uint8_t *out, enum opcode opcode, const uint8_t *payload, size_t length) {
  uint32_t mask = next_mask();
  uint8_t key[4];
  memcpy(key, &mask, sizeof key);
  size_t header = 2;
  out[0] = (uint8_t)(0x80 | opcode);
  if (length < 126) {
    out[1] = (uint8_t)(0x80 | length);
  } else {
    out[1] = 0x80 | 126;
    out[2] = (uint8_t)(length >> 8);
    out[3] = (uint8_t)length;
    header = 4;
  }
  memcpy(out + header, key, sizeof key);
  header += sizeof key;
  for (size_t index = 0; index < length; index++) out[header + index] = payload[index] ^ key[index & 3];
  return header + length;
}

int frame_decode(const uint8_t *bytes, size_t available, struct frame *frame) {
  if (available < 2) return 0;
  size_t header = 2, length = bytes[1] & 127;
  if (length == 126) {
    if (available < 4) return 0;
    length = (size_t)bytes[2] << 8 | bytes[3];
    header = 4;
  } else if (length == 127) {
    if (available < 10) return 0;
    length = 0;
    for (int index = 2; index < 10; index++) length = length << 8 | bytes[index];
    header = 10;
  }
  if (available < header + length) return 0;
  frame->opcode = bytes[0] & 15;
  frame->payload = bytes + header;
  frame->length = length;
  frame->total = header + length;
  return 1;
}
