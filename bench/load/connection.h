// Many WebSocket clients on one epoll, on loopback by construction. What happens on them is a workload's business.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

enum state { IDLE, CONNECTING, UPGRADING, GREETING, READY, CLOSING };
enum end { END_CLOSED, END_REFUSED, END_RESET, END_UNREACHABLE };

struct buffer {
  uint8_t *bytes;
  size_t length, capacity;
};

struct connection {
  int fd, index;
  enum state state;
  int wants_write, sent_close;
  struct buffer in, out;
  size_t written;
  uint64_t since_ns;
};

// What a workload hears. A connection is ready when its welcome has come: upgrade, token, look-up, join and first frame.
struct workload {
  void (*ready)(struct connection *connection);
  void (*message)(struct connection *connection, const uint8_t *payload, size_t length);
  void (*ended)(struct connection *connection, enum state before, enum end why);
};

struct pool {
  struct connection *connections;
  int size, ready;
  int last_status, last_close;
};

struct target {
  int port;
  const char *path;     // {token} and {room} are filled in
  int socket_io;        // speaks Engine.IO 4 inside the frames
  int sources;          // loopback addresses to connect from
  int rooms;            // connections are spread over so many
  char **tokens;
  int token_count;
};

extern struct pool pool;

void pool_open(const struct target *target, const struct workload *workload, int size);
// Lets the clients work for at most so many milliseconds.
void pool_pump(int timeout_ms);
int connection_start(struct connection *connection);
void connection_drop(struct connection *connection);
void connection_send(struct connection *connection, enum opcode opcode, const uint8_t *payload, size_t length);
void connection_say_close(struct connection *connection);
void connection_flush(struct connection *connection);
