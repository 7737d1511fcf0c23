#include "options.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { WHOLE, REAL, TEXT, FLAG, WHOLES };

struct rule {
  const char *key;
  enum kind kind;
  size_t at;
  double least;
  double most;
  size_t count_at;
};

#define AT(field) offsetof(struct options, field)

static const struct rule rules[] = {
    {"port", WHOLE, AT(port), 1, 65535, 0},
    {"path", TEXT, AT(path), 0, 0, 0},
    {"hdr", TEXT, AT(header), 0, 0, 0},
    {"origin", TEXT, AT(origin), 0, 0, 0},
    {"tokens", TEXT, AT(tokens), 0, 0, 0},
    {"roomp", TEXT, AT(room_prefix), 0, 0, 0},
    {"ctl", FLAG, AT(interactive), 0, 1, 0},
    {"n", WHOLE, AT(connections), 1, MAX_CONNECTIONS, 0},
    {"rooms", WHOLE, AT(rooms), 1, MAX_CONNECTIONS, 0},
    {"srcs", WHOLE, AT(sources), 1, 64, 0},
    {"window", WHOLE, AT(in_flight), 1, 1024, 0},
    {"cc", WHOLE, AT(at_once), 1, 1024, 0},
    {"total", WHOLE, AT(total), 0, 1000000, 0},
    {"size", WHOLE, AT(size), 32, 1024, 0},
    {"senders", WHOLE, AT(senders), 1, MAX_CONNECTIONS, 0},
    {"core", WHOLE, AT(core), 0, 1023, 0},
    {"ksoftirqd", WHOLE, AT(ksoftirqd), 0, 4194304, 0},
    {"life", WHOLE, AT(life), 1, MAX_LIFE_S, 0},
    {"warm", REAL, AT(warm), 0, 60, 0},
    {"dur", REAL, AT(seconds), 0.05, 60, 0},
    {"settle", REAL, AT(settle), 0, 60, 0},
    {"rate", REAL, AT(rate), 0, 10000, 0},
    {"climit", REAL, AT(connect_limit), 1, 300, 0},
    {"steps", WHOLES, AT(steps), 1, MAX_CONNECTIONS, AT(step_count)},
    {"pids", WHOLES, AT(pids), 1, 4194304, AT(pid_count)},
};

static const struct options defaults = {
    .port = 9001,
    .path = "/ws/chat/{room}",
    .room_prefix = "r",
    .connections = 100,
    .rooms = 1,
    .sources = 8,
    .in_flight = 1,
    .at_once = 64,
    .size = 64,
    .senders = 1,
    .life = 300,
    .warm = 1,
    .seconds = 3,
    .settle = 0.3,
    .connect_limit = 60,
};

static bool complain(const char *key, const char *what) {
  fprintf(stderr, "load: %s: %s\n", key, what);
  return false;
}

static bool read_number(const struct rule *rule, const char **text, double *number) {
  char *end;
  *number = strtod(*text, &end);
  if (end == *text) return complain(rule->key, "expected a number");
  // written so that NaN, which compares with nothing, is out of bounds too
  if (!(*number >= rule->least && *number <= rule->most)) return complain(rule->key, "out of bounds");
  *text = end;
  return true;
}

static bool read_wholes(const struct rule *rule, void *options, const char *text) {
  int *list = (int *)((char *)options + rule->at);
  int *count = (int *)((char *)options + rule->count_at);
  for (*count = 0; *text; text += *text == ',') {
    double number;
    if (*count == MAX_LIST) return complain(rule->key, "too many numbers");
    if (!read_number(rule, &text, &number)) return false;
    if (*text && *text != ',') return complain(rule->key, "expected numbers with commas between them");
    list[(*count)++] = (int)number;
  }
  return true;
}

static bool read_value(const struct rule *rule, void *options, const char *text) {
  void *field = (char *)options + rule->at;
  if (rule->kind == WHOLES) return read_wholes(rule, options, text);
  if (rule->kind == TEXT) {
    *(const char **)field = *text ? text : NULL;
    return true;
  }
  double number;
  if (!read_number(rule, &text, &number)) return false;
  if (*text) return complain(rule->key, "expected a number alone");
  if (rule->kind == WHOLE) *(int *)field = (int)number;
  if (rule->kind == REAL) *(double *)field = number;
  if (rule->kind == FLAG) *(bool *)field = number != 0;
  return true;
}

static bool read_protocol(struct options *options, const char *value) {
  options->socketio = strcmp(value, "sio") == 0;
  return options->socketio || strcmp(value, "ws") == 0 || complain("proto", "expected ws or sio");
}

static bool read_option(struct options *options, const char *argument) {
  const char *equals = strchr(argument, '=');
  if (equals == NULL) return complain(argument, "expected key=value");
  size_t length = (size_t)(equals - argument);
  if (strncmp(argument, "proto=", 6) == 0) return read_protocol(options, equals + 1);
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    const char *key = rules[i].key;
    if (strlen(key) == length && strncmp(key, argument, length) == 0)
      return read_value(&rules[i], options, equals + 1);
  }
  return complain(argument, "no such option");
}

static bool check_options(const struct options *options) {
  if (options->path == NULL) return complain("path", "must not be empty");
  if (options->room_prefix == NULL) return complain("roomp", "must not be empty");
  if (options->senders > options->connections) return complain("senders", "more than n");
  for (int i = 0; i < options->step_count; i++)
    if (options->steps[i] > options->connections) return complain("steps", "more than n");
  return true;
}

bool read_options(struct options *options, int argc, char **argv) {
  *options = defaults;
  if (argc < 2) return complain("usage", "load handshake|echo|bcast|hold|grow key=value ...");
  options->mode = argv[1];
  for (int i = 2; i < argc; i++)
    if (!read_option(options, argv[i])) return false;
  return check_options(options);
}
