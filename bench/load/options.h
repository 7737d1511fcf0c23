// Options of the form key=value.
#pragma once
#include <stddef.h>

struct options {
  int count;
  char **values;
};

const char *option_text(const struct options *options, const char *key, const char *fallback);
double option_number(const struct options *options, const char *key, double fallback);
