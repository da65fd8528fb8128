// SPDX-License-Identifier: Apache-2.0
// controlplane/session/layers.c - from what the dataplane says somebody wants of a track to the
// session that publishes it.
//
// Who      simulcast tracks of sessions. WHIP and TransportService have no stream to ask by:
//          their publishers go on as they do.

#include "controlplane/session/node.h"
#include "controlplane/session/participant.h"

// The participant whose publish transport the track came in on, as our own record of it says.
static struct participant *publisher_of(struct node *n, struct shm_ref track)
{
	const struct shm_view *view = link_client_view(n->link);

	if (view == NULL || track.index >= view->limits.tracks)
		return NULL;
	uint32_t slot = view->tracks[track.index].config.transport.index;
	struct media_transport *t = g_hash_table_lookup(n->transports, GUINT_TO_POINTER(slot));
	return t != NULL ? t->user : NULL;
}

static void set_wanted(struct participant *p, struct track *t, uint64_t mask)
{
	if (t->layers_wanted == (uint8_t)mask || t->negotiated.encoding_count < 2)
		return;
	t->layers_wanted = (uint8_t)mask;
	session_layers(p, t);
}

void layers_wanted(struct node *n, struct shm_ref track, uint64_t mask)
{
	struct participant *p = publisher_of(n, track);

	for (guint i = 0; p != NULL && i < p->tracks->len; i++) {
		struct track *t = p->tracks->pdata[i];
		if (t->ref.index == track.index && t->ref.generation == track.generation)
			set_wanted(p, t, mask);
	}
}

void layers_read(struct node *n)
{
	GHashTableIter it;
	gpointer transport;

	g_hash_table_iter_init(&it, n->transports);
	while (g_hash_table_iter_next(&it, NULL, &transport)) {
		struct participant *p = ((struct media_transport *)transport)->user;
		for (guint i = 0; i < p->tracks->len; i++) {
			struct track *t = p->tracks->pdata[i];
			struct shm_track_state state;
			if (t->ref.generation != 0 &&
			    link_track_state(n->link, t->ref.index, &state) &&
			    state.generation == t->ref.generation && state.layers_wanted != 0)
				set_wanted(p, t, state.layers_wanted);
		}
	}
}
