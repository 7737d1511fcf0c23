#pragma once
#include "load.h"

// Writes the upgrade request of a connection and answers its length; ends the program when it does not fit.
size_t write_request(char *out, size_t capacity, const struct load *load,
                     const struct connection *connection);

// Writes the packet with which a Socket.IO client asks to be let in, token and room in its `auth`.
size_t write_socketio_connect(char *out, size_t capacity, const struct load *load,
                              const struct connection *connection);
