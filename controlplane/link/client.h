// SPDX-License-Identifier: Apache-2.0
// controlplane/link/client.h - attached to the dataplane: the segment, epochs out, events in.
//
// Place    session/ -> [client] -> the shared segment -> sluice-dataplane
// Thread   the API's GMainContext.
// Owns     the socket, the mapping, the eventfds. Reconnects by itself every half second.
// Trust    what is read from the segment is copied, then looked at; an index out of range is
// dropped.
#pragma once

#include "proto/shm/segment.h"

#include <glib.h>
#include <stdbool.h>

struct link_client;

struct link_client_callbacks {
	// The segment is mapped; its records may be read. Slots in use were made by someone before
	// us.
	void (*attached)(void *user);
	// The dataplane is gone. Pending epochs have been answered with LINK_GONE before this. What
	// it last said of states and counters can be read until this returns.
	void (*detached)(void *user);
	void (*event)(void *user, const struct shm_event *event);
	// Events were lost: read the state records again.
	void (*events_lost)(void *user);
};

// Starts connecting to the dataplane's Unix socket. Borrows 'callbacks'.
struct link_client *link_client_new(const char *socket_path,
				    const struct link_client_callbacks *callbacks, void *user);
void link_client_free(struct link_client **client);

// NULL while detached. Borrowed until detached().
const struct shm_view *link_client_view(const struct link_client *client);

// Copies of the dataplane's own lines. False if there is no consistent copy, or detached.
bool link_transport_state(const struct link_client *client, uint32_t index,
			  struct shm_transport_state *out);
bool link_track_state(const struct link_client *client, uint32_t index,
		      struct shm_track_state *out);
bool link_subscription_state(const struct link_client *client, uint32_t index,
			     struct shm_subscription_state *out);

// Copies of the counters. Each encoding says itself which generation of the track it counts.
bool link_track_stats(const struct link_client *client, struct shm_ref track,
		      struct shm_encoding_stats out[SHM_ENCODINGS_MAX]);
// False also if they are those of another generation.
bool link_subscription_stats(const struct link_client *client, struct shm_ref subscription,
			     struct shm_subscription_stats *out);

// How an epoch ended.
enum link_result_kind {
	LINK_APPLIED,
	LINK_REFUSED, // with 'refusal' and 'op'
	LINK_GONE, // no dataplane is attached, or it went before it answered
};
struct link_result {
	enum link_result_kind kind;
	enum shm_refusal refusal;
	uint32_t op; // counted from 0, in the order of the calls below
};
const char *link_result_text(const struct link_result *result); // a sentence for the API

// An epoch under construction. Configs are copied; 'generation' in them is set from the ref.
struct link_epoch;
struct link_epoch *link_epoch_new(struct link_client *client);
void link_epoch_transport(struct link_epoch *e, struct shm_ref ref,
			  const struct shm_transport_config *config);
void link_epoch_track(struct link_epoch *e, struct shm_ref ref,
		      const struct shm_track_config *config);
void link_epoch_subscription(struct link_epoch *e, struct shm_ref ref,
			     const struct shm_subscription_config *config);
void link_epoch_remove(struct link_epoch *e, enum shm_record_type type, struct shm_ref ref);
bool link_epoch_is_empty(const struct link_epoch *e);

// Completes an epoch just before it is pushed, when every epoch before it has been answered: what
// it then says of a record stands on what runs. Not called if the dataplane goes before that.
typedef void (*link_prepare_fn)(void *user, struct link_epoch *e);
void link_epoch_on_push(struct link_epoch *e, link_prepare_fn prepare, void *user);

// Takes 'e'. Epochs go one after the other, in the order submitted. 'done' may be NULL; it comes
// from the main loop, never from inside the call. An empty epoch is answered as applied. One that
// only removes and is refused for want of memory, or because something still refers to a record, is
// repeated for some seconds: nobody could do anything better about it.
typedef void (*link_done_fn)(void *user, const struct link_result *result);
void link_epoch_submit(struct link_epoch *e, link_done_fn done, void *user);
void link_epoch_discard(struct link_epoch *e);

// Slots. A ref of a free slot, or generation 0 if the table is full or nothing is attached. A slot
// that is handed out is taken until an applied epoch has removed its record, or until it is
// released because no epoch ever applied it.
struct shm_ref link_slot_take(struct link_client *client, enum shm_record_type type);
void link_slot_release(struct link_client *client, enum shm_record_type type, struct shm_ref ref);

// How many slots of a table are taken.
uint32_t link_slots_taken(const struct link_client *client, enum shm_record_type type);

// The opaque bytes kept with a transport (at most SHM_BLOB_BYTES - 16); NULL empties it.
void link_blob_write(struct link_client *client, struct shm_ref transport, const void *bytes,
		     size_t size);
// A copy for g_bytes_unref, or NULL if there is none or it is torn.
GBytes *link_blob_read(const struct link_client *client, struct shm_ref transport);
