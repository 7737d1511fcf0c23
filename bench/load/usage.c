#include "usage.h"
#include "clock.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Nanoseconds from the scheduler: /proc/PID/stat counts in ticks of 10 ms, too coarse for windows of a
// second.
static double cpu_of(int pid) {
  clockid_t clock;
  struct timespec time;
  if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static long resident_kb(int pid) {
  char path[64];
  long pages = 0;
  snprintf(path, sizeof path, "/proc/%d/statm", pid);
  FILE *file = fopen(path, "re");
  if (file == NULL) return 0;
  if (fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
  fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

// One line of /proc/stat (proc(5)): user nice system idle iowait irq softirq steal.
static void read_core(struct usage *usage, const char *line) {
  unsigned long long user, nice, system, idle, wait, irq, softirq, steal;
  if (sscanf(line, "%*s %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &wait, &irq,
             &softirq, &steal) != 8)
    return;
  double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
  usage->busy = (double)(user + nice + system + irq + softirq) * tick;
  usage->softirq = (double)(irq + softirq) * tick;
  usage->steal = (double)steal * tick;
}

static void read_cores(struct usage *usage, int core) {
  char line[512], name[32];
  int length = snprintf(name, sizeof name, "cpu%d ", core);
  FILE *file = fopen("/proc/stat", "re");
  if (file == NULL) return;
  while (fgets(line, sizeof line, file))
    if (strncmp(line, name, (size_t)length) == 0) read_core(usage, line);
  fclose(file);
}

void read_usage(struct usage *usage, const struct options *options) {
  *usage = (struct usage){.at_ns = now_ns(), .client = cpu_of(getpid())};
  for (int i = 0; i < options->pid_count; i++) {
    usage->server += cpu_of(options->pids[i]);
    usage->rss_kb += resident_kb(options->pids[i]);
  }
  usage->ksoftirqd = cpu_of(options->ksoftirqd);
  read_cores(usage, options->core);
}
