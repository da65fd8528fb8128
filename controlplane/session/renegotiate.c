// SPDX-License-Identifier: Apache-2.0
// controlplane/session/renegotiate.c - later offers of a participant that publishes.
//
// Order    one epoch with all that the offer changes or brings, an ICE restart among it -> refused:
//          all is as before, the former description stays valid
//          -> applied: another one with the removal of what the offer ends -> the answer
// Why      a removal frees what it is about at once, here and with all subscribers: it could not be
//          taken back. The dataplane refuses none but for a moment.
// Thread   the API's GMainContext.

#include "controlplane/session/node.h"
#include "controlplane/session/publish_state.h"
#include "controlplane/session/room.h"

struct former {
	char *uid;
	struct sdp_track negotiated;
	Sluice__V1__TrackSource source;
	bool muted;
};

struct renegotiation {
	struct participant *p; // one count
	struct publish_offer offer; // of it 'described' alone, copied
	GArray *before; // struct former: the tracks as they were
	bool made;
	struct publish_applied *applied; // NULL: nothing of them runs yet
};

static void former_clear(gpointer former)
{
	g_free(((struct former *)former)->uid);
}

static void renegotiation_free(struct renegotiation *r)
{
	for (size_t i = 0; i < r->offer.described_count; i++) {
		g_free(r->offer.described[i]->mid);
		g_free(r->offer.described[i]);
	}
	g_free((gpointer)(uintptr_t)r->offer.described);
	g_array_unref(r->before);
	if (r->applied != NULL)
		publish_applied_free(r->applied);
	participant_drop(r->p);
	g_free(r);
}

static struct renegotiation *renegotiation_new(struct participant *p,
					       const struct publish_offer *offer)
{
	struct renegotiation *r = g_new0(struct renegotiation, 1);
	size_t count = offer->described_count;
	Sluice__V1__PublishedTrack **described = g_new0(Sluice__V1__PublishedTrack *, count + 1);

	for (size_t i = 0; i < count; i++) {
		described[i] = g_memdup2(offer->described[i], sizeof(*described[i]));
		described[i]->mid = g_strdup(offer->described[i]->mid);
	}
	r->p = participant_hold(p);
	r->offer = (struct publish_offer){.described = described, .described_count = count};
	r->before = g_array_new(FALSE, FALSE, sizeof(struct former));
	g_array_set_clear_func(r->before, former_clear);
	return r;
}

static void on_renegotiation_push(void *user, struct link_epoch *e)
{
	struct renegotiation *r = user;
	struct participant *p = r->p;

	r->made = !p->gone;
	if (!r->made)
		return;
	for (guint i = 0; i < p->tracks->len; i++) {
		const struct track *t = p->tracks->pdata[i];
		const struct former f = {g_strdup(t->uid), t->negotiated, t->source, t->muted};
		g_array_append_val(r->before, f);
	}
	publish_merge(p, &r->offer);
	if (p->publish.phase == MEDIA_CONNECTED)
		r->applied = publish_apply(p, e);
	if (p->publication->ice_restart)
		media_transport_restart_stage(&p->publish, e);
}

static struct former *former_of(const struct renegotiation *r, const struct track *t)
{
	for (guint i = 0; i < r->before->len; i++) {
		struct former *f = &g_array_index(r->before, struct former, i);
		if (g_str_equal(f->uid, t->uid))
			return f;
	}
	return NULL;
}

static void take_back(struct renegotiation *r)
{
	struct participant *p = r->p;
	struct link_epoch *e = link_epoch_new(p->node->link);

	for (guint i = p->tracks->len; i-- > 0;) {
		struct track *t = p->tracks->pdata[i];
		const struct former *f = former_of(r, t);
		if (f == NULL) {
			publish_remove_track(t, e); // only frees the slot: it never ran
			continue;
		}
		t->negotiated = f->negotiated;
		t->source = f->source;
		t->muted = f->muted;
	}
	room_submit(p->room, e);
}

// Epochs are settled in order: so is the removal before this empty one.
static void on_tracks_removed(void *user, const struct link_result *result)
{
	struct participant *p = user;

	(void)result;
	if (!p->gone)
		publish_settle(p);
	participant_drop(p);
}

static void on_renegotiated(void *user, const struct link_result *result)
{
	struct renegotiation *r = user;
	struct participant *p = r->p;

	if (!p->gone && p->publication->ice_restart)
		media_transport_restart_settle(&p->publish, result);
	if (!p->gone && result->kind == LINK_APPLIED) {
		struct link_epoch *e = link_epoch_new(p->node->link);
		if (r->applied != NULL)
			publish_applied(r->applied);
		publish_remove(p, e);
		room_submit(p->room, e);
		link_epoch_submit(link_epoch_new(p->node->link), on_tracks_removed,
				  participant_hold(p));
	} else if (!p->gone) {
		if (r->made)
			take_back(r);
		offer_refuse_result(p, result);
		sdp_publication_destroy(&p->publication);
	}
	renegotiation_free(r);
}

void publish_renegotiate(struct participant *p, const struct publish_offer *offer)
{
	struct link_epoch *e;

	if (p->publication->ice_restart &&
	    !media_transport_restart_begin(&p->publish, &p->publication->ice)) {
		offer_refuse_open(p, "there are no random bytes");
		sdp_publication_destroy(&p->publication);
		return;
	}
	e = link_epoch_new(p->node->link);
	struct renegotiation *r = renegotiation_new(p, offer);
	link_epoch_on_push(e, on_renegotiation_push, r);
	link_epoch_submit(e, on_renegotiated, r);
}
