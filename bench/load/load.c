#include "load.h"
#include "clock.h"
#include "connection.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 1024, MAX_ERRORS = 100 };

void load_prepare(struct load *load, const struct options *options) {
  *load = (struct load){.options = *options, .ramping = true};
  read_tokens(&load->tokens, options->tokens);
  load->epoll = epoll_create1(EPOLL_CLOEXEC);
  load->connections = calloc((size_t)options->connections, sizeof *load->connections);
  if (load->epoll < 0 || load->connections == NULL) {
    perror("load: start");
    exit(2);
  }
  for (int i = 0; i < options->connections; i++)
    load->connections[i] = (struct connection){.fd = -1, .index = i};
}

void pump(struct load *load, int wait_ms) {
  static struct epoll_event events[EVENTS];
  int count = epoll_wait(load->epoll, events, EVENTS, wait_ms);
  for (int i = 0; i < count; i++) connection_event(load, events[i].data.ptr, events[i].events);
}

void pump_for(struct load *load, double seconds) {
  uint64_t end = now_ns() + ns_of(seconds);
  while (now_ns() < end) pump(load, 10);
}

static void start_more(struct load *load, int count) {
  while (load->started < count && load->pending < load->options.at_once) {
    if (!connection_start(load, &load->connections[load->started])) {
      usleep(1000);
      return;
    }
    load->started++;
    load->pending++;
  }
}

bool connect_up_to(struct load *load, int count) {
  uint64_t end = now_ns() + ns_of(load->options.connect_limit);
  load->ramping = true;
  while (load->ready < count) {
    start_more(load, count);
    pump(load, 50);
    if (now_ns() > end || load->counters.errors > MAX_ERRORS) {
      fprintf(stderr, "load: only %d of %d connections came in (last HTTP status %d, last close code %d)\n",
              load->ready, count, load->last_http, load->last_close);
      return false;
    }
  }
  load->ramping = false;
  return true;
}

bool any_open(const struct load *load) {
  for (int i = 0; i < load->options.connections; i++)
    if (load->connections[i].fd >= 0) return true;
  return false;
}

void close_all(struct load *load) {
  load->stopping = true;
  for (int i = 0; i < load->options.connections; i++)
    if (load->connections[i].fd >= 0) connection_say_goodbye(load, &load->connections[i]);
  uint64_t end = now_ns() + 1500 * NS_PER_MS;
  while (any_open(load) && now_ns() < end) pump(load, 20);
}

void window_open(struct load *load, struct window *window) {
  memset(&load->counters, 0, sizeof load->counters);
  memset(&load->latency, 0, sizeof load->latency);
  load->measuring = true;
  read_usage(&window->before, &load->options);
}

void window_close(struct load *load, struct window *window) {
  read_usage(&window->after, &load->options);
  load->measuring = false;
}

void run_window(struct load *load, struct window *window, turn_function *turn, void *state) {
  uint64_t start = now_ns() + ns_of(load->options.warm);
  uint64_t end = start + ns_of(load->options.seconds);
  for (uint64_t now = now_ns(); now < end; now = now_ns()) {
    if (!load->measuring && now >= start) window_open(load, window);
    pump(load, turn(load, state));
  }
  window_close(load, window);
}
