#include "broadcast.h"
#include "clock.h"
#include "connection.h"
#include "modes.h"
#include "report.h"
#include "settled.h"

enum { STALL_S = 2, DRAIN_S = 3 };

// A room and the messages in it. Counts start over when a stalled server has lost some.
struct room {
  uint64_t members;
  uint64_t sent;
  uint64_t received_before;
  uint64_t last_received;
  uint64_t last_progress_ns;
  uint64_t next_ns;
  uint64_t lost;
};

static void message(struct load *load, struct connection *connection, const uint8_t *payload, size_t length) {
  (void)connection;
  count_delivery(load, payload, length);
}

const struct behaviour listening = {settled_ready, message, settled_gone};

static uint64_t missing(const struct load *load, const struct room *room) {
  uint64_t expected = room->sent * room->members;
  uint64_t received = load->received - room->received_before;
  return expected > received ? expected - received : 0;
}

// A message is in flight until its last member has it.
static uint64_t in_flight(const struct load *load, const struct room *room) {
  return (missing(load, room) + room->members - 1) / room->members;
}

static void say(struct load *load, struct room *room) {
  connection_say(load, &load->connections[room->sent % (uint64_t)load->options.senders]);
  room->sent++;
}

// Without this a single lost message would stop a closed loop for good.
static void give_up_stalled(struct load *load, struct room *room) {
  uint64_t now = now_ns();
  if (load->received != room->last_received) {
    room->last_received = load->received;
    room->last_progress_ns = now;
  } else if (now - room->last_progress_ns > STALL_S * NS_PER_S) {
    room->lost += missing(load, room);
    room->sent = 0;
    room->received_before = load->received;
    room->last_progress_ns = now;
  }
}

// As fast as the server delivers: never more than `window` messages in flight.
static int say_in_window(struct load *load, void *state) {
  struct room *room = state;
  while (in_flight(load, room) < (uint64_t)load->options.in_flight) say(load, room);
  give_up_stalled(load, room);
  return 10;
}

// At a fixed rate, whether or not the server keeps up.
static int say_at_rate(struct load *load, void *state) {
  struct room *room = state;
  while (now_ns() >= room->next_ns) {
    say(load, room);
    room->next_ns += ns_of(1 / load->options.rate);
  }
  uint64_t now = now_ns();
  uint64_t wait_ms = room->next_ns > now ? (room->next_ns - now) / NS_PER_MS : 0;
  return wait_ms > 10 ? 10 : (int)wait_ms;
}

void measure_broadcast(struct load *load, int members) {
  uint64_t now = now_ns();
  struct room room = {.members = (uint64_t)members,
                      .received_before = load->received,
                      .last_received = load->received,
                      .last_progress_ns = now,
                      .next_ns = now};
  struct window window;
  run_window(load, &window, load->options.rate > 0 ? say_at_rate : say_in_window, &room);
  uint64_t end = now_ns() + DRAIN_S * NS_PER_S;
  while (missing(load, &room) > 0 && now_ns() < end) pump(load, 10);
  double lost = (double)(missing(load, &room) + room.lost);
  print_report(load, "broadcast", &window, (struct extras){.count = load->counters.operations, .lost = lost});
}

int run_broadcast(struct load *load) {
  load->behaviour = &listening;
  if (!connect_up_to(load, load->options.connections)) return 3;
  pump_for(load, load->options.settle);
  measure_broadcast(load, load->options.connections);
  close_all(load);
  return 0;
}
