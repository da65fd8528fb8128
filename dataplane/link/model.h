// SPDX-License-Identifier: Apache-2.0
//
// dataplane/link/model.h - main's view of what runs: one pointer per slot, and one epoch in the
// making.
//
// Between epochs the pointers equal those of the tables. While an epoch is built they are already
// what the epoch will make of them, so that its records may refer to each other; a refusal puts
// them back.
// Thread   main lcore only. Files: epochs.c (life), epoch_build.c (records), epoch_lists.c (fan-out
//          lists and links), record_check.c (fields).
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/tables/epoch.h"
#include "proto/shm/command.h"

#include <stdbool.h>

struct ssrc_list {
	uint32_t *ssrc;
	uint32_t count;
	uint32_t room;
};

struct model {
	struct dataplane *dp;
	const struct srtp_engine *engine;
	const struct transport_config **transports; // [limits.transports], NULL: free
	const struct track_config **tracks;
	const struct subscription_config **subscriptions;
	const struct transport_links **links; // [limits.transports], as published
	struct fanout_list **fanouts; // [limits.tracks * worker_count], as published
	uint32_t transports_end; // no slot at or above has ever been used
	uint32_t tracks_end;
	uint64_t track_changes; // epochs that changed a track
	uint32_t subscriptions_end;
	struct ssrc_list *sent_ssrcs; // [limits.transports]: ever sent under the transport's key
	uint32_t *encodings; // [limits.transports]: scratch of model_check_references()
	// Transport slot + 1 by internal port, or by the port of a plain one; 0: free.
	uint32_t by_port[65536];
	uint32_t plain_next; // worker of the next plain transport, modulo their number
	// Places of removed ufrags, released when every worker has passed an epoch.
	int32_t *ufrag_places;
	uint32_t ufrag_place_count;
	uint32_t ufrag_place_room;
};

// Builds the part of one op, in order. Returns SHM_REFUSAL_NONE or why not; what was built so far
// stays in 'e' for model_abort().
enum shm_refusal model_build_op(struct model *m, struct epoch *e, const struct shm_command *op);

// After the last op: nothing may refer to what the epoch removes, and no transport may receive more
// encodings than it has streams.
enum shm_refusal model_check_references(const struct model *m);

// Builds the fan-out lists and links the epoch changes, and the worker masks of its tracks.
enum shm_refusal model_build_lists(struct model *m, struct epoch *e);

// Swaps the tables' pointers to what 'e' built. Cannot fail.
void model_publish(struct model *m, struct epoch *e);

// Every worker is done: frees what 'e' replaced and clears removed slots.
void model_retire(struct model *m, struct epoch *e);

// Refused: frees what 'e' built and puts the model back.
void model_abort(struct model *m, struct epoch *e);

// Lets go of the ufrags and port of 'gone' that 'stays' (NULL: nothing) does not have.
void model_release_transport(struct model *m, const struct transport_config *gone,
			     const struct transport_config *stays);

// Refused: 'c' never sent under its SSRCs, which may come again.
void model_unspend_ssrcs(struct model *m, const struct subscription_config *c);

// Fills codec_by_pt from the record's codecs.
void model_track_index_codecs(struct track_config *c);

// Whether a ref of this epoch or of what runs is good.
const struct transport_config *model_transport(const struct model *m, struct shm_ref ref);
const struct track_config *model_track(const struct model *m, struct shm_ref ref);
