// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/transport_io.h - the half of a handshake that lives on a pool thread.
//
// Place    handshake.c (API thread) -> [transport_io] -> ice/agent + dtls/session. Within dtls/
// only. Thread   the pool thread of its context, every function and every event. Owns     agent,
// session, timers, and datagrams that wait for their turn.
#pragma once

#include "controlplane/dtls/pool.h"

struct transport_io;

// Runs on the pool thread; 'event' is the callee's to copy. keys in it are wiped afterwards.
typedef void transport_io_event_fn(void *user, const struct handshake_event *event);

struct transport_io *transport_io_new(struct handshake_pool *pool, GMainContext *context,
				      transport_io_event_fn *on_event, void *user);
// Binds; failure is an event.
void transport_io_open(struct transport_io *io, const struct ice_agent_params *params);
void transport_io_set_remote(struct transport_io *io, const struct ice_credentials *remote,
			     const struct dtls_fingerprint *fingerprint, enum dtls_role role);
void transport_io_set_remote_credentials(struct transport_io *io,
					 const struct ice_credentials *remote);
void transport_io_add_candidate(struct transport_io *io, const char *line);
void transport_io_restart(struct transport_io *io, const struct ice_credentials *local);
// Says goodbye to the peer and frees everything. Not from within an event.
void transport_io_close(struct transport_io **io);
