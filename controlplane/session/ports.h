// SPDX-License-Identifier: Apache-2.0
// controlplane/session/ports.h - internal UDP ports for libnice's sockets, with their rest.
//
// A freed port rests 60 s: late packets of its former owner must not meet a new one (design 5).
// Thread   the API's GMainContext.
#pragma once

#include <stdint.h>

enum { PORT_REST_S = 60 };

struct ports;

struct ports *ports_new(uint16_t first, uint16_t last); // both inclusive
void ports_free(struct ports **ports);

uint16_t ports_take(struct ports *ports); // 0: none is free
void ports_release(struct ports *ports, uint16_t port);
void ports_reserve(struct ports *ports, uint16_t port); // found in use by an orphan
