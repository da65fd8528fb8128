// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/transport.h - transports, producers and consumers as integrators
// steer them.
//
// Place    transport_service.c and consumer_service.c take calls apart; this is what they act on. A
//          transport is carried by a participant: a room's, or one of a room nobody is shown. Its
//          producers are that participant's tracks, so that events, subscriptions and removal are
//          the same code for both layers.
// Thread   the API's GMainContext.
// Life     counted, as participants are: the node holds one count, calls under way hold more.
// 'gone'
//          is set first; whoever comes back with a count looks at that.
#pragma once

#include "controlplane/session/orphans.h"
#include "controlplane/session/participant.h"
#include "proto/api/sluice/v1/transport.pb-c.h"

#include <glib.h>
#include <stdbool.h>

enum {
	TRANSPORT_CONSUMERS_PER_CALL = 1024,
	TRANSPORT_CANDIDATES_PER_CALL = 32,
};

struct node;
struct transport;

struct producer {
	struct transport *on;
	char *id;
	char *name;
	struct track *track; // the participant's
};

struct consumer {
	unsigned count;
	bool gone;
	struct transport *on;
	char *id;
	char *name;
	char *uid;
	char *source; // as it was asked for
	struct track *track; // removed with it
	struct shm_ref ref;
	struct shm_subscription_config config;
	uint64_t generation;
	uint64_t applied_generation;
};

struct transport {
	unsigned count;
	bool gone;
	struct node *node;
	struct participant *member; // counted
	char *id;
	char *name;
	char *uid;
	bool plain;
	bool inactive;
	bool connected_once; // its peer is known
	bool moving; // plain: the epoch with its peer's address is under way
	Sluice__V1__DtlsParameters__Role dtls_role; // ours, once it is settled
	uint64_t serial; // in order of creation
	int64_t create_time_ms;
	uint64_t generation;
	uint64_t applied_generation;
	GHashTable *producers; // id -> struct producer, owned
	GHashTable *consumers; // id -> struct consumer, one count each
	bool made_room; // by the call that made it
	struct change_wait *waiting; // WebRTC: for the dataplane's word on the newest change
};

struct transports;
struct transports *transports_new(void);
void transports_free(struct transports **transports);

// The room of the transports that have none, which nobody can name; NULL until there was one.
struct room *transports_room(const struct node *node);

struct transport *transport_find(struct node *node, const char *id);
// In order of creation. Gives the list.
GList *transports_list(struct node *node);
unsigned transports_count(const struct node *node);

struct transport *transport_hold(struct transport *t);
void transport_drop(struct transport *t);
struct consumer *consumer_hold(struct consumer *c);
void consumer_drop(struct consumer *c);

// 'room' NULL: none. The id is free. Nothing is taken of the dataplane yet.
struct transport *transport_new(struct node *node, struct room *room, const char *id,
				const char *display_name, bool plain);
static inline struct media_transport *transport_media(struct transport *t)
{
	return &t->member->publish;
}
// With all it carries.
void transport_delete(struct transport *t, const char *reason);

// A port of the plain range for one that latches; 0: none is left. Freed with the transport.
uint16_t transport_take_plain_port(struct transport *t);

// producer.c
struct producer *producer_new(struct transport *t, const char *id, const struct sdp_track *media,
			      Sluice__V1__TrackSource source, bool paused);
void producer_delete(struct producer *p);

// consumer.c
struct consumer *consumer_new(struct transport *t, const char *id, struct track *track,
			      const char *source);
// Frees it; the record is removed by an epoch of its own.
void consumers_delete(GPtrArray *consumers);

// From the participants' side, and the link's.
void transports_detached(struct node *node); // no dataplane any more: all go
void transports_forget_track(struct node *node, const struct track *track); // it goes
void transport_member_leaves(struct transport *t); // its participant leaves
void transport_heard(struct node *node, struct shm_ref ref, bool active); // an event of the link

// messages.c. All give messages; free them with the _free functions.
Sluice__V1__Transport *transport_message(struct transport *t);
// Of one that an earlier control plane had made: 'o->transport' is its name.
Sluice__V1__Transport *transport_orphan_message(struct node *node, const struct orphan *o);
void transport_message_free(Sluice__V1__Transport *m);
Sluice__V1__Producer *producer_message(const struct producer *p);
void producer_message_free(Sluice__V1__Producer *m);
Sluice__V1__Consumer *consumer_message(const struct consumer *c);
void consumer_message_free(Sluice__V1__Consumer *m);
