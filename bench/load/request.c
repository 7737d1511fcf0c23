#include "request.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
  char *bytes;
  size_t capacity;
  size_t length;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...) {
  va_list values;
  va_start(values, format);
  size_t left = text->capacity - text->length;
  int length = vsnprintf(text->bytes + text->length, left, format, values);
  va_end(values);
  if (length < 0 || (size_t)length >= left) {
    fprintf(stderr, "load: the request is too long\n");
    exit(2);
  }
  text->length += (size_t)length;
}

static void add_room(struct text *text, const struct load *load, const struct connection *connection) {
  add(text, "%s%d", load->options.room_prefix, connection->index % load->options.rooms);
}

// Adds a template with `{token}` and `{room}` filled in.
static void add_filled(struct text *text, const char *template, const struct load *load,
                       const struct connection *connection) {
  while (*template) {
    if (strncmp(template, "{token}", 7) == 0) {
      add(text, "%s", token_of(&load->tokens, connection->attempt));
      template += 7;
    } else if (strncmp(template, "{room}", 6) == 0) {
      add_room(text, load, connection);
      template += 6;
    } else {
      add(text, "%c", *template++);
    }
  }
}

size_t write_request(char *out, size_t capacity, const struct load *load,
                     const struct connection *connection) {
  const struct options *options = &load->options;
  struct text text = {out, capacity, 0};
  add(&text, "GET ");
  add_filled(&text, options->path, load, connection);
  // the key is RFC 6455's own sample: the answer to it is checked by the correctness check, not a million
  // times here
  add(&text,
      " HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      "User-Agent: sallyport-bench\r\n",
      options->port);
  if (options->origin != NULL) add(&text, "Origin: %s\r\n", options->origin);
  if (options->header != NULL) {
    add_filled(&text, options->header, load, connection);
    add(&text, "\r\n");
  }
  add(&text, "\r\n");
  return text.length;
}

size_t write_socketio_connect(char *out, size_t capacity, const struct load *load,
                              const struct connection *connection) {
  struct text text = {out, capacity, 0};
  add_filled(&text, "40{\"token\":\"{token}\",\"room\":\"{room}\"}", load, connection);
  return text.length;
}
