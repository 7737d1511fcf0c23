#include "message.h"
#include "clock.h"
#include <stdio.h>
#include <string.h>

enum { STAMP_DIGITS = 16 };

static const char before_stamp[] = "{\"message\":\"@T";
static const char after_padding[] = "\"}";
static char text[2048];
static size_t text_length;
static char *stamp;

void prepare_message(int size, bool socketio) {
  int bare = (int)(sizeof before_stamp - 1 + STAMP_DIGITS + sizeof after_padding - 1);
  int padding = size > bare ? size - bare : 0;
  char filler[1025];
  memset(filler, 'x', sizeof filler);
  // a Socket.IO event packet: message (4), event (2), then a JSON array with the event's name
  const char *prefix = socketio ? "42[\"chat\"," : "";
  int length = snprintf(text, sizeof text, "%s%s%0*d%.*s%s%s", prefix, before_stamp, STAMP_DIGITS, 0, padding,
                        filler, after_padding, socketio ? "]" : "");
  text_length = (size_t)length;
  stamp = text + strlen(prefix) + sizeof before_stamp - 1;
}

const char *stamped_message(size_t *length) {
  static const char digits[] = "0123456789abcdef";
  uint64_t now = now_ns();
  for (int i = 0; i < STAMP_DIGITS; i++) stamp[i] = digits[(now >> (60 - 4 * i)) & 15];
  *length = text_length;
  return text;
}

static int digit_of(uint8_t character) {
  if (character >= '0' && character <= '9') return character - '0';
  return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

uint64_t stamp_in(const uint8_t *payload, size_t length) {
  // the stamp stands near the front whatever a server puts before it; looking through all would cost us time
  size_t looked_at = length < 256 ? length : 256;
  const uint8_t *found = memmem(payload, looked_at, "@T", 2);
  if (found == NULL || found + 2 + STAMP_DIGITS > payload + length) return 0;
  uint64_t value = 0;
  for (int i = 0; i < STAMP_DIGITS; i++) {
    int digit = digit_of(found[2 + i]);
    if (digit < 0) return 0;
    value = value << 4 | (uint64_t)digit;
  }
  return value;
}
