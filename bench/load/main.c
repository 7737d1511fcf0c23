// A load generator for WebSocket servers on this machine: one thread, one epoll, hand-written frames, so that it costs
// less than the server it measures. Prints one JSON line for each figure.
// usage: load MODE key=value...    MODE: handshake | echo | broadcast | hold
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "clock.h"
#include "connection.h"
#include "histogram.h"
#include "options.h"
#include "usage.h"

#define MAX_CONNECTIONS 20000
#define MAX_SECONDS 60.0
#define STAMP_DIGITS 16

static struct options options;
static struct histogram times;
static uint64_t operations, accepted, refused, failures;
static int measuring, stopping, server_pid;

// ---- the message: a JSON object with the moment of its sending in it ----

static char message[FRAME_MAX_PAYLOAD];
static size_t message_length;
static char *stamp;

static void make_message(int socket_io, int size) {
  const char *head = socket_io ? "42[\"chat\",{\"message\":\"@T" : "{\"message\":\"@T";
  const char *tail = socket_io ? "\"}]" : "\"}";
  char padding[1024];
  int missing = size - (int)strlen("{\"message\":\"@T\"}") - STAMP_DIGITS;
  size_t length = missing < 0 ? 0 : missing > 1000 ? 1000 : (size_t)missing;
  memset(padding, 'x', length);
  padding[length] = 0;
  message_length = (size_t)snprintf(message, sizeof message, "%s0123456789abcdef%s%s", head, padding, tail);
  stamp = message + strlen(head);
}

static void send_message(struct connection *connection) {
  uint64_t now = now_ns();
  for (int digit = 0; digit < STAMP_DIGITS; digit++) stamp[digit] = "0123456789abcdef"[(now >> (60 - 4 * digit)) & 15];
  connection_send(connection, OP_TEXT, (const uint8_t *)message, message_length);
}

static void time_message(const uint8_t *payload, size_t length) {
  const uint8_t *mark = memmem(payload, length < 256 ? length : 256, "@T", 2);
  if (mark == NULL || mark + 2 + STAMP_DIGITS > payload + length) return;
  uint64_t sent = 0, now = now_ns();
  for (int digit = 0; digit < STAMP_DIGITS; digit++) {
    uint8_t character = mark[2 + digit];
    sent = sent << 4 | (uint64_t)(character <= '9' ? character - '0' : character - 'a' + 10);
  }
  if (now > sent) histogram_add(&times, now - sent);
}

// ---- measuring ----

static void reset(void) {
  memset(&times, 0, sizeof times);
  operations = accepted = refused = failures = 0;
}

static void report(const char *mode, const struct usage *from, const struct usage *to, int connections, double lost) {
  double seconds = (double)(to->at_ns - from->at_ns) / 1e9;
  double server = to->server_cpu_s - from->server_cpu_s + to->softirq_s - from->softirq_s;
  double count = operations > 0 ? (double)operations : 1;
  printf("{\"mode\":\"%s\",\"connections\":%d,\"seconds\":%.3f,\"count\":%llu,\"rate\":%.1f,\"p50us\":%.1f,\"p99us\":%.1f,"
         "\"accepted\":%llu,\"refused\":%llu,\"failures\":%llu,\"status\":%d,\"close\":%d,\"serverUs\":%.3f,\"serverCpu\":%.3f,"
         "\"ownCpu\":%.3f,\"rssKb\":%ld,\"lost\":%.0f}\n",
         mode, connections, seconds, (unsigned long long)operations, (double)operations / seconds,
         histogram_quantile_us(&times, 0.5), histogram_quantile_us(&times, 0.99), (unsigned long long)accepted,
         (unsigned long long)refused, (unsigned long long)failures, pool.last_status, pool.last_close, server * 1e6 / count,
         server / seconds, (to->own_cpu_s - from->own_cpu_s) / seconds, to->rss_kb, lost);
  fflush(stdout);
}

static double window_s(void) {
  double seconds = option_number(&options, "seconds", 1.2);
  return seconds > MAX_SECONDS ? MAX_SECONDS : seconds;
}

static uint64_t warm_up_until(void) { return now_ns() + seconds_ns(option_number(&options, "warmup", 0.6)); }

// Pumps through a warm-up and a window, with something to do in every round.
static void measured(void (*round)(void), struct usage *from, struct usage *to) {
  uint64_t start = warm_up_until(), finish = start + seconds_ns(window_s());
  measuring = 0;
  while (now_ns() < finish) {
    if (!measuring && now_ns() >= start) {
      reset();
      *from = usage_now(server_pid);
      measuring = 1;
    }
    round();
  }
  *to = usage_now(server_pid);
  measuring = 0;
}

// ---- handshakes: connect, welcome, close, again ----

static void handshake_ready(struct connection *connection) {
  if (measuring) {
    histogram_add(&times, now_ns() - connection->since_ns);
    accepted++;
    operations++;
  }
  connection->state = CLOSING;
  pool.ready--;
  connection_say_close(connection);
  connection_flush(connection);
  connection->since_ns = now_ns();
}

static void handshake_ended(struct connection *connection, enum state before, enum end why) {
  if (measuring && before != CLOSING) {
    if (why == END_REFUSED) {
      histogram_add(&times, now_ns() - connection->since_ns);
      refused++;
      operations++;
    } else {
      failures++;
    }
  }
  if (!stopping && connection_start(connection) < 0) failures++;
}

static void ignore_message(struct connection *connection, const uint8_t *payload, size_t length) {
  (void)connection, (void)payload, (void)length;
}

// A peer that never closes, and an answer that never comes, must not keep a place for ever.
static void restart_stuck(void) {
  static uint64_t last;
  uint64_t now = now_ns();
  if (now - last < seconds_ns(0.2)) return;
  last = now;
  for (int index = 0; index < pool.size; index++) {
    struct connection *connection = &pool.connections[index];
    uint64_t patience = connection->state == CLOSING ? seconds_ns(1) : seconds_ns(15);
    if (connection->fd >= 0 && now - connection->since_ns < patience) continue;
    failures++;
    connection_drop(connection);
    connection_start(connection);
  }
}

static void handshake_round(void) {
  pool_pump(20);
  restart_stuck();
}

static int run_handshakes(void) {
  struct usage from = {0}, to = {0};
  for (int index = 0; index < pool.size; index++) connection_start(&pool.connections[index]);
  measured(handshake_round, &from, &to);
  stopping = 1;
  report("handshake", &from, &to, pool.size, 0);
  return 0;
}

// ---- connections that stay ----

static int connecting, started;
static uint64_t received;

static void stay_ready(struct connection *connection) {
  (void)connection;
  connecting--;
}

static void stay_ended(struct connection *connection, enum state before, enum end why) {
  failures++;
  if (stopping) return;
  if (failures > 2000) {
    fprintf(stderr, "too many failed connections: end %d, status %d, close %d\n", why, pool.last_status, pool.last_close);
    exit(3);
  }
  if (before < READY) connection_start(connection);
}

// Ramps up to so many connections. Answers 0 when the server did not let them all in in time.
static int connect_up_to(int wanted) {
  uint64_t deadline = now_ns() + seconds_ns(option_number(&options, "patience", 90));
  while (pool.ready < wanted) {
    while (started < wanted && connecting < 64) {
      if (connection_start(&pool.connections[started]) < 0) break;
      started++;
      connecting++;
    }
    pool_pump(50);
    if (now_ns() > deadline) {
      fprintf(stderr, "only %d of %d connections were let in\n", pool.ready, wanted);
      return 0;
    }
  }
  return 1;
}

static void settle(double seconds) {
  for (uint64_t until = now_ns() + seconds_ns(seconds); now_ns() < until;) pool_pump(10);
}

static void hang_up(void) {
  stopping = 1;
  for (int index = 0; index < pool.size; index++) {
    if (pool.connections[index].fd < 0) continue;
    connection_say_close(&pool.connections[index]);
    connection_flush(&pool.connections[index]);
  }
  for (uint64_t until = now_ns() + seconds_ns(3); pool.ready > 0 && now_ns() < until;) pool_pump(20);
}

// ---- echo: each connection in a room of its own, so many messages in flight ----

static void echo_message(struct connection *connection, const uint8_t *payload, size_t length) {
  if (measuring) {
    operations++;
    time_message(payload, length);
  }
  send_message(connection);
}

static void pump_round(void) { pool_pump(20); }

static int run_echo(void) {
  struct usage from = {0}, to = {0};
  int in_flight = (int)option_number(&options, "inflight", 1);
  if (!connect_up_to(pool.size)) return 3;
  settle(0.2);
  for (int index = 0; index < pool.size; index++) {
    for (int message_index = 0; message_index < in_flight; message_index++) send_message(&pool.connections[index]);
    connection_flush(&pool.connections[index]);
  }
  measured(pump_round, &from, &to);
  report("echo", &from, &to, pool.size, 0);
  hang_up();
  return 0;
}

// ---- broadcast: all in one room; a closed loop keeps so many messages in flight, or so many are sent each second ----

static uint64_t sent, sent_base, received_base, next_send_ns;

static void broadcast_message(struct connection *connection, const uint8_t *payload, size_t length) {
  (void)connection;
  received++;
  if (!measuring) return;
  operations++;
  time_message(payload, length);
}

static long in_flight_now(void) {
  return (long)(sent - sent_base) - (long)((received - received_base) / (uint64_t)pool.ready);
}

static void broadcast_one(void) {
  struct connection *sender = &pool.connections[sent % (uint64_t)pool.size];
  send_message(sender);
  connection_flush(sender);
  sent++;
}

static void closed_loop_round(void) {
  long wanted = (long)option_number(&options, "inflight", 1);
  while (in_flight_now() < wanted) broadcast_one();
  pool_pump(10);
}

static void fixed_rate_round(void) {
  uint64_t interval = seconds_ns(1 / option_number(&options, "rate", 10)), now = now_ns();
  if (next_send_ns == 0) next_send_ns = now;
  while (now >= next_send_ns) {
    broadcast_one();
    next_send_ns += interval;
  }
  pool_pump(1);
}

static int broadcast_once(void) {
  struct usage from = {0}, to = {0};
  sent_base = sent;
  received_base = received;
  next_send_ns = 0;
  measured(option_text(&options, "rate", NULL) == NULL ? closed_loop_round : fixed_rate_round, &from, &to);
  for (uint64_t until = now_ns() + seconds_ns(3); in_flight_now() > 0 && now_ns() < until;) pool_pump(10);
  double lost = (double)(sent - sent_base) * pool.ready - (double)(received - received_base);
  report("broadcast", &from, &to, pool.ready, lost);
  return 0;
}

static int run_broadcast(void) {
  if (!connect_up_to(pool.size)) return 3;
  settle(0.3);
  int result = broadcast_once();
  hang_up();
  return result;
}

// ---- hold: up to so many in steps, and what an idle one costs; with grow=1 a broadcast at every step ----

static int run_hold(void) {
  const char *steps = option_text(&options, "steps", "1000,10000");
  int grow = (int)option_number(&options, "grow", 0);
  struct usage before = usage_now(server_pid);
  report("idle", &before, &before, 0, 0);
  while (*steps != 0) {
    int wanted = atoi(steps);
    if (wanted > pool.size) wanted = pool.size;
    steps += strcspn(steps, ",");
    if (*steps == ',') steps++;
    if (!connect_up_to(wanted)) return 3;
    if (grow) broadcast_once();
    settle(option_number(&options, "settle", 2));
    struct usage now = usage_now(server_pid);
    report("idle", &before, &now, pool.ready, 0);
  }
  hang_up();
  return 0;
}

// ---- start ----

static char **read_tokens(const char *path, int *count) {
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    perror(path);
    exit(2);
  }
  char **tokens = calloc(MAX_CONNECTIONS, sizeof *tokens), line[4096];
  while (tokens != NULL && *count < MAX_CONNECTIONS && fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\r\n")] = 0;
    if (line[0] != 0) tokens[(*count)++] = strdup(line);
  }
  fclose(file);
  return tokens;
}

static void raise_descriptor_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv) {
  static const struct workload handshake = {handshake_ready, ignore_message, handshake_ended};
  static const struct workload echo = {stay_ready, echo_message, stay_ended};
  static const struct workload broadcast = {stay_ready, broadcast_message, stay_ended};
  static struct target target;
  if (argc < 2) return fprintf(stderr, "usage: load handshake|echo|broadcast|hold key=value...\n"), 2;
  options = (struct options){argc - 2, argv + 2};
  signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  int size = (int)option_number(&options, "connections", 100);
  if (size < 1 || size > MAX_CONNECTIONS) return fprintf(stderr, "connections: 1 to %d\n", MAX_CONNECTIONS), 2;
  server_pid = (int)option_number(&options, "pid", 0);
  target.port = (int)option_number(&options, "port", 0);
  target.path = option_text(&options, "path", "/ws/chat/{room}?token={token}");
  target.socket_io = strcmp(option_text(&options, "protocol", "plain"), "socket.io") == 0;
  target.sources = (int)option_number(&options, "sources", 8);
  target.rooms = strcmp(argv[1], "echo") == 0 ? size : 1;
  const char *tokens = option_text(&options, "tokens", NULL);
  if (tokens != NULL) target.tokens = read_tokens(tokens, &target.token_count);
  make_message(target.socket_io, (int)option_number(&options, "size", 64));
  if (strcmp(argv[1], "handshake") == 0) return pool_open(&target, &handshake, size), run_handshakes();
  if (strcmp(argv[1], "echo") == 0) return pool_open(&target, &echo, size), run_echo();
  if (strcmp(argv[1], "broadcast") == 0) return pool_open(&target, &broadcast, size), run_broadcast();
  if (strcmp(argv[1], "hold") == 0) return pool_open(&target, &broadcast, size), run_hold();
  return fprintf(stderr, "unknown mode '%s'\n", argv[1]), 2;
}
