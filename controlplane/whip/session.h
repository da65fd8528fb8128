// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/session.h - one WHIP or WHEP session: a participant that HTTP speaks for.
//
// Life     from the POST to the participant's end, whatever ends it: DELETE, consent lost, removal.
//          Its URL holds a secret of 256 random bits; who knows it may act.
// Waiting  one request at a time waits for the dataplane: POST, ICE restart, the answer to our
//          offer. If nobody waits any more, its client gone or CHANGE_PATIENCE_S over, a session
//          without its 201 goes as well, for nobody knows its URL; of one that has it the change
//          stays desired, and an event tells how it ended. The same request again waits for it.
// Again    no server knows whether its answer arrived: the request that brought the ICE session, or
//          the answer to our offer, gets the same answer as often as it comes.
// Thread   the API's GMainContext.
// Spec     RFC 9725 4.2 and 4.3, draft-ietf-wish-whep-04 4.3 to 4.5.
#pragma once

#include "controlplane/auth/caller.h"
#include "controlplane/rpc/exchange.h"
#include "controlplane/session/participant.h"
#include "controlplane/whip/target.h"

struct whip_server;

enum whip_waiting {
	WHIP_WAITS_ANSWER, // 201
	WHIP_WAITS_OFFER, // 406
	WHIP_WAITS_RESTART, // 200
	WHIP_WAITS_ADMISSION, // 204: of the answer to our offer
};

struct whip_session {
	const struct whip_server *server;
	struct participant *p; // one count
	bool whep;
	bool made_room; // for its sake: a POST that comes to nothing takes it away again
	bool countered; // the viewer has our offer and owes the answer
	unsigned counter_timer; // GSource id, or 0: an answer is on its way, or there
	int64_t counter_until_us; // our offer's end, monotonic
	char *taken; // digest of the answer that was taken; NULL: none yet
	char secret[WHIP_SECRET_CHARS + 1];
	char *url; // path of the session
	char *etag; // of the ICE session, with its quotes
	struct ice_credentials remote; // of the ICE session
	struct ice_credentials remote_before; // while a restart is not answered
	char *line; // "audio 9 UDP/TLS/RTP/SAVPF 111": what the transport is read from
	char *mid; // of that line
	struct http_exchange *x; // who waits, or NULL
	enum whip_waiting waiting;
	bool pending; // the dataplane has not answered yet, whether somebody waits or not
	unsigned patience; // GSource id, or 0: nobody waits
	bool late; // who waited was told that an event says how it ends, or has hung up
	bool unheard; // nobody has used the newest ICE session's entity-tag yet
};

// Enters the room as 'id', for 'caller'. The session is its participant's, and ends with it.
struct whip_session *whip_session_new(const struct whip_server *server, struct room *room,
				      const char *id, bool whep, const struct caller *caller);

// The session of a URL, NULL if there is none; the secret is compared in constant time.
struct whip_session *whip_session_find(const struct whip_server *server,
				       const struct whip_target *target);

// The waiter that answers 'x' as 'waiting' says.
struct offer_waiter whip_session_wait(struct whip_session *s, struct http_exchange *x,
				      enum whip_waiting waiting);

// 'x' asks for what is pending already: waits for it, too. False: somebody does.
bool whip_session_wait_again(struct whip_session *s, struct http_exchange *x);

// The viewer's answer is on its way to the dataplane: our offer is not void until that refuses.
void whip_session_take_answer(struct whip_session *s, GBytes *answer);
// It is the answer that was taken.
bool whip_session_took(const struct whip_session *s, GBytes *answer);

// What an ICE restart and trickle need of an offer or answer.
void whip_session_remember(struct whip_session *s, const struct sdp_description *d);

// 200 with the ICE session as it is now.
void whip_session_reply_restart(struct whip_session *s, struct http_exchange *x);

struct media_transport *whip_session_transport(const struct whip_session *s);
