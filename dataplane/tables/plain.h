// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/plain.h - plain transports: no ICE, so what admits a packet is a fixed remote
// address, or the first one to prove itself on a port of the transport's own.
//
// Tuples   fixed: every worker has the tuple in its table from the epoch on, beside those of ICE,
//          which keep what they have; a later epoch may put another address in its place.
//          Latching: by port, until the peer's address is known.
// Owner    chosen by main, in turn; packets that land elsewhere are handed over.
// Trust    SRTP: nothing moves before authentication, the latch included. RTP alone: the fixed or
//          latched address and an announced SSRC are all there is; no index is taken twice.
// Layer 2  the control plane says where frames go; else it is learned from the peer.
#pragma once

#include "dataplane/tables/epoch.h"

#include <stdbool.h>

// Main, at start and end.
bool plain_ports_new(struct dataplane *dp);
void plain_ports_free(struct dataplane *dp);

// Main: 'ref' latches on 'port'; generation 0: nobody. A port outside the range changes nothing.
void plain_ports_set(struct dataplane *dp, uint16_t port, struct shm_ref ref);

// Any worker. Generation 0 if nobody latches there.
struct shm_ref plain_ports_find(const struct dataplane *dp, uint16_t port);

// Owner: may a packet come from there?
bool plain_admits(struct transport *t, const struct packet *p);

// Owner: a packet has proved itself. Latches, learns the peer's link address, ends inactivity.
void plain_received(struct worker *w, struct transport *t, const struct packet *p);

// Every worker: a plain transport comes, changes or goes.
void plain_apply(struct worker *w, const struct epoch_transport *e);

// Owner, from housekeeping: silence becomes an event.
void plain_due(struct worker *w, struct transport *t);
