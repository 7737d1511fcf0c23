#include "clock.h"
#include "connection.h"
#include "modes.h"
#include "report.h"

enum { SWEEP_MS = 200, MAX_CLOSE_S = 1, MAX_OPEN_S = 15 };

static void ready(struct load *load, struct connection *connection) {
  uint64_t now = now_ns();
  if (load->measuring) {
    load->counters.accepted++;
    histogram_add(&load->latency, now - connection->since_ns);
  }
  load->ready--;
  connection->state = CLOSING;
  connection->since_ns = now;
  connection_say_goodbye(load, connection);
}

static void message(struct load *load, struct connection *connection, const uint8_t *payload, size_t length) {
  (void)load, (void)connection, (void)payload, (void)length;
}

static void count_gone(struct load *load, const struct connection *connection, enum why why) {
  if (!load->measuring || connection->state == CLOSING) return;
  if (why != REFUSED) {
    load->counters.errors++;
    return;
  }
  load->counters.refused++;
  histogram_add(&load->latency, now_ns() - connection->since_ns);
}

static void start_next(struct load *load, struct connection *connection) {
  int total = load->options.total;
  if (!load->stopping && (total == 0 || load->attempts < total)) connection_start(load, connection);
}

static void gone(struct load *load, struct connection *connection, enum why why) {
  count_gone(load, connection, why);
  connection_drop(load, connection);
  start_next(load, connection);
}

// True when a connection waits for too long: for its welcome, or for the end of its Close exchange.
static bool is_stale(struct load *load, const struct connection *connection, uint64_t now) {
  uint64_t age = now - connection->since_ns;
  if (connection->state == CLOSING && age > MAX_CLOSE_S * NS_PER_S) {
    load->counters.slow_closes++;
    return true;
  }
  if (connection->fd < 0) return true;
  if (age < MAX_OPEN_S * NS_PER_S) return false;
  load->counters.errors++;
  return true;
}

static int sweep(struct load *load, void *state) {
  uint64_t *last = state;
  uint64_t now = now_ns();
  if (now - *last < SWEEP_MS * NS_PER_MS) return 20;
  *last = now;
  for (int i = 0; i < load->options.connections; i++) {
    struct connection *connection = &load->connections[i];
    if (!is_stale(load, connection, now)) continue;
    connection_drop(load, connection);
    start_next(load, connection);
  }
  return 20;
}

// Runs so many handshakes to their end: what the server did meanwhile it did for them alone.
static void run_total(struct load *load, struct window *window, uint64_t *last_sweep) {
  window_open(load, window);
  for (int i = 0; i < load->options.connections; i++) start_next(load, &load->connections[i]);
  while (any_open(load)) pump(load, sweep(load, last_sweep));
  window_close(load, window);
}

static void run_timed(struct load *load, struct window *window, uint64_t *last_sweep) {
  for (int i = 0; i < load->options.connections; i++) start_next(load, &load->connections[i]);
  run_window(load, window, sweep, last_sweep);
}

int run_handshake(struct load *load) {
  static const struct behaviour behaviour = {ready, message, gone};
  struct window window;
  uint64_t last_sweep = now_ns();
  load->behaviour = &behaviour;
  if (load->options.total > 0) run_total(load, &window, &last_sweep);
  else run_timed(load, &window, &last_sweep);
  print_report(load, "handshake", &window,
               (struct extras){.count = load->counters.accepted + load->counters.refused});
  close_all(load);
  return 0;
}
