// SPDX-License-Identifier: Apache-2.0
// controlplane/session/room_limits.c - a room's audio_top_n and video_last_n change while its
// tracks run.
//
// Place    room_service.c -> [room_limits] -> change.c -> the dataplane
// Order    the settings are the new ones at once, for tracks on their way; those that run get
// theirs
//          when all before them is settled.

#include "controlplane/session/node.h"
#include "controlplane/session/room.h"

struct limits {
	struct node *node;
	char *id; // of the room, and uid: it may be gone when the answer comes
	char *uid;
	Sluice__V1__Room *before;
};

static struct room *room_of(const struct limits *l)
{
	struct room *r = room_find(l->node, l->id);

	return r != NULL && g_str_equal(r->uid, l->uid) ? r : NULL;
}

static bool make(void *user, struct link_epoch *e)
{
	struct room *r = room_of(user);
	GHashTableIter it;
	gpointer value;

	if (r == NULL)
		return false;
	g_hash_table_iter_init(&it, r->participants);
	while (g_hash_table_iter_next(&it, NULL, &value)) {
		const struct participant *p = value;
		for (guint i = 0; i < p->tracks->len; i++) {
			struct track *t = p->tracks->pdata[i];
			if (t->live)
				publish_apply_track(t, e);
		}
	}
	return true;
}

static void applied(void *user)
{
	const struct room *r = room_of(user);

	if (r != NULL)
		watch_room(r, ROOM_CHANGED);
}

static void rolled_back(void *user)
{
	const struct limits *l = user;
	struct room *r = room_of(l);

	if (r != NULL)
		room_set(r, l->before, ROOM_FIELDS);
}

static void answer(void *user, struct rpc_call *call)
{
	const struct limits *l = user;
	const struct room *r = room_of(l);

	if (r == NULL) {
		rpc_call_fact(call, "resource", "rooms/%s", l->id);
		rpc_call_fail(call, RPC_NOT_FOUND, RPC_REASON(ROOM_NOT_FOUND),
			      "rooms/%s went while the call was running.", l->id);
		return;
	}
	Sluice__V1__Room *m = room_message(r);
	rpc_call_reply(call, &m->base);
	room_message_free(m);
}

static void limits_free(void *user)
{
	struct limits *l = user;

	room_message_free(l->before);
	g_free(l->id);
	g_free(l->uid);
	g_free(l);
}

static const struct change_steps steps = {
	.make = make,
	.applied = applied,
	.rolled_back = rolled_back,
	.answer = answer,
	.free = limits_free,
};

void room_apply_limits(struct room *r, Sluice__V1__Room *before, struct rpc_call *call)
{
	struct limits *l = g_new0(struct limits, 1);

	l->node = r->node;
	l->id = g_strdup(r->id);
	l->uid = g_strdup(r->uid);
	l->before = before;
	change_submit(r, call, r->name, &steps, l);
}
