#pragma once
#include <stddef.h>
#include <stdint.h>

// WebSocket frames, RFC 6455 section 5.2: no extension, no fragments; every peer sends whole messages.
enum opcode { OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };
enum { MAX_FRAME_OUT = 4096, FRAME_OVERHEAD = 8 };

struct frame {
  int opcode;
  const uint8_t *payload;
  size_t length;
  // Bytes of header and payload together.
  size_t whole;
};

enum parsed { FRAME_WHOLE, FRAME_PARTIAL, FRAME_BAD };

// Reads the first frame of some bytes that a server sent.
enum parsed read_frame(const uint8_t *bytes, size_t count, struct frame *frame);

// Writes a masked frame and answers its size; `out` holds MAX_FRAME_OUT + FRAME_OVERHEAD bytes.
size_t write_frame(uint8_t *out, enum opcode opcode, const void *payload, size_t length);
