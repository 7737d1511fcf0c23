#include "options.h"

#include <stdlib.h>
#include <string.h>

const char *option_text(const struct options *options, const char *key, const char *fallback) {
  size_t length = strlen(key);
  for (int index = 0; index < options->count; index++) {
    const char *value = options->values[index];
    if (strncmp(value, key, length) == 0 && value[length] == '=') return value + length + 1;
  }
  return fallback;
}

double option_number(const struct options *options, const char *key, double fallback) {
  const char *text = option_text(options, key, NULL);
  return text == NULL ? fallback : atof(text);
}
