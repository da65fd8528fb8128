// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/handshake.h - what session/ sees of a transport's ICE and DTLS.
//
// Place    session/ -> [handshake] -> ice/agent + dtls/session, on a thread of the pool, so that
//          handshake cryptography never blocks the API.
// Thread   every function on the API context's thread, and so is every event; the work is done on
//          the pool. Calls take effect in the order made, and events arrive in the order they
//          happened.
// Owns     agent, session and timers. A closed handle fires no further event; its memory goes when
//          the pool has let go of it.
// Spec     RFC 8445, RFC 8842, RFC 5764.
#pragma once

#include "controlplane/dtls/session.h"
#include "controlplane/ice/agent.h"

// Threads, each with its own GMainContext; a transport stays on the one it was given.
struct handshake_pool;

struct handshake_pool_params {
	unsigned threads; // 1 to 16
	const struct dtls_certificate *certificate; // borrowed for the call
	const char *suites; // NULL: DTLS_SRTP_SUITES_OFFERED
	unsigned handshake_timeout_ms; // from set_remote to DTLS_CONNECTED; 0: 30 s
};

// 'api_context' NULL: the default one. 0, -EINVAL, -EIO with 'reason'.
int handshake_pool_create(const struct handshake_pool_params *params, GMainContext *api_context,
			  char reason[DTLS_REASON_SIZE], struct handshake_pool **out);
// Every handshake must have been closed. Waits until their goodbyes are out and the threads ended.
void handshake_pool_destroy(struct handshake_pool **pool);

// Totals since the pool was made.
struct handshake_counters {
	uint64_t candidates[ICE_CANDIDATE_VERDICT_COUNT];
	uint64_t dtls_drops[DTLS_DROP_COUNT];
	uint64_t started, connected, closed_by_peer, failed;
};
void handshake_pool_counters(struct handshake_pool *pool, struct handshake_counters *out);

enum handshake_event_type {
	HANDSHAKE_LISTENING, // once for each set_remote and set_remote_credentials: what it said is
			     // in place, so the peer's checks are answered. If the agent could not
			     // be made FAILED follows or came first.
	HANDSHAKE_ICE_CHECKING, // of 'generation'
	HANDSHAKE_ICE_READY, // of 'generation', with 'local' and 'remote'; again if the pair
			     // changes
	HANDSHAKE_DTLS_CONNECTED, // once, with 'keys', after the fingerprint matched
	HANDSHAKE_CLOSED, // the peer sent close_notify; only after DTLS_CONNECTED
	HANDSHAKE_FAILED, // with 'reason'; only before DTLS_CONNECTED. The last event.
};

struct handshake_event {
	enum handshake_event_type type;
	unsigned generation; // 0, one more after each restart
	struct sockaddr_storage local; // base of the selected pair: internal port
	struct sockaddr_storage remote;
	struct dtls_srtp_keys keys; // wiped when the callback returns
	char reason[ICE_REASON_SIZE];
};

// May call handshake_close on its own handle.
typedef void handshake_event_fn(void *user, const struct handshake_event *event);

struct handshake;

// Binds on the pool's thread: a port or address that can't be bound is a FAILED event. Copies
// 'params'. 0, -EINVAL (no address, port 0, credentials too short), -ENOMEM.
int handshake_new(struct handshake_pool *pool, const struct ice_agent_params *params,
		  handshake_event_fn *on_event, void *user, struct handshake **out);

// The remote's side once its SDP is known: DTLS starts when ICE allows. Datagrams that come before
// are kept back (a few) or lost, and the peer sends them again. Returns 0, -EALREADY if called
// twice (handshake_set_remote_credentials is for restarts).
int handshake_set_remote(struct handshake *h, const struct ice_credentials *remote,
			 const struct dtls_fingerprint *fingerprint, enum dtls_role our_role);

// Trickle: a candidate attribute, with or without "a=" in front; kept if it comes before
// set_remote. Whatever is not OK is ignored and counted; MALFORMED is worth telling the client.
enum ice_candidate_verdict handshake_add_candidate(struct handshake *h, const char *line);

// ICE restart: new local credentials, then the remote's new ones. DTLS and keys stay.
void handshake_restart(struct handshake *h, const struct ice_credentials *local);
void handshake_set_remote_credentials(struct handshake *h, const struct ice_credentials *remote);

// Sends close_notify, closes the sockets, forgets the keys. No event follows. NULL is fine.
void handshake_close(struct handshake **h);
