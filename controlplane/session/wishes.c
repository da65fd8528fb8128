// SPDX-License-Identifier: Apache-2.0
// controlplane/session/wishes.c - what is wanted of a subscription, by its subscriber or the
// server.
//
// Place    signalling_service.c and track_service.c -> [wishes] -> change.c -> the dataplane

#include "controlplane/session/node.h"
#include "controlplane/session/participant.h"
#include "controlplane/session/room.h"

#include <string.h>

struct wish {
	struct participant *p; // the subscriber; one count
	char *uid; // of the subscription, which may be gone when it is looked for
	struct subscription_wishes wishes, were;
	unsigned mask; // which of them are set: enum wish_field
	bool by_server;
	uint64_t generation;
	subscription_answer_fn answer;
};

static struct subscription *subscription_of(const struct wish *w)
{
	return w->p->gone ? NULL : subscribe_by_uid(w->p, w->uid);
}

static bool layer_equal(const struct layer_wish *a, const struct layer_wish *b)
{
	return a->is_set == b->is_set && a->spatial == b->spatial && a->temporal == b->temporal;
}

static bool changes(const struct wish *w)
{
	return w->wishes.paused != w->were.paused || w->wishes.priority != w->were.priority ||
	       w->wishes.tile_pixels != w->were.tile_pixels ||
	       !layer_equal(&w->wishes.wanted, &w->were.wanted) ||
	       !layer_equal(&w->wishes.minimum, &w->were.minimum) ||
	       !layer_equal(&w->wishes.maximum, &w->were.maximum);
}

static struct subscription_wishes merge(const struct wish *w)
{
	struct subscription_wishes all = w->were;

	if ((w->mask & WISH_PAUSED) != 0)
		all.paused = w->wishes.paused;
	if ((w->mask & WISH_PRIORITY) != 0)
		all.priority = w->wishes.priority;
	if ((w->mask & WISH_TILE_PIXELS) != 0)
		all.tile_pixels = w->wishes.tile_pixels;
	if ((w->mask & WISH_WANTED) != 0)
		all.wanted = w->wishes.wanted;
	if ((w->mask & WISH_MINIMUM) != 0)
		all.minimum = w->wishes.minimum;
	if ((w->mask & WISH_MAXIMUM) != 0)
		all.maximum = w->wishes.maximum;
	return all;
}

static bool make(void *user, struct link_epoch *e)
{
	struct wish *w = user;
	struct subscription *s = subscription_of(w);

	if (s == NULL)
		return false;
	w->were = s->wishes;
	w->wishes = merge(w);
	s->wishes = w->wishes;
	w->generation = s->generations.desired += changes(w);
	subscribe_apply_wishes(s, e);
	return true;
}

static void applied(void *user)
{
	const struct wish *w = user;
	struct subscription *s = subscription_of(w);

	if (s == NULL || !changes(w))
		return;
	if (s->state == SUBSCRIPTION_APPLIED)
		revision_applied(&s->generations, w->generation);
	watch_subscription(w->p, s);
	if (w->by_server)
		session_subscription(w->p, s);
}

static void rolled_back(void *user)
{
	const struct wish *w = user;
	struct subscription *s = subscription_of(w);

	if (s == NULL || !changes(w))
		return;
	s->wishes = w->were;
	subscribe_set_wishes(s);
	s->generations.desired++;
	if (s->state == SUBSCRIPTION_APPLIED)
		revision_applied(&s->generations, s->generations.desired);
}

static void answer(void *user, struct rpc_call *call)
{
	const struct wish *w = user;
	const struct subscription *s = subscription_of(w);

	if (s != NULL)
		w->answer(call, w->p, s);
	else
		rpc_call_fail(call, RPC_ABORTED, RPC_REASON(PARTICIPANT_LEFT),
			      "The subscription went while the call was running.");
}

static void wish_free(void *user)
{
	struct wish *w = user;

	participant_drop(w->p);
	g_free(w->uid);
	g_free(w);
}

static const struct change_steps steps = {
	.make = make,
	.applied = applied,
	.rolled_back = rolled_back,
	.answer = answer,
	.free = wish_free,
};

void subscription_wish(struct participant *p, struct subscription *s,
		       const struct subscription_wishes *wishes, unsigned mask, bool by_server,
		       struct rpc_call *call, subscription_answer_fn answered)
{
	struct wish *w = g_new0(struct wish, 1);

	w->p = participant_hold(p);
	w->uid = g_strdup(s->uid);
	w->wishes = *wishes;
	w->mask = mask;
	w->by_server = by_server;
	w->answer = answered;
	change_submit(p->room, call, s->track->name, &steps, w);
}
