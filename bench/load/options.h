#pragma once
#include <stdbool.h>

// Bounds: whatever is asked for, this program stays a test load.
enum { MAX_CONNECTIONS = 19000, MAX_LIST = 16, MAX_LIFE_S = 900 };

// What one run does, read from `MODE key=value ...`. options.c lists keys, defaults and bounds.
struct options {
  const char *mode;
  int port;
  // Target and header line may hold `{token}` and `{room}`.
  const char *path;
  const char *header;
  const char *origin;
  const char *tokens;
  const char *room_prefix;
  bool socketio;
  bool interactive;
  int connections;
  int rooms;
  int sources;
  int in_flight;
  int at_once;
  // How many handshakes there are, for a run that ends with the last of them; 0 for one that ends by the clock.
  int total;
  int size;
  int senders;
  int core;
  int ksoftirqd;
  int life;
  double warm;
  double seconds;
  // Seconds in which connections that have come in are left alone, and of an idle window.
  double settle;
  double rate;
  double connect_limit;
  int steps[MAX_LIST];
  int step_count;
  int pids[MAX_LIST];
  int pid_count;
};

// Reads the command line; says on stderr what is wrong with it and answers false.
bool read_options(struct options *options, int argc, char **argv);
