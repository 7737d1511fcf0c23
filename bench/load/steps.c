#include "broadcast.h"
#include "clock.h"
#include "modes.h"
#include "report.h"
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static bool ramp(struct load *load, int members) {
  struct window window;
  int before = load->ready;
  window_open(load, &window);
  if (!connect_up_to(load, members)) return false;
  window_close(load, &window);
  print_report(load, "ramp", &window,
               (struct extras){.count = (uint64_t)(load->ready - before),
                               .ramp_seconds = seconds_of(window.after.at_ns - window.before.at_ns)});
  return true;
}

static void idle(struct load *load) {
  struct window window;
  window_open(load, &window);
  pump_for(load, load->options.settle);
  window_close(load, &window);
  print_report(load, "idle", &window, (struct extras){0});
}

// Keeps the connections served until a line arrives on stdin; false at its end.
static bool await_line(struct load *load) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  char character;
  for (;;) {
    if (poll(&input, 1, 0) <= 0) pump(load, 20);
    else if (read(STDIN_FILENO, &character, 1) <= 0) return false;
    else if (character == '\n') return true;
  }
}

int run_steps(struct load *load, bool with_broadcast) {
  const struct options *options = &load->options;
  load->behaviour = &listening;
  for (int i = 0; i < options->step_count; i++) {
    if (!ramp(load, options->steps[i])) return 3;
    pump_for(load, options->settle);
    if (with_broadcast) measure_broadcast(load, options->steps[i]);
    idle(load);
    if (options->interactive && !await_line(load)) break;
  }
  close_all(load);
  return 0;
}
