// SPDX-License-Identifier: Apache-2.0
// controlplane/session/participant.h - one participant: two transports, what it publishes, whom it
// hears.
//
// Place    room.h holds it; publish.c and subscribe.c are its two halves; signalling_service.c
// drives
//          it.
// Thread   the API's GMainContext.
// Life     counted: the room holds one count while it is in, epochs under way hold more. 'gone' is
//          set when it leaves; whoever comes back with a count looks at that first.
#pragma once

#include "controlplane/rpc/call.h"
#include "controlplane/session/change.h"
#include "controlplane/session/media_transport.h"
#include "controlplane/session/sdp/offer.h"
#include "controlplane/session/summary.h"
#include "proto/api/sluice/v1/room.pb-c.h"
#include "proto/api/sluice/v1/signalling.pb-c.h"

#include <glib.h>
#include <stdbool.h>

enum { PARTICIPANT_IDLE_S = 60 };

struct player;
struct room;
struct transport;

enum participant_kind {
	PARTICIPANT_SESSION, // SignallingService: publishes, and hears everybody by our offers
	PARTICIPANT_WHIP, // publishes only
	PARTICIPANT_WHEP, // plays only: 'player'
};

// What a participant publishes: one m-line of its.
struct track {
	struct participant *owner;
	struct shm_ref ref; // generation 0 until it is submitted
	char *id;
	char *name; // full resource name
	char *uid;
	struct sdp_track negotiated;
	Sluice__V1__TrackSource source;
	bool muted; // by its publisher
	bool server_muted;
	bool live; // the dataplane runs it
	// Bit per encoding, what the dataplane last said; 0: nothing, everything is wanted.
	uint8_t layers_wanted;
	struct revision generations;
};

enum subscription_state {
	SUBSCRIPTION_OFFERED, // on a line of an offer, no answer yet
	SUBSCRIPTION_ACCEPTED, // waits for the transport
	SUBSCRIPTION_APPLIED, // submitted to the dataplane
	SUBSCRIPTION_REFUSED, // by the subscriber's answer or by the dataplane
};

// A layer somebody asked for.
struct layer_wish {
	bool is_set;
	uint8_t spatial, temporal;
};

// What a subscriber, or the server for it, wants of a subscription.
struct subscription_wishes {
	bool paused;
	uint8_t priority;
	uint32_t tile_pixels; // 0: unknown
	struct layer_wish wanted, minimum, maximum;
};

enum wish_field {
	WISH_PAUSED = 1 << 0,
	WISH_PRIORITY = 1 << 1,
	WISH_WANTED = 1 << 2,
	WISH_MINIMUM = 1 << 3,
	WISH_MAXIMUM = 1 << 4,
	WISH_TILE_PIXELS = 1 << 5,
};

// One track on one subscriber's transport.
struct subscription {
	char *uid;
	struct track *track; // removed with it
	int line; // of the subscriber's offers
	uint32_t ssrc;
	struct shm_ref ref; // generation 0 until it is submitted
	struct shm_subscription_config config;
	enum subscription_state state;
	struct subscription_wishes wishes;
	struct revision generations;
};

// Who waits for the answer to an offer. One of the two is called, once.
struct offer_waiter {
	void (*answered)(void *data, const char *sdp);
	void (*failed)(void *data, const struct rpc_error *error); // borrowed for the call
	void *data;
};

struct participant {
	unsigned count; // see Life
	enum participant_kind kind;
	struct node *node;
	struct room *room;
	char *id;
	char *name;
	char *uid;
	char *display_name;
	char *secret; // of its session
	uint64_t token; // what it joined with; 0: none
	int64_t token_expires_s; // Unix time
	int64_t join_time_ms; // Unix time
	uint64_t serial; // in order of joining; never 0
	struct revision generations;
	struct summary summary; // of what has ended before it leaves
	bool gone;
	struct transport *transport; // that it carries for TransportService, or NULL
	void (*on_left)(void *data); // tells whoever keeps a session for it; may be NULL
	void *on_left_data;

	struct media_transport publish;
	struct media_transport subscribe;

	// Publishing.
	GPtrArray *tracks; // struct track, owned
	struct sdp_settled settled;
	struct sdp_publication *publication; // the offer whose answer is being made, or NULL
	struct offer_waiter waiter; // who waits for it; zeroed: nobody

	// Subscribing.
	struct sdp_subscriber *lines;
	GPtrArray *subscriptions; // struct subscription, owned
	uint32_t revision; // of the newest offer
	bool offer_out; // it has not been answered
	struct subscribe_answering *answering; // until the dataplane has taken it, or NULL
	bool offer_due; // something has changed since
	bool restart_due; // the next offer restarts ICE
	bool announced; // the subscribe transport's credentials are known to the dataplane

	struct player *player; // of PARTICIPANT_WHEP, or NULL

	// Signalling.
	struct rpc_call *watch; // WatchSession, or NULL
	uint64_t sequence;
	int64_t idle_since_us; // neither signalling nor media; 0: has one of them
};

// Enters the room, and everybody is told. The id is free there.
struct participant *participant_new(struct room *room, const char *id, const char *display_name);
struct participant *participant_hold(struct participant *p);
void participant_drop(struct participant *p);

// Leaves the room: tracks, subscriptions (its own and those to it) and transports are removed,
// everybody is told. Idempotent.
void participant_leave(struct participant *p, const char *reason);

// True once it has had neither signalling nor media for PARTICIPANT_IDLE_S. Asked every few
// seconds.
bool participant_abandoned(struct participant *p);

// The message for the API. Gives it: participant_message_free().
Sluice__V1__Participant *participant_message(const struct participant *p);
void participant_message_free(Sluice__V1__Participant *m);
Sluice__V1__Track *track_message(const struct track *t);
void track_message_free(Sluice__V1__Track *m);
Sluice__V1__Subscription *subscription_message(const struct participant *p,
					       const struct subscription *s);
void subscription_message_free(Sluice__V1__Subscription *m);

Sluice__V1__TransportState transport_state_of(const struct media_transport *t);

// What the control plane needs to come back goes into the blob of each transport.
void participant_save(const struct participant *p);

// publish.c
struct publish_offer {
	const char *sdp; // need not end in NUL
	size_t sdp_size;
	Sluice__V1__PublishedTrack *const *described; // what it says of m-lines beyond SDP
	size_t described_count;
};
// The waiter is told now or when the dataplane knows the credentials. All is borrowed for the call.
void publish_offer(struct participant *p, const struct publish_offer *offer,
		   const struct offer_waiter *waiter);
void publish_cancel(struct participant *p); // whoever waits is told ABORTED
// Adds the track as it stands to an epoch. False: the limit of tracks is reached.
bool publish_apply_track(struct track *t, struct link_epoch *e);
struct track *publish_track(const struct participant *p, const char *uid); // NULL: it is gone
// A track that is no m-line's; 'id' is free.
struct track *publish_new_track(struct participant *p, const char *id, const struct sdp_track *n);
// Adds the removal of a track and of every subscription to it to 'e', and frees the track.
void publish_remove_track(struct track *t, struct link_epoch *e);
extern const struct media_transport_events publish_events;

// offer_waiter.c: tells whoever waits, if anybody does.
void offer_answered(struct participant *p, const char *sdp);
void offer_refuse(struct participant *p, enum rpc_status code, Sluice__V1__ErrorReason reason,
		  const char *format, ...) G_GNUC_PRINTF(4, 5);
void offer_refuse_open(struct participant *p, const char *reason); // media_transport_open()'s
void offer_refuse_result(struct participant *p, const struct link_result *result);
// ICE restart without an offer: the waiter is answered NULL when the new credentials are known.
void offer_restart(struct participant *p, struct media_transport *t,
		   const struct ice_credentials *remote, const struct offer_waiter *waiter);
void offer_restarted(struct participant *p, const struct link_result *result);

// subscribe.c
// Hears 'track' from now on, unless it is its own.
void subscribe_track(struct participant *p, struct track *track);
// The track goes: its line is idle, the record's removal is added to 'e'.
void subscribe_forget(struct participant *p, const struct track *track, struct link_epoch *e);
// Sends an offer if one is due and can go out.
void subscribe_offer(struct participant *p);
// The newest offer once more, to a session that opened its stream again.
void subscribe_repeat(struct participant *p);
// 0: takes 'call', which is answered when the dataplane has taken it. Otherwise -ESTALE (an older
// revision), -EBUSY (the answer before is still on its way), -EINVAL with the sentence for the
// client.
int subscribe_answer(struct participant *p, uint32_t revision, const char *sdp,
		     struct rpc_call *call, char **reason);
void subscribe_cancel(struct participant *p); // the call that waits is told ABORTED
// ICE restart by an offer of ours: as soon as one can go out. One that is not answered yet is that
// one. False: no answer has set the transport up.
bool subscribe_restart(struct participant *p);
void subscription_free(void *subscription); // for the list
struct subscription *subscribe_find(const struct participant *p, const struct track *track);
struct subscription *subscribe_by_uid(const struct participant *p, const char *uid);
// The config follows the wishes.
void subscribe_set_wishes(struct subscription *s);
// And it goes into the epoch if the dataplane runs the subscription.
void subscribe_apply_wishes(struct subscription *s, struct link_epoch *e);
extern const struct media_transport_events subscribe_events;

// session_events.c: one message each on the session's stream; nothing happens without a stream.
void session_joined(struct participant *to, const struct participant *who);
void session_left(struct participant *to, const struct participant *who, const char *reason);
void session_track(struct participant *to, const struct track *t, bool is_new);
void session_unpublished(struct participant *to, const struct track *t);
void session_offer(struct participant *to, const char *sdp);
void session_ready(struct participant *to);
void session_subscription(struct participant *to, const struct subscription *s);
void session_layers(struct participant *to, const struct track *own);
void session_dominant_speaker(struct participant *to, const struct track *t);
void session_removed(struct participant *to, const char *reason); // and ends the stream
// Opens the stream: a snapshot, READY, then the offer. Replaces an earlier stream.
void session_watch(struct participant *p, struct rpc_call *call);

// layers.c: which encodings of what it publishes are wanted; its session is told.
struct node;
void layers_wanted(struct node *n, struct shm_ref track, uint64_t mask);
// The same of every track, from the states: events were lost.
void layers_read(struct node *n);

// mute.c, wishes.c: changes of the desired state; 'call' is ended when the dataplane has applied
// them.
typedef void (*track_answer_fn)(struct rpc_call *call, const struct track *t);
void track_mute(struct track *t, bool by_server, bool muted, struct rpc_call *call,
		track_answer_fn answer);
typedef void (*subscription_answer_fn)(struct rpc_call *call, const struct participant *p,
				       const struct subscription *s);
void subscription_wish(struct participant *p, struct subscription *s,
		       const struct subscription_wishes *wishes, unsigned mask, bool by_server,
		       struct rpc_call *call, subscription_answer_fn answer);
