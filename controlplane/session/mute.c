// SPDX-License-Identifier: Apache-2.0
// controlplane/session/mute.c - a track is muted, or no longer, by its publisher or by the server.
//
// Place    signalling_service.c and track_service.c -> [mute] -> change.c -> the dataplane

#include "controlplane/session/node.h"
#include "controlplane/session/participant.h"
#include "controlplane/session/room.h"

struct mute {
	struct participant *p; // one count
	char *uid; // of the track, which may be gone when it is looked for
	bool by_server, muted;
	bool was; // before
	uint64_t generation;
	track_answer_fn answer;
};

static struct track *track_of(const struct mute *m)
{
	return m->p->gone ? NULL : publish_track(m->p, m->uid);
}

static bool *flag_of(const struct mute *m, struct track *t)
{
	return m->by_server ? &t->server_muted : &t->muted;
}

static bool make(void *user, struct link_epoch *e)
{
	struct mute *m = user;
	struct track *t = track_of(m);

	if (t == NULL)
		return false;
	m->was = *flag_of(m, t);
	*flag_of(m, t) = m->muted;
	m->generation = t->generations.desired += m->was != m->muted;
	if (m->was != m->muted && t->ref.generation != 0)
		publish_apply_track(t, e);
	return true;
}

static void tell(const struct track *t)
{
	const struct participant *p = t->owner;
	GHashTableIter it;
	gpointer other;

	watch_track(t, ROOM_CHANGED);
	g_hash_table_iter_init(&it, p->room->participants);
	while (g_hash_table_iter_next(&it, NULL, &other))
		if (other != p)
			session_track(other, t, false);
}

static void applied(void *user)
{
	const struct mute *m = user;
	struct track *t = track_of(m);

	if (t == NULL)
		return;
	if (t->live)
		revision_applied(&t->generations, m->generation);
	if (t->live && m->was != m->muted)
		tell(t);
}

static void rolled_back(void *user)
{
	const struct mute *m = user;
	struct track *t = track_of(m);

	if (t == NULL || m->was == m->muted)
		return;
	*flag_of(m, t) = m->was;
	t->generations.desired++;
	if (t->live)
		revision_applied(&t->generations, t->generations.desired);
}

static void answer(void *user, struct rpc_call *call)
{
	const struct mute *m = user;
	const struct track *t = track_of(m);

	if (t != NULL)
		m->answer(call, t);
	else
		rpc_call_fail(call, RPC_ABORTED, RPC_REASON(PARTICIPANT_LEFT),
			      "The track went while the call was running.");
}

static void mute_free(void *user)
{
	struct mute *m = user;

	participant_drop(m->p);
	g_free(m->uid);
	g_free(m);
}

static const struct change_steps steps = {
	.make = make,
	.applied = applied,
	.rolled_back = rolled_back,
	.answer = answer,
	.free = mute_free,
};

void track_mute(struct track *t, bool by_server, bool muted, struct rpc_call *call,
		track_answer_fn answered)
{
	struct mute *m = g_new0(struct mute, 1);

	m->p = participant_hold(t->owner);
	m->uid = g_strdup(t->uid);
	m->by_server = by_server;
	m->muted = muted;
	m->answer = answered;
	change_submit(t->owner->room, call, t->name, &steps, m);
}
