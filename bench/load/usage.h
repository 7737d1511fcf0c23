// What a moment's look at /proc tells of the server: its CPU time, its memory, and its core's soft interrupts.
#pragma once
#include <stdint.h>

struct usage {
  uint64_t at_ns;
  double server_cpu_s;   // all threads of the server
  double softirq_s;      // of core 0, where the server runs: loopback TCP's receiving half is paid there
  double own_cpu_s;
  long rss_kb;
};

struct usage usage_now(int server_pid);
