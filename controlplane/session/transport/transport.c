// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/transport.c - transports by id, and their life.

#include "controlplane/session/transport/transport.h"

#include "controlplane/session/names.h"
#include "controlplane/session/node.h"
#include "controlplane/session/room.h"
#include "controlplane/session/transport/neighbours.h"

#include <stdalign.h>

struct transports {
	GHashTable *by_id; // struct transport, one count each
	GHashTable *by_track; // struct track -> GPtrArray of struct consumer, borrowed
	struct room *alone; // the room of those that have none; NULL until it is needed
	struct ports *ports; // the plain range
	uint64_t made;
};

static void give_up(gpointer t)
{
	transport_drop(t);
}

struct transports *transports_new(void)
{
	struct transports *ts = g_new0(struct transports, 1);

	ts->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, give_up);
	ts->by_track = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
	return ts;
}

void transports_free(struct transports **transports)
{
	struct transports *ts = *transports;

	*transports = NULL;
	if (ts == NULL)
		return;
	g_hash_table_unref(ts->by_id);
	g_hash_table_unref(ts->by_track);
	if (ts->alone != NULL)
		room_free(ts->alone);
	ports_free(&ts->ports);
	g_free(ts);
}

struct transport *transport_find(struct node *node, const char *id)
{
	return g_hash_table_lookup(node->api->by_id, id);
}

static gint by_serial(gconstpointer a, gconstpointer b)
{
	const struct transport *x = a;
	const struct transport *y = b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

GList *transports_list(struct node *node)
{
	return g_list_sort(g_hash_table_get_values(node->api->by_id), by_serial);
}

unsigned transports_count(const struct node *node)
{
	return g_hash_table_size(node->api->by_id);
}

struct transport *transport_hold(struct transport *t)
{
	t->count++;
	return t;
}

void transport_drop(struct transport *t)
{
	if (--t->count != 0)
		return;
	g_hash_table_unref(t->producers);
	g_hash_table_unref(t->consumers);
	participant_drop(t->member);
	g_free(t->id);
	g_free(t->name);
	g_free(t->uid);
	g_free(t);
}

static void producer_free(gpointer data)
{
	struct producer *p = data;

	g_free(p->id);
	g_free(p->name);
	g_free(p);
}

struct room *transports_room(const struct node *node)
{
	return node->api->alone;
}

static void consumer_give_up(gpointer c)
{
	consumer_drop(c);
}

struct transport *transport_new(struct node *node, struct room *room, const char *id,
				const char *display_name, bool plain)
{
	struct transports *ts = node->api;
	struct transport *t = g_new0(struct transport, 1);

	if (room == NULL && ts->alone == NULL)
		ts->alone = room_create_hidden(node);
	t->count = 1;
	t->node = node;
	t->id = g_strdup(id);
	t->name = g_strdup_printf("transports/%s", id);
	t->uid = name_random(16);
	t->plain = plain;
	t->serial = ++ts->made;
	t->generation = 1;
	t->producers = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, producer_free);
	t->consumers = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, consumer_give_up);
	t->member = participant_hold(
		participant_new(room != NULL ? room : ts->alone, id, display_name));
	t->member->transport = t;
	t->create_time_ms = t->member->join_time_ms;
	if (room == NULL) {
		g_free(t->member->name);
		t->member->name = g_strdup(t->name);
	}
	g_hash_table_insert(ts->by_id, t->id, t);
	return t;
}

void transports_detached(struct node *node)
{
	GList *all = transports_list(node);

	for (GList *i = all; i != NULL; i = i->next)
		transport_delete(i->data, "dataplane gone");
	g_list_free(all);
	ports_free(&node->api->ports);
}

void transport_delete(struct transport *t, const char *reason)
{
	participant_leave(t->member, reason);
}

// The range is the dataplane's; it is the same for the life of a segment.
static struct ports *plain_ports(struct node *node)
{
	const struct shm_view *v = link_client_view(node->link);

	if (node->api->ports == NULL && v != NULL && v->header->plain_port_first != 0)
		node->api->ports =
			ports_new(v->header->plain_port_first, v->header->plain_port_last);
	return node->api->ports;
}

uint16_t transport_take_plain_port(struct transport *t)
{
	struct ports *ports = plain_ports(t->node);

	return ports != NULL ? ports_take(ports) : 0;
}

static void release_port(struct transport *t)
{
	uint16_t port = transport_media(t)->config.selected_local.port;

	// The public port lies outside the range, and is no business of it.
	if (t->node->api->ports != NULL)
		ports_release(t->node->api->ports, port);
}

struct producer *producer_new(struct transport *t, const char *id, const struct sdp_track *media,
			      Sluice__V1__TrackSource source, bool paused)
{
	struct producer *p = g_new0(struct producer, 1);

	p->on = t;
	p->id = g_strdup(id);
	p->name = g_strdup_printf("%s/producers/%s", t->name, id);
	p->track = publish_new_track(t->member, id, media);
	if (source != SLUICE__V1__TRACK_SOURCE__TRACK_SOURCE_UNSPECIFIED)
		p->track->source = source;
	p->track->muted = paused;
	if (room_is_hidden(t->member->room)) {
		g_free(p->track->name);
		p->track->name = g_strdup(p->name);
	}
	g_hash_table_insert(t->producers, p->id, p);
	return p;
}

void producer_delete(struct producer *p)
{
	struct transport *t = p->on;
	struct link_epoch *e = link_epoch_new(t->node->link);

	publish_remove_track(p->track, e); // and with it 'p': transports_forget_track()
	room_submit(t->member->room, e);
}

struct consumer *consumer_hold(struct consumer *c)
{
	c->count++;
	return c;
}

void consumer_drop(struct consumer *c)
{
	if (--c->count != 0)
		return;
	g_free(c->id);
	g_free(c->name);
	g_free(c->uid);
	g_free(c->source);
	g_aligned_free(c);
}

struct consumer *consumer_new(struct transport *t, const char *id, struct track *track,
			      const char *source)
{
	struct transports *ts = t->node->api;
	struct consumer *c = g_aligned_alloc0(1, sizeof(*c), alignof(struct consumer));
	GPtrArray *of_track = g_hash_table_lookup(ts->by_track, track);

	c->count = 1;
	c->on = t;
	c->id = g_strdup(id);
	c->name = g_strdup_printf("%s/consumers/%s", t->name, id);
	c->uid = name_random(16);
	c->source = g_strdup(source);
	c->track = track;
	c->generation = 1;
	g_hash_table_insert(t->consumers, c->id, c);
	if (of_track == NULL) {
		of_track = g_ptr_array_new();
		g_hash_table_insert(ts->by_track, track, of_track);
	}
	g_ptr_array_add(of_track, c);
	return c;
}

static void forget(struct consumer *c, struct link_epoch *e)
{
	struct transports *ts = c->on->node->api;
	GPtrArray *of_track = g_hash_table_lookup(ts->by_track, c->track);

	c->gone = true;
	if (c->ref.generation != 0)
		link_epoch_remove(e, SHM_RECORD_SUBSCRIPTION, c->ref);
	if (of_track != NULL && g_ptr_array_remove_fast(of_track, c) && of_track->len == 0)
		g_hash_table_remove(ts->by_track, c->track);
	g_hash_table_remove(c->on->consumers, c->id); // may free it
}

void consumers_delete(GPtrArray *consumers)
{
	for (guint i = 0; i < consumers->len;) {
		struct consumer *first = consumers->pdata[i];
		struct link_client *link = first->on->node->link;
		struct link_epoch *e = link_epoch_new(link);
		// An epoch takes so many operations and no more.
		for (guint n = 0; n < SHM_EPOCH_OPS_MAX / 2 && i < consumers->len; n++, i++)
			forget(consumers->pdata[i], e);
		link_epoch_submit(e, NULL, NULL);
	}
}

static void consumers_of_track(struct node *node, const struct track *track)
{
	GPtrArray *of_track = g_hash_table_lookup(node->api->by_track, track);

	if (of_track == NULL)
		return;
	GPtrArray *all = g_ptr_array_copy(of_track, NULL, NULL);
	consumers_delete(all);
	g_ptr_array_unref(all);
}

void transports_forget_track(struct node *node, const struct track *track)
{
	GHashTableIter it;
	gpointer p;

	consumers_of_track(node, track);
	if (track->owner->transport == NULL)
		return;
	g_hash_table_iter_init(&it, track->owner->transport->producers);
	while (g_hash_table_iter_next(&it, NULL, &p))
		if (((struct producer *)p)->track == track)
			g_hash_table_iter_remove(&it);
}

static void stop_waiting(struct transport *t)
{
	struct change_wait *w = g_steal_pointer(&t->waiting);
	struct rpc_call *call = w != NULL ? change_wait_take(w) : NULL;

	if (call != NULL)
		rpc_call_fail(call, RPC_ABORTED, RPC_REASON(PARTICIPANT_LEFT), "%s has ended.",
			      t->name);
	if (w != NULL)
		change_wait_end(w, t->generation, "it has ended");
}

void transport_member_leaves(struct transport *t)
{
	GPtrArray *all = g_ptr_array_new();
	GHashTableIter it;
	gpointer c;

	t->gone = true;
	t->member->transport = NULL;
	g_hash_table_iter_init(&it, t->consumers);
	while (g_hash_table_iter_next(&it, NULL, &c))
		g_ptr_array_add(all, c);
	consumers_delete(all);
	g_ptr_array_unref(all);
	neighbours_unwatch(t->node->neighbours, t);
	if (t->plain)
		release_port(t);
	stop_waiting(t);
	g_hash_table_remove(t->node->api->by_id, t->id); // may free it
}

void transport_heard(struct node *node, struct shm_ref ref, bool active)
{
	struct media_transport *m =
		g_hash_table_lookup(node->transports, GUINT_TO_POINTER(ref.index));
	struct participant *p = m != NULL ? m->user : NULL;

	if (p == NULL || m->ref.generation != ref.generation || p->transport == NULL)
		return;
	p->transport->inactive = !active;
	watch_participant(p, ROOM_CHANGED, active ? "active" : "inactive");
}
