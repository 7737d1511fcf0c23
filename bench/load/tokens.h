#pragma once

// The credentials to knock with, each attempt with the next one: a server cannot do well by remembering a
// few.
struct tokens {
  char **list;
  int count;
};

// Reads a file with one token a line; ends the program when it cannot be read. No file: no token.
void read_tokens(struct tokens *tokens, const char *file);

// The token of one attempt, or an empty text.
const char *token_of(const struct tokens *tokens, int attempt);
