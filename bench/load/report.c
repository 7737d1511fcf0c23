#include "report.h"
#include "clock.h"
#include <inttypes.h>
#include <stdio.h>

static void print_latency(const struct histogram *latency) {
  printf(",\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,\"samples\":%" PRIu64,
         histogram_at(latency, 0.5), histogram_at(latency, 0.9), histogram_at(latency, 0.99),
         (double)latency->max / 1e3, latency->count);
}

static void print_counters(const struct load *load) {
  const struct counters *counters = &load->counters;
  printf(",\"accepted\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"slow_closes\":%" PRIu64,
         counters->accepted, counters->refused, counters->errors, counters->slow_closes);
  printf(",\"retries\":%" PRIu64 ",\"last_http\":%d,\"last_close\":%d", load->retries, load->last_http,
         load->last_close);
}

static void print_usage(const struct usage *before, const struct usage *after) {
  printf(",\"server_s\":%.6f,\"ksoftirqd_s\":%.6f,\"client_s\":%.6f", after->server - before->server,
         after->ksoftirqd - before->ksoftirqd, after->client - before->client);
  printf(",\"core_busy_s\":%.3f,\"core_softirq_s\":%.3f,\"core_steal_s\":%.3f,\"rss_kb\":%ld",
         after->busy - before->busy, after->softirq - before->softirq, after->steal - before->steal,
         after->rss_kb);
}

void print_report(const struct load *load, const char *name, const struct window *window,
                  struct extras extras) {
  double seconds = seconds_of(window->after.at_ns - window->before.at_ns);
  double rate = seconds > 0 ? (double)extras.count / seconds : 0;
  printf("{\"mode\":\"%s\",\"connections\":%d,\"seconds\":%.4f", name, load->ready, seconds);
  printf(",\"count\":%" PRIu64 ",\"rate\":%.1f", extras.count, rate);
  print_latency(&load->latency);
  print_counters(load);
  print_usage(&window->before, &window->after);
  printf(",\"lost\":%.0f,\"ramp_s\":%.3f}\n", extras.lost, extras.ramp_seconds);
  fflush(stdout);
}
