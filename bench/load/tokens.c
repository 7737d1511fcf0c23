#include "tokens.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TOKENS = 20000, MAX_TOKEN_BYTES = 2048 };

void read_tokens(struct tokens *tokens, const char *file) {
  *tokens = (struct tokens){0};
  if (file == NULL) return;
  FILE *lines = fopen(file, "re");
  tokens->list = calloc(MAX_TOKENS, sizeof *tokens->list);
  if (lines == NULL || tokens->list == NULL) {
    perror("load: tokens");
    exit(2);
  }
  char line[MAX_TOKEN_BYTES];
  while (tokens->count < MAX_TOKENS && fgets(line, sizeof line, lines)) {
    line[strcspn(line, "\r\n")] = 0;
    if (*line) tokens->list[tokens->count++] = strdup(line);
  }
  fclose(lines);
}

const char *token_of(const struct tokens *tokens, int attempt) {
  return tokens->count == 0 ? "" : tokens->list[attempt % tokens->count];
}
