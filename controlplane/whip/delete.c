// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/delete.c - DELETE on a session: answered when the dataplane has let go of it.
//
// Late     after CHANGE_PATIENCE_S the client is told to come back, and will find nothing; an event
//          tells when it was done.
// Spec     RFC 9725 4.2, RFC 7675 5.2 (immediate revocation of consent).
#include "controlplane/session/node.h"
#include "controlplane/session/room.h"
#include "controlplane/session/watch.h"
#include "controlplane/whip/reply.h"
#include "controlplane/whip/server.h"

struct farewell {
	struct node *node;
	char *room, *resource;
	uint64_t generation;
	struct http_exchange *x; // who waits, or NULL: nobody does any more
	unsigned patience; // GSource id, or 0
};

static struct http_exchange *stop_waiting(struct farewell *f)
{
	struct http_exchange *x = g_steal_pointer(&f->x);

	g_clear_handle_id(&f->patience, g_source_remove);
	if (x != NULL)
		x->sink = NULL;
	return x;
}

static void on_closed(void *data, bool complete)
{
	(void)complete;
	stop_waiting(data);
}

static gboolean on_patience(gpointer data)
{
	struct farewell *f = data;

	f->patience = 0; // this one ends by itself
	whip_refuse(stop_waiting(f), 503,
		    "The dataplane has not acknowledged the session's end within %d s: it stays "
		    "desired, and an event will say how it ended.",
		    CHANGE_PATIENCE_S);
	return G_SOURCE_REMOVE;
}

// What went with its dataplane is as good as removed.
static void on_done(void *user, const struct link_result *result)
{
	struct farewell *f = user;
	struct http_exchange *x = stop_waiting(f);

	(void)result;
	if (x != NULL)
		http_reply(x, 200, NULL, 0, NULL);
	else
		watch_change(f->node, f->room,
			     &(struct watch_outcome){
				     .method = "DELETE",
				     .resource = f->resource,
				     .generation = f->generation,
			     });
	g_free(f->room);
	g_free(f->resource);
	g_free(f);
}

void whip_delete(struct whip_session *s, struct http_exchange *x)
{
	static const struct http_sink sink = {.closed = on_closed};
	struct participant *p = participant_hold(s->p);
	struct farewell *f = g_new(struct farewell, 1);

	*f = (struct farewell){
		.node = p->node,
		.room = g_strdup(p->room->id),
		.resource = g_strdup(p->name),
		.generation = p->generations.desired,
		.x = x,
		.patience = g_timeout_add_seconds(CHANGE_PATIENCE_S, on_patience, f),
	};
	x->sink = &sink;
	x->sink_data = f;
	participant_leave(p, "left"); // and the session with it
	// Epochs are settled in order: so is all that it removes before this empty one.
	link_epoch_submit(link_epoch_new(p->node->link), on_done, f);
	participant_drop(p);
}
