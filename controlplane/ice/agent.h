// SPDX-License-Identifier: Apache-2.0
// controlplane/ice/agent.h - one ICE agent per transport: libnice with one stream, one component.
//
// Place    under dtls/handshake.c, which glues it to a DTLS session. Above it only libnice.
// Thread   all calls and all callbacks on the GMainContext given at creation.
// Owns     its sockets, one per local address, all on the one internal port the caller gives. The
//          dataplane translates that port to the public one, so the selected local candidate is
//          often peer-reflexive with the internal port as its base.
// Spec     RFC 8445; consent is not its business (the dataplane's, RFC 7675).
#pragma once

#include "controlplane/ice/candidate.h"

#include <glib.h>

enum { ICE_REASON_SIZE = 192 };

enum ice_agent_state {
	ICE_AGENT_CHECKING,
	ICE_AGENT_READY, // a pair is selected and data may be sent
	ICE_AGENT_FAILED,
};

struct ice_agent_params {
	struct ice_credentials local;
	uint16_t port; // internal port, bound on every address
	struct sockaddr_storage addresses[ICE_ADDRESSES_MAX]; // their ports are ignored
	size_t address_count;
	bool controlling; // full ICE only; FALSE whenever lite is announced
	bool loopback_allowed; // accept remote candidates on loopback: tests only
};

// None of them may destroy the agent from within.
struct ice_agent_callbacks {
	void (*state)(void *user, enum ice_agent_state state);
	// The pair data goes out on; again whenever it changes. 'local' is the base: internal port.
	void (*selected)(void *user, const struct sockaddr_storage *local,
			 const struct sockaddr_storage *remote);
	void (*datagram)(void *user, const uint8_t *data, size_t size);
};

struct ice_agent;

// Binds and starts to answer. 0, -EINVAL, -EADDRNOTAVAIL (an address or the port cannot be bound),
// -ENOMEM; 'reason' then holds the sentence. Borrows 'callbacks' until destroyed.
int ice_agent_create(GMainContext *context, const struct ice_agent_params *params,
		     const struct ice_agent_callbacks *callbacks, void *user,
		     char reason[ICE_REASON_SIZE], struct ice_agent **out);
void ice_agent_destroy(struct ice_agent **agent);

// Once per generation, before the candidates; repeating the same values changes nothing.
int ice_agent_set_remote_credentials(struct ice_agent *agent, const struct ice_credentials *remote);

// Trickle: one candidate attribute. Everything but OK is ignored and counted.
enum ice_candidate_verdict ice_agent_add_candidate(struct ice_agent *agent, const char *line);
uint64_t ice_agent_candidates_seen(const struct ice_agent *agent,
				   enum ice_candidate_verdict verdict);

// New generation with these local credentials, on the same socket. The old pair carries data until
// a new one is selected. Remote credentials and candidates have to be given again.
int ice_agent_restart(struct ice_agent *agent, const struct ice_credentials *local);

// Sends on the selected pair. 0, -EAGAIN if there is none yet or the socket is full.
int ice_agent_send(struct ice_agent *agent, const uint8_t *data, size_t size);
