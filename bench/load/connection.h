#pragma once
#include "frame.h"
#include "load.h"

// Connects to the server on loopback and queues the upgrade request; false when the system refuses.
bool connection_start(struct load *load, struct connection *connection);

// Queues a frame; `connection_flush` sends what is queued.
void connection_queue(struct connection *connection, enum opcode opcode, const void *payload, size_t length);
void connection_flush(struct load *load, struct connection *connection);

// Queues and sends the chat message, stamped with this moment.
void connection_say(struct load *load, struct connection *connection);

// Sends Close 1000 once.
void connection_say_goodbye(struct load *load, struct connection *connection);

// Closes the descriptor at once.
void connection_drop(struct load *load, struct connection *connection);

// Handles one event of epoll.
void connection_event(struct load *load, struct connection *connection, uint32_t events);
