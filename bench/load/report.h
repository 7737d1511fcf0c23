#pragma once
#include "load.h"

// What only some modes can say.
struct extras {
  uint64_t count;
  double lost;
  double ramp_seconds;
};

// Prints one window as one line of JSON on stdout.
void print_report(const struct load *load, const char *name, const struct window *window,
                  struct extras extras);
