#pragma once
#include "buffer.h"
#include "histogram.h"
#include "options.h"
#include "tokens.h"
#include "usage.h"
#include <stdbool.h>
#include <stdint.h>

// OPENING: the 101 is here, the welcome is not. Only a welcomed connection is READY.
enum state { IDLE, CONNECTING, UPGRADING, OPENING, READY, CLOSING };
enum why { CLOSED, REFUSED, RESET, UNREACHABLE, BROKEN };

struct connection {
  int fd;
  int index;
  // Which of all attempts this is: each knocks with the next token.
  int attempt;
  enum state state;
  bool wants_write;
  bool close_sent;
  struct buffer in;
  struct buffer out;
  // When this attempt, or its closing, began.
  uint64_t since_ns;
};

struct counters {
  uint64_t operations;
  uint64_t accepted;
  uint64_t refused;
  uint64_t errors;
  uint64_t slow_closes;
};

struct load;

// What a mode does when something happens. None of these but `gone` may drop a connection.
struct behaviour {
  void (*ready)(struct load *load, struct connection *connection);
  void (*message)(struct load *load, struct connection *connection, const uint8_t *payload, size_t length);
  void (*gone)(struct load *load, struct connection *connection, enum why why);
};

// One run: everything that its parts share.
struct load {
  struct options options;
  struct tokens tokens;
  const struct behaviour *behaviour;
  struct connection *connections;
  int epoll;
  // Attempts so far; of the connections: started once, on their way, welcomed.
  int attempts;
  int started;
  int pending;
  int ready;
  bool measuring;
  bool ramping;
  bool stopping;
  uint64_t received;
  uint64_t retries;
  int last_http;
  int last_close;
  struct counters counters;
  struct histogram latency;
};

// Makes the run of these options; nothing is connected yet.
void load_prepare(struct load *load, const struct options *options);

// Handles what has happened, waiting for it at most so long.
void pump(struct load *load, int wait_ms);

void pump_for(struct load *load, double seconds);

// Connects until this many are welcomed; false, with a line on stderr, when it takes longer than `climit`
// seconds.
bool connect_up_to(struct load *load, int count);

// Whether a connection is on its way, in, or closing.
bool any_open(const struct load *load);

// Closes every connection with a Close frame and waits up to 1.5 s for the answers.
void close_all(struct load *load);

// A measured window: usage at both ends, and what happened in between is in `load->counters` and
// `load->latency`.
struct window {
  struct usage before;
  struct usage after;
};

// What a mode has to do in each turn of the loop; answers how long the loop may wait for events, in
// milliseconds.
typedef int turn_function(struct load *load, void *state);

// Runs the loop for the warm-up and then for the measured window.
void run_window(struct load *load, struct window *window, turn_function *turn, void *state);

void window_open(struct load *load, struct window *window);
void window_close(struct load *load, struct window *window);
