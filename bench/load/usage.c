#define _GNU_SOURCE
#include "usage.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"

static double ticks_to_seconds(double ticks) { return ticks / (double)sysconf(_SC_CLK_TCK); }

static void read_process(int pid, struct usage *usage) {
  char path[64], line[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) return;
  if (fgets(line, sizeof line, file) != NULL) {
    unsigned long user = 0, system = 0;
    long pages = 0;
    // the name in parentheses may hold spaces: fields count from behind it
    char *behind = strrchr(line, ')');
    if (behind != NULL)
      sscanf(behind + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld", &user,
             &system, &pages);
    usage->server_cpu_s = ticks_to_seconds((double)(user + system));
    usage->rss_kb = pages * (sysconf(_SC_PAGESIZE) / 1024);
  }
  fclose(file);
}

static void read_softirq(struct usage *usage) {
  char line[512];
  FILE *file = fopen("/proc/stat", "r");
  if (file == NULL) return;
  while (fgets(line, sizeof line, file) != NULL) {
    unsigned long long irq = 0, softirq = 0;
    if (sscanf(line, "cpu0 %*u %*u %*u %*u %*u %llu %llu", &irq, &softirq) == 2)
      usage->softirq_s = ticks_to_seconds((double)(irq + softirq));
  }
  fclose(file);
}

struct usage usage_now(int server_pid) {
  struct usage usage;
  memset(&usage, 0, sizeof usage);
  struct rusage own;
  getrusage(RUSAGE_SELF, &own);
  usage.own_cpu_s = (double)own.ru_utime.tv_sec + (double)own.ru_stime.tv_sec +
                    (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
  if (server_pid > 0) read_process(server_pid, &usage);
  read_softirq(&usage);
  usage.at_ns = now_ns();
  return usage;
}
