// SPDX-License-Identifier: Apache-2.0
// controlplane/session/orphans.c - finding, showing and finally removing orphans.

#include "controlplane/session/orphans.h"

#include "controlplane/ops/log.h"
#include "controlplane/session/node.h"
#include "controlplane/session/participant.h"

#include <string.h>

struct orphans {
	struct node *node;
	GPtrArray *list; // struct orphan
};

static void orphan_free(gpointer data)
{
	struct orphan *o = data;

	g_free(o->transport);
	g_free(o->transport_uid);
	g_free(o->room);
	g_free(o->participant);
	g_free(o->uid);
	g_free(o->display_name);
	g_free(o);
}

struct orphans *orphans_new(struct node *node)
{
	struct orphans *o = g_new0(struct orphans, 1);

	o->node = node;
	o->list = g_ptr_array_new_with_free_func(orphan_free);
	return o;
}

void orphans_free(struct orphans **orphans)
{
	if (*orphans != NULL)
		g_ptr_array_unref((*orphans)->list);
	g_clear_pointer(orphans, g_free);
}

static void read_blob(struct orphans *os, struct orphan *o)
{
	GBytes *bytes = link_blob_read(os->node->link, o->ref);

	if (bytes == NULL)
		return;
	// Not trusted to be in normal form: GVariant checks as it reads.
	GVariant *v =
		g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE_VARDICT, bytes, FALSE));
	g_variant_lookup(v, "transport", "s", &o->transport);
	g_variant_lookup(v, "transport_uid", "s", &o->transport_uid);
	g_variant_lookup(v, "room", "s", &o->room);
	g_variant_lookup(v, "participant", "s", &o->participant);
	g_variant_lookup(v, "uid", "s", &o->uid);
	g_variant_lookup(v, "display_name", "s", &o->display_name);
	g_variant_lookup(v, "join_time_ms", "x", &o->join_time_ms);
	g_variant_lookup(v, "publishes", "b", &o->publishes);
	g_variant_unref(v);
	g_bytes_unref(bytes);
}

void orphans_clear(struct orphans *o)
{
	g_ptr_array_set_size(o->list, 0);
}

void orphans_find(struct orphans *os)
{
	const struct shm_view *view = link_client_view(os->node->link);
	struct shm_transport_state state;

	orphans_clear(os);
	for (uint32_t i = 0; view != NULL && i < view->limits.transports; i++) {
		if (!link_transport_state(os->node->link, i, &state) ||
		    state.phase == SHM_PHASE_FREE ||
		    g_hash_table_contains(os->node->transports, GUINT_TO_POINTER(i)))
			continue;
		struct orphan *o = g_new0(struct orphan, 1);
		o->ref = (struct shm_ref){i, state.generation};
		o->port = view->transports[i].config.internal_port;
		ports_reserve(os->node->ports, o->port);
		read_blob(os, o);
		g_ptr_array_add(os->list, o);
	}
	if (os->list->len > 0)
		log_info("session",
			 "%u transports of an earlier control plane are still running; each is "
			 "freed "
			 "when its consent expires",
			 os->list->len);
	orphans_check(os);
}

static bool refers(struct shm_ref a, struct shm_ref b)
{
	return a.index == b.index && a.generation == b.generation;
}

// Removes the transport with its tracks, every subscription on it and every one to its tracks.
static void remove_orphan(struct orphans *os, const struct orphan *o, link_done_fn done, void *user)
{
	const struct shm_view *view = link_client_view(os->node->link);
	struct link_epoch *e = link_epoch_new(os->node->link);
	struct shm_track_state track;
	struct shm_subscription_state subscription;

	for (uint32_t i = 0; i < view->limits.subscriptions; i++) {
		struct shm_subscription_config *c = &view->subscriptions[i].config;
		if (!link_subscription_state(os->node->link, i, &subscription) ||
		    subscription.generation == 0 || subscription.generation != c->generation ||
		    c->track.index >= view->limits.tracks)
			continue;
		if (refers(c->transport, o->ref) ||
		    refers(view->tracks[c->track.index].config.transport, o->ref))
			link_epoch_remove(e, SHM_RECORD_SUBSCRIPTION,
					  (struct shm_ref){i, c->generation});
	}
	for (uint32_t i = 0; i < view->limits.tracks; i++) {
		const struct shm_track_config *c = &view->tracks[i].config;
		if (link_track_state(os->node->link, i, &track) && track.generation != 0 &&
		    track.generation == c->generation && refers(c->transport, o->ref))
			link_epoch_remove(e, SHM_RECORD_TRACK, (struct shm_ref){i, c->generation});
	}
	link_epoch_remove(e, SHM_RECORD_TRANSPORT, o->ref);
	link_epoch_submit(e, done, user);
	ports_release(os->node->ports, o->port);
	log_info("session", "orphan %s/%s: freed", o->room != NULL ? o->room : "?",
		 o->participant != NULL ? o->participant : "?");
}

void orphans_expired(struct orphans *os, struct shm_ref transport)
{
	for (guint i = 0; i < os->list->len; i++) {
		struct orphan *o = os->list->pdata[i];
		if (!refers(o->ref, transport))
			continue;
		remove_orphan(os, o, NULL, NULL);
		g_ptr_array_remove_index(os->list, i);
		return;
	}
}

void orphans_check(struct orphans *os)
{
	struct shm_transport_state state;

	for (guint i = os->list->len; i-- > 0;) {
		const struct orphan *o = os->list->pdata[i];
		if (!link_transport_state(os->node->link, o->ref.index, &state))
			continue;
		// One that was never established has no consent to lose and no one to end it.
		if (state.phase != SHM_PHASE_ESTABLISHED || state.generation != o->ref.generation)
			orphans_expired(os, o->ref);
	}
}

const struct orphan *orphans_transport(const struct orphans *os, const char *name)
{
	for (guint i = 0; i < os->list->len; i++) {
		const struct orphan *o = os->list->pdata[i];
		if (g_strcmp0(o->transport, name) == 0)
			return o;
	}
	return NULL;
}

void orphans_remove(struct orphans *os, const struct orphan *o, link_done_fn done, void *user)
{
	remove_orphan(os, o, done, user);
	g_ptr_array_remove(os->list, (gpointer)(uintptr_t)o);
}

const GPtrArray *orphans_all(const struct orphans *o)
{
	return o->list;
}

unsigned orphans_count(const struct orphans *o)
{
	return o->list->len;
}

GPtrArray *orphans_messages(const struct orphans *os, const char *room)
{
	GPtrArray *messages = g_ptr_array_new();

	for (guint i = 0; i < os->list->len; i++) {
		const struct orphan *o = os->list->pdata[i];
		if (o->room == NULL || o->room[0] == '\0' || o->participant == NULL ||
		    o->uid == NULL || (room != NULL && !g_str_equal(room, o->room)))
			continue;
		Sluice__V1__Participant *m = g_new(Sluice__V1__Participant, 1);
		sluice__v1__participant__init(m);
		m->name = g_strdup_printf("rooms/%s/participants/%s", o->room, o->participant);
		m->uid = g_strdup(o->uid);
		m->display_name = g_strdup(o->display_name != NULL ? o->display_name : "");
		m->join_time_ms = o->join_time_ms;
		m->orphan = true;
		m->tracks = NULL;
		*(o->publishes ? &m->publish_transport : &m->subscribe_transport) =
			SLUICE__V1__TRANSPORT_STATE__TRANSPORT_STATE_CONNECTED;
		g_ptr_array_add(messages, m);
	}
	return messages;
}
