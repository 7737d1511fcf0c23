#pragma once
#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 4096 };

// Times in nanoseconds, in buckets of about 1.5 %: 64 for each power of two, so that adding costs no memory
// and no search.
struct histogram {
  uint64_t buckets[HISTOGRAM_BUCKETS];
  uint64_t count;
  uint64_t max;
};

void histogram_add(struct histogram *histogram, uint64_t ns);

// The time below which this share (0 to 1) of all samples lies, in microseconds; 0 without samples.
double histogram_at(const struct histogram *histogram, double share);
