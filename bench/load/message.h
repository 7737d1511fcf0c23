#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Builds the chat message that all connections send; `size` is that of its JSON in bytes.
void prepare_message(int size, bool socketio);

// The message with the time of this moment in its text. Valid until the next call.
const char *stamped_message(size_t *length);

// The time that a delivered message was stamped with, or 0 when there is none in it.
uint64_t stamp_in(const uint8_t *payload, size_t length);
