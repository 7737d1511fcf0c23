// A bounded WebSocket load generator: one thread, epoll, loopback only. It shares no code with any server it
// loads: a hand-written upgrade, the little of RFC 6455 that it needs, and a time stamp in each message.
//
//   load handshake|echo|bcast|hold|grow key=value ...
//
// Prints one line of JSON for each window. The keys are in options.c, what the fields mean in ../README.md.
#include "load.h"
#include "message.h"
#include "modes.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

// Ends with whoever started it, and after `life` seconds whatever happens.
static void bound_life(int seconds) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  alarm((unsigned)seconds);
}

static bool raise_descriptors(int connections) {
  struct rlimit limit;
  rlim_t needed = (rlim_t)connections + 64;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  if (limit.rlim_max < needed) limit.rlim_cur = limit.rlim_max = needed;
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return true;
  fprintf(stderr, "load: %d connections need %llu descriptors; raise the hard limit (ulimit -Hn)\n",
          connections, (unsigned long long)needed);
  return false;
}

static int run(struct load *load) {
  const char *mode = load->options.mode;
  if (strcmp(mode, "handshake") == 0) return run_handshake(load);
  if (strcmp(mode, "echo") == 0) return run_echo(load);
  if (strcmp(mode, "bcast") == 0) return run_broadcast(load);
  if (strcmp(mode, "hold") == 0) return run_steps(load, false);
  if (strcmp(mode, "grow") == 0) return run_steps(load, true);
  fprintf(stderr, "load: no such mode: %s\n", mode);
  return 2;
}

int main(int argc, char **argv) {
  static struct load load;
  struct options options;
  if (!read_options(&options, argc, argv) || !raise_descriptors(options.connections)) return 2;
  bound_life(options.life);
  load_prepare(&load, &options);
  prepare_message(options.size, options.socketio);
  return run(&load);
}
