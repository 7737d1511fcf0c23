// WebSocket frames (RFC 6455 section 5.2): what a client writes, and a look at what a server has written.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum opcode { OP_CONTINUATION = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

#define FRAME_MAX_PAYLOAD 2048
#define FRAME_MAX_HEADER 8

struct frame {
  int opcode;
  const uint8_t *payload;
  size_t length;
  size_t total;  // header and payload
};

// Writes a masked frame of at most FRAME_MAX_PAYLOAD bytes; answers its size.
size_t frame_encode(uint8_t *out, enum opcode opcode, const uint8_t *payload, size_t length);
// Reads one whole unmasked frame; answers 0 when more bytes are needed.
int frame_decode(const uint8_t *bytes, size_t available, struct frame *frame);
