// Times in nanoseconds in buckets about 1.5 % wide: adding one is a few instructions, whatever its size.
#pragma once
#include <stdint.h>

#define HISTOGRAM_BUCKETS 4096

struct histogram {
  uint64_t buckets[HISTOGRAM_BUCKETS];
  uint64_t count;
  uint64_t max;
};

void histogram_add(struct histogram *histogram, uint64_t ns);
// The value in microseconds below which this part of all lies.
double histogram_quantile_us(const struct histogram *histogram, double part);
