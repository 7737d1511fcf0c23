#include "histogram.h"

static int bucket_of(uint64_t ns) {
  if (ns < 64) return (int)ns;
  int exponent = 63 - __builtin_clzll(ns);
  int bucket = (exponent - 5) * 64 + (int)((ns >> (exponent - 6)) & 63);
  return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static uint64_t start_of(int bucket) {
  if (bucket < 64) return (uint64_t)bucket;
  int exponent = bucket / 64 + 5;
  return (1ull << exponent) | ((uint64_t)(bucket % 64) << (exponent - 6));
}

void histogram_add(struct histogram *histogram, uint64_t ns) {
  histogram->buckets[bucket_of(ns)]++;
  histogram->count++;
  if (ns > histogram->max) histogram->max = ns;
}

double histogram_at(const struct histogram *histogram, double share) {
  if (histogram->count == 0) return 0;
  uint64_t rank = (uint64_t)(share * (double)histogram->count);
  if (rank >= histogram->count) rank = histogram->count - 1;
  uint64_t seen = 0;
  for (int bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    seen += histogram->buckets[bucket];
    if (seen > rank) return (double)start_of(bucket) / 1e3;
  }
  return (double)histogram->max / 1e3;
}
