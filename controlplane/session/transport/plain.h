// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/plain.h - the record of a plain transport: from the request, and
// where its frames go.
//
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/session/transport/transport.h"

#include <stdbool.h>

// What a request says of the peer, into 'out', whose other fields stay. False: the call has failed.
bool plain_read_connect(struct rpc_call *call, const Sluice__V1__PlainConnect *m,
			struct shm_transport_config *out);
// The same where a connected transport's fixed peer is somewhere else now; the keys stay.
bool plain_read_move(struct rpc_call *call, const Sluice__V1__PlainConnect *m,
		     struct shm_transport_config *out);
// The same for a whole CreateTransport; 'out' is filled from zero.
bool plain_read_options(struct rpc_call *call, const Sluice__V1__PlainOptions *m,
			struct shm_transport_config *out);

// Takes slot and, to latch, a port; chooses the local address. Submits nothing. False with a
// sentence.
bool plain_open(struct transport *t, const struct shm_transport_config *config, bool ipv6,
		char **reason);

// Looks for the link address of a fixed peer, so that frames can go there before any has come: at
// once where the kernel knows it, otherwise it is asked, and the record changed when it is known.
void plain_find_peer(struct transport *t);

// The record as it stands, in an epoch of its own that nobody waits for.
void plain_submit_path(struct transport *t);
