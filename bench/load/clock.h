#pragma once
#include <stdint.h>
#include <time.h>

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull

// A clock that never jumps, in nanoseconds.
static inline uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static inline uint64_t ns_of(double seconds) {
  return (uint64_t)(seconds * (double)NS_PER_S);
}

static inline double seconds_of(uint64_t ns) {
  return (double)ns / (double)NS_PER_S;
}
