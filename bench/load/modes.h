#pragma once
#include "load.h"

// Each mode runs to its end and answers the program's exit status: 0, or 3 when connections did not come in.

// `n` connections that come in, are welcomed (or refused), close cleanly and start over.
int run_handshake(struct load *load);
// Each connection in a room of its own, with `window` messages on their way.
int run_echo(struct load *load);
// One room: `window` messages in flight, or `rate` messages a second.
int run_broadcast(struct load *load);
// Ramps to each of `steps` and holds; `with_broadcast` measures a broadcast at each step.
int run_steps(struct load *load, bool with_broadcast);
