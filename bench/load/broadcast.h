#pragma once
#include "load.h"

// The behaviour of members of a room who only listen.
extern const struct behaviour listening;

// Broadcasts to a room of so many members for one window, and prints it.
void measure_broadcast(struct load *load, int members);
