#include "settled.h"
#include "clock.h"
#include "connection.h"
#include "message.h"
#include <stdio.h>
#include <stdlib.h>

enum { MAX_RETRIES = 2000, MAX_COMPLAINTS = 3 };

void settled_ready(struct load *load, struct connection *connection) {
  (void)connection;
  load->pending--;
}

static void try_again(struct load *load, struct connection *connection, enum why why) {
  if (++load->retries > MAX_RETRIES) {
    fprintf(stderr, "load: too many refused connections (why %d, last HTTP status %d, last close code %d)\n",
            why, load->last_http, load->last_close);
    exit(3);
  }
  if (!connection_start(load, connection)) exit(3);
}

// A connection that was in and is gone is an error in every mode; while ramping up it is also replaced.
static void complain(struct load *load, struct connection *connection, enum why why) {
  static int complaints;
  load->counters.errors++;
  if (complaints++ < MAX_COMPLAINTS)
    fprintf(stderr, "load: the server dropped a connection (why %d, last close code %d)\n", why,
            load->last_close);
  if (load->ramping && connection_start(load, connection)) load->pending++;
}

void settled_gone(struct load *load, struct connection *connection, enum why why) {
  bool was_in = connection->state >= READY;
  connection_drop(load, connection);
  if (load->stopping) return;
  if (was_in) complain(load, connection, why);
  else try_again(load, connection, why);
}

void count_delivery(struct load *load, const uint8_t *payload, size_t length) {
  if (!load->measuring) return;
  load->counters.operations++;
  uint64_t stamp = stamp_in(payload, length);
  uint64_t now = now_ns();
  if (stamp != 0 && now > stamp && now - stamp < 60 * NS_PER_S) histogram_add(&load->latency, now - stamp);
}
