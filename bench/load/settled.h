#pragma once
#include "load.h"

// `ready` and `gone` of the modes whose connections stay.
void settled_ready(struct load *load, struct connection *connection);
void settled_gone(struct load *load, struct connection *connection, enum why why);

// Counts a delivered message, and how long it took.
void count_delivery(struct load *load, const uint8_t *payload, size_t length);
