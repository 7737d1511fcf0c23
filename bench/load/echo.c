#include "connection.h"
#include "modes.h"
#include "report.h"
#include "settled.h"

static void message(struct load *load, struct connection *connection, const uint8_t *payload, size_t length) {
  count_delivery(load, payload, length);
  if (!load->stopping) connection_say(load, connection);
}

static int no_turn(struct load *load, void *state) {
  (void)load, (void)state;
  return 20;
}

int run_echo(struct load *load) {
  static const struct behaviour behaviour = {settled_ready, message, settled_gone};
  struct window window;
  load->behaviour = &behaviour;
  load->options.rooms = load->options.connections;
  if (!connect_up_to(load, load->options.connections)) return 3;
  pump_for(load, load->options.settle);
  for (int i = 0; i < load->options.connections; i++)
    for (int k = 0; k < load->options.in_flight; k++) connection_say(load, &load->connections[i]);
  run_window(load, &window, no_turn, NULL);
  print_report(load, "echo", &window, (struct extras){.count = load->counters.operations});
  close_all(load);
  return 0;
}
