#pragma once
#include "options.h"
#include <stdint.h>

// What has been used so far; two of these make a window. Times in seconds.
struct usage {
  uint64_t at_ns;
  // CPU of all threads of the server's processes.
  double server;
  // CPU of the kernel thread that takes over softirqs of the server's core under load.
  double ksoftirqd;
  // CPU of this program.
  double client;
  // The server's core, everybody on it: busy, in softirqs, taken by the host.
  double busy;
  double softirq;
  double steal;
  long rss_kb;
};

void read_usage(struct usage *usage, const struct options *options);
