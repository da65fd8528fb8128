// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/layers.h - which packets of the encoding sent belong to the layers a consumer
// follows.
//
// Thread   the worker that owns the subscriber's transport.
#pragma once

#include "dataplane/core/packet.h"
#include "dataplane/tables/subscription.h"

struct placement;

// The consumer begins with this packet, or changes to its encoding. WAIT and DROP: it cannot.
// 'lone': its track has no other encoding to change to.
enum layer_verdict layers_begin(struct subscription *s, const struct packet *p, bool lone);

// A further packet of the encoding. FORWARD_MARKED: goes out with the marker bit.
enum layer_verdict layers_choose(struct subscription *s, const struct packet *p);

// The picture id, or frame number, and TL0PICIDX of a forwarded packet as the consumer gets them.
// False: the picture was left out, or is too old to be placed.
bool layers_number(struct subscription *s, const struct packet *p, struct placement *out);

// What is to be followed from now on, where the decoder can.
void layers_want(struct subscription *s, const struct layer_target *target);
