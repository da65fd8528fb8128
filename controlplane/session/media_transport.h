// SPDX-License-Identifier: Apache-2.0
// controlplane/session/media_transport.h - one RTCPeerConnection's transport, from slot to keys.
//
//   open -> announced (the dataplane knows our credentials: SDP may leave) -> connecting (ICE,
//   DTLS)
//   -> ready (pair and keys are known: the owner submits the epoch) -> connected -> closed
//
// Thread   the API's GMainContext.
// Owns     slot, internal port, handshake. Embedded in its participant, whose life it shares.
// Secrets  ICE passwords and SRTP masters lie in 'config'; wiped at close.
#pragma once

#include "controlplane/dtls/handshake.h"
#include "controlplane/link/client.h"
#include "controlplane/session/sdp/negotiate.h"

#include <glib.h>
#include <stdbool.h>

struct node;

enum media_phase {
	MEDIA_NONE, // not opened
	MEDIA_NEW,
	MEDIA_CONNECTING,
	MEDIA_CONNECTED,
	MEDIA_FAILED,
	MEDIA_CLOSED,
};

struct media_transport_events {
	// The epoch that announces the credentials, or those of an ICE restart, is applied, or was
	// refused: the credentials before hold.
	void (*announced)(void *user, const struct link_result *result);
	// So is the remote's side of media_transport_set_remote(), and our agent answers its
	// checks: refused, it may be set again. Or what media_transport_await_agent() was asked
	// for.
	void (*admitted)(void *user, const struct link_result *result);
	// Pair and keys are there: submit an epoch with media_transport_apply() in it, then tell
	// media_transport_established().
	void (*ready)(void *user);
	// close_notify ("closed"), or the handshake failed (before it was connected).
	void (*ended)(void *user, const char *reason, bool failed);
};

struct media_transport {
	struct node *node;
	const struct media_transport_events *events;
	void *user;
	enum media_phase phase;
	struct shm_ref ref; // generation 0: no slot
	struct shm_transport_config config;
	struct handshake *handshake;
	struct ice_credentials local; // of the newest generation
	struct rtp_ext_map receive_ext; // set before the transport is opened
	unsigned ice_generation; // grows with each restart
	bool remote_set;
	struct dtls_fingerprint remote_fingerprint; // until it is admitted, as is the role
	enum dtls_role our_role;
	struct ice_credentials offered; // for a restart by us that has no answer yet; empty: none
	struct media_restart *restart; // on its way to the dataplane; NULL: none
	unsigned unheard; // times our agent has still to say that it answers the remote's checks
	// Told when it has; NULL: nobody waits.
	void (*waiting)(void *user, const struct link_result *result);
	bool ice_ready;
	bool keys_ready;
	int64_t step_us; // when the set-up's step under way began, on g_get_monotonic_time's clock
	bool restarting; // ICE restart under way: two generations of credentials are valid
	uint64_t sdp_id;
	uint64_t sdp_version;
	link_done_fn removed; // told when the record is gone after the close; NULL: nobody
	void *removed_user;
};

// Takes slot and port, binds the sockets, announces the transport. 'remote' may be NULL (not known
// yet). False with the sentence in 'reason'; then nothing is held. The user's object must stay
// until media_transport_close(), and 'announced' may come after it: see 'hold' and 'drop'.
bool media_transport_open(struct media_transport *t, struct node *node,
			  const struct media_transport_events *events, void *user, bool controlling,
			  const struct ice_credentials *remote, char **reason);

// A plain transport: the record as it is, but for our SSRC and CNAME. Nothing is submitted: the
// caller does that with media_transport_apply() once the peer is known. 'participant' as above.
bool media_transport_open_plain(struct media_transport *t, struct node *node, void *participant,
				const struct shm_transport_config *config, char **reason);

// The remote's side of the SDP, for ICE and DTLS to begin with as soon as the dataplane lets its
// checks pass. Once. True: 'admitted' will come; false: it has begun.
bool media_transport_set_remote(struct media_transport *t, const struct ice_credentials *remote,
				const struct dtls_fingerprint *fingerprint,
				enum dtls_role our_role);

// An answer that leaves before our agent has the credentials in it brings checks that are lost, and
// the peer repeats them half a second later. True: 'admitted' will come when it may leave.
bool media_transport_await_agent(struct media_transport *t);

// Candidates of the remote's. Returns how many were ignored.
unsigned media_transport_add_candidates(struct media_transport *t, char *const *lines,
					size_t count);

// ICE restart by the remote: new credentials on both sides. Nothing of it holds before the
// dataplane has taken it. False: another one is on its way, or there are no random bytes.
//
//   begin -> stage (adds it to an epoch that is being pushed) -> settle (with that epoch's result)
//   or restart: all of that in an epoch of its own; 'announced' comes when SDP may leave, our agent
//   having the credentials, too.
bool media_transport_restart(struct media_transport *t, const struct ice_credentials *remote);
bool media_transport_restart_begin(struct media_transport *t, const struct ice_credentials *remote);
void media_transport_restart_stage(struct media_transport *t, struct link_epoch *e);
void media_transport_restart_settle(struct media_transport *t, const struct link_result *result);

// ICE restart by us: what our SDP says from now on has new credentials, and 'begin' with the
// remote's answer takes them. They stay offered until that is settled and applied. False: there are
// no random bytes.
bool media_transport_restart_offer(struct media_transport *t);
bool media_transport_restart_offered(const struct media_transport *t);

// What our SDP says now; the version grows with every call.
struct sdp_local media_transport_sdp_local(struct media_transport *t);

// Adds the transport as it stands to an epoch.
void media_transport_apply(struct media_transport *t, struct link_epoch *e);
void media_transport_established(struct media_transport *t, const struct link_result *result);

// RTCTransportStats.dtlsState; "" for a plain transport.
const char *media_transport_dtls_state(const struct media_transport *t);

// Revokes consent and says goodbye to the peer at once, and removes the record a moment later so
// that the goodbye gets through. Tracks and subscriptions must have been removed before (an earlier
// epoch).
void media_transport_close(struct media_transport *t);
