// SPDX-License-Identifier: Apache-2.0
// controlplane/session/publish.c - the half of a participant that sends: offer in, answer out,
// tracks.
//
// Order    offer -> transport announced -> answer -> ICE, DTLS -> one epoch with keys and tracks ->
//          everybody else is offered the tracks. Later offers: renegotiate.c.

#include "controlplane/ops/log.h"
#include "controlplane/session/names.h"
#include "controlplane/session/node.h"
#include "controlplane/session/participant.h"
#include "controlplane/session/player.h"
#include "controlplane/session/publish_state.h"
#include "controlplane/session/room.h"
#include "controlplane/session/transport/transport.h"

#include <errno.h>
#include <string.h>

static struct track *track_by_mid(const struct participant *p, const char *mid)
{
	for (guint i = 0; i < p->tracks->len; i++) {
		struct track *t = p->tracks->pdata[i];
		if (strcmp(t->negotiated.mid, mid) == 0)
			return t;
	}
	return NULL;
}

static Sluice__V1__TrackSource source_of(const struct sdp_track *n)
{
	return n->kind == SDP_AUDIO ? SLUICE__V1__TRACK_SOURCE__TRACK_SOURCE_MICROPHONE
				    : SLUICE__V1__TRACK_SOURCE__TRACK_SOURCE_CAMERA;
}

struct track *publish_new_track(struct participant *p, const char *id, const struct sdp_track *n)
{
	struct track *t = g_new0(struct track, 1);

	t->owner = p;
	t->uid = name_random(16);
	t->id = g_strdup(id);
	t->name = g_strdup_printf("%s/tracks/%s", p->name, t->id);
	t->negotiated = *n;
	t->source = source_of(n);
	t->generations.desired = 1;
	g_ptr_array_add(p->tracks, t);
	return t;
}

static struct track *track_new(struct participant *p, const struct sdp_track *n)
{
	// Two tracks in a row on one m-line are two resources. A mid may hold more than an id.
	char *distinct = name_random(4);
	char *id = g_strdup_printf("%s-%s", n->mid, distinct);

	g_strcanon(id, NAME_ID_CHARS, '_');
	struct track *t = publish_new_track(p, id, n);
	g_free(distinct);
	g_free(id);
	return t;
}

static void track_free(struct track *t)
{
	g_free(t->id);
	g_free(t->name);
	g_free(t->uid);
	g_free(t);
}

static void track_config(const struct track *t, struct shm_track_config *c)
{
	const struct sdp_track *n = &t->negotiated;

	memset(c, 0, sizeof(*c));
	c->kind = n->kind == SDP_AUDIO ? SHM_KIND_AUDIO : SHM_KIND_VIDEO;
	c->muted = t->muted || t->server_muted;
	c->codec_count = (uint8_t)n->codec_count;
	c->encoding_count = (uint8_t)n->encoding_count;
	c->transport = t->owner->publish.ref;
	memcpy(c->mid, n->mid, MIN(strlen(n->mid), sizeof(c->mid)));
	c->ext = n->ext;
	c->feedback = n->feedback;
	c->room = t->owner->room->number;
	c->audio_top_n = t->owner->room->audio_top_n;
	c->video_last_n = t->owner->room->video_last_n;
	for (size_t i = 0; i < n->codec_count; i++)
		c->codecs[i] = (struct shm_track_codec){
			.pt = n->codecs[i].pt,
			.codec = (uint8_t)n->codecs[i].codec,
			.rtx_pt = n->codecs[i].rtx,
			.clock_rate = n->codecs[i].clock_rate,
		};
	for (size_t i = 0; i < n->encoding_count; i++) {
		const struct sdp_encoding *from = &n->encodings[i];
		c->encodings[i].ssrc = from->ssrc;
		c->encodings[i].rtx_ssrc = from->rtx_ssrc;
		memcpy(c->encodings[i].rid, from->rid,
		       MIN(strlen(from->rid), sizeof(c->encodings[i].rid)));
	}
}

bool publish_apply_track(struct track *t, struct link_epoch *e)
{
	struct shm_track_config c;

	if (t->ref.generation == 0)
		t->ref = link_slot_take(t->owner->node->link, SHM_RECORD_TRACK);
	if (t->ref.generation == 0) {
		log_warning("session", "%s: the limit of tracks is reached", t->name);
		return false;
	}
	track_config(t, &c);
	link_epoch_track(e, t->ref, &c);
	return true;
}

void publish_remove_track(struct track *t, struct link_epoch *e)
{
	struct participant *p = t->owner;
	GHashTableIter it;
	gpointer other;

	g_hash_table_iter_init(&it, p->room->participants);
	while (g_hash_table_iter_next(&it, NULL, &other)) {
		subscribe_forget(other, t, e);
		player_forget(other, t);
	}
	transports_forget_track(p->node, t);
	if (p->room->dominant == t)
		p->room->dominant = NULL;
	if (t->ref.generation != 0)
		link_epoch_remove(e, SHM_RECORD_TRACK, t->ref);
	if (t->live) {
		summary_note_track(&p->summary, t);
		watch_track(t, ROOM_REMOVED);
	}
	g_ptr_array_remove(p->tracks, t);
	track_free(t);
}

struct track *publish_track(const struct participant *p, const char *uid)
{
	for (guint i = 0; i < p->tracks->len; i++) {
		struct track *t = p->tracks->pdata[i];
		if (strcmp(t->uid, uid) == 0)
			return t;
	}
	return NULL;
}

void publish_applied_free(struct publish_applied *a)
{
	g_ptr_array_unref(a->uids);
	participant_drop(a->p);
	g_free(a);
}

// Every track with all it is now.
struct publish_applied *publish_apply(struct participant *p, struct link_epoch *e)
{
	struct publish_applied *a = g_new0(struct publish_applied, 1);

	a->p = participant_hold(p);
	a->uids = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < p->tracks->len; i++) {
		struct track *t = p->tracks->pdata[i];
		if (publish_apply_track(t, e))
			g_ptr_array_add(a->uids, g_strdup(t->uid));
	}
	room_changed(p->room);
	a->generation = p->room->generation;
	return a;
}

void publish_applied(const struct publish_applied *a)
{
	struct participant *p = a->p;

	room_applied(p->room, a->generation);
	p->generations.applied = ++p->generations.desired;
	participant_save(p);
	for (guint i = 0; i < a->uids->len; i++) {
		struct track *t = publish_track(p, a->uids->pdata[i]);
		if (t == NULL)
			continue;
		revision_applied(&t->generations, t->generations.desired);
		if (!t->live)
			room_track_live(t);
	}
	watch_participant(p, ROOM_CHANGED, NULL);
}

static void on_established(void *user, const struct link_result *result)
{
	struct publish_applied *a = user;
	struct participant *p = a->p;

	if (!p->gone)
		media_transport_established(&p->publish, result);
	if (result->kind == LINK_APPLIED && !p->gone)
		publish_applied(a);
	else if (!p->gone)
		log_warning("session", "%s: tracks not applied (operation %u): %s", p->name,
			    result->op, link_result_text(result));
	// Keys that are not in force now never will be: the client is to come again.
	if (result->kind == LINK_REFUSED)
		participant_leave(p, "handshake failed");
	publish_applied_free(a);
}

// One epoch with the transport's keys and every track.
static void on_ready(void *user)
{
	struct participant *p = user;
	struct link_epoch *e = link_epoch_new(p->node->link);

	media_transport_apply(&p->publish, e);
	link_epoch_submit(e, on_established, publish_apply(p, e));
}

static void on_ended(void *user, const char *reason, bool failed)
{
	(void)failed;
	participant_leave(user, reason);
}

// What the offer says of an m-line beyond SDP.
static void describe(struct track *t, const struct publish_offer *offer)
{
	for (size_t i = 0; i < offer->described_count; i++) {
		const Sluice__V1__PublishedTrack *d = offer->described[i];
		if (strcmp(d->mid, t->negotiated.mid) != 0)
			continue;
		if (d->source != SLUICE__V1__TRACK_SOURCE__TRACK_SOURCE_UNSPECIFIED)
			t->source = d->source;
		t->muted = d->muted;
	}
}

// Whether the offer under way goes on with it.
static bool stays(const struct participant *p, const struct track *t)
{
	for (size_t i = 0; i < p->publication->track_count; i++) {
		const struct sdp_track *n = &p->publication->tracks[i];
		if (n->sending && strcmp(n->mid, t->negotiated.mid) == 0 &&
		    n->kind == t->negotiated.kind)
			return true;
	}
	return false;
}

void publish_remove(struct participant *p, struct link_epoch *e)
{
	for (guint i = p->tracks->len; i-- > 0;) {
		struct track *t = p->tracks->pdata[i];
		if (!stays(p, t))
			publish_remove_track(t, e);
	}
}

// Tracks that the offer changes, or brings.
void publish_merge(struct participant *p, const struct publish_offer *offer)
{
	for (size_t i = 0; i < p->publication->track_count; i++) {
		const struct sdp_track *n = &p->publication->tracks[i];
		struct track *t = track_by_mid(p, n->mid);
		if (!n->sending)
			continue;
		if (t == NULL || !stays(p, t)) // an m-line may come again as another kind
			t = track_new(p, n);
		else
			t->negotiated = *n;
		describe(t, offer);
	}
}

static void answer(struct participant *p)
{
	struct sdp_local local = media_transport_sdp_local(&p->publish);
	char *sdp = sdp_publication_answer(p->publication, &local);

	offer_answered(p, sdp);
	free(sdp);
	ice_credentials_wipe(&local.ice);
}

static void end_offer(struct participant *p)
{
	struct sdp_publication *o = p->publication;

	answer(p);
	p->settled = (struct sdp_settled){.connected = true, .role = o->role, .ice = o->ice};
	sdp_publication_destroy(&p->publication);
}

void publish_settle(struct participant *p)
{
	struct sdp_publication *o = p->publication;

	media_transport_set_remote(&p->publish, &o->ice, &o->fingerprint, o->role);
	media_transport_add_candidates(&p->publish, o->candidates, o->candidate_count);
	if (!media_transport_await_agent(&p->publish))
		end_offer(p);
}

static void on_admitted(void *user, const struct link_result *result)
{
	struct participant *p = user;

	(void)result; // applied: it is our agent that was waited for
	if (p->publication != NULL)
		end_offer(p);
}

// Tracks of an offer that came to nothing: none of them ever was the dataplane's.
static void forget_tracks(struct participant *p)
{
	struct link_epoch *e = link_epoch_new(p->node->link);

	for (guint i = p->tracks->len; i-- > 0;) {
		struct track *t = p->tracks->pdata[i];
		if (t->ref.generation == 0)
			publish_remove_track(t, e);
	}
	link_epoch_discard(e);
}

static void on_announced(void *user, const struct link_result *result)
{
	struct participant *p = user;
	struct sdp_publication *o = p->publication;

	if (o == NULL) { // an ICE restart without an offer
		offer_restarted(p, result);
		return;
	}
	if (result->kind != LINK_APPLIED) {
		// The next offer opens another.
		media_transport_close(&p->publish);
		p->publish.phase = MEDIA_NONE;
		forget_tracks(p);
		offer_refuse_result(p, result);
		sdp_publication_destroy(&p->publication);
	} else {
		publish_settle(p);
	}
}

const struct media_transport_events publish_events = {
	.announced = on_announced,
	.admitted = on_admitted,
	.ready = on_ready,
	.ended = on_ended,
};

void publish_cancel(struct participant *p)
{
	offer_refuse(p, RPC_ABORTED, RPC_REASON(PARTICIPANT_LEFT),
		     "The participant has left the room.");
	sdp_publication_destroy(&p->publication);
}

// The first offer opens the transport; its answer waits for the dataplane.
static void open_transport(struct participant *p)
{
	char *reason = NULL;

	if (media_transport_open(&p->publish, p->node, &publish_events, p, false,
				 &p->publication->ice, &reason))
		return;
	forget_tracks(p);
	offer_refuse_open(p, reason);
	g_free(reason);
	sdp_publication_destroy(&p->publication);
}

// Reads it into p->publication, or refuses it.
static bool read_offer(struct participant *p, const struct publish_offer *offer)
{
	char reason[SDP_REASON_SIZE];
	int err = sdp_publication_read(offer->sdp, offer->sdp_size, &p->settled, reason,
				       &p->publication);

	if (err != 0) {
		offer_refuse(p, RPC_INVALID_ARGUMENT,
			     err == -ENOTSUP ? RPC_REASON(SDP_UNSUPPORTED)
					     : RPC_REASON(SDP_MALFORMED),
			     "sdp: %s", reason);
		return false;
	}
	if (p->publication->has_transport || p->publish.phase != MEDIA_NONE)
		return true;
	offer_refuse(p, RPC_INVALID_ARGUMENT, RPC_REASON(SDP_WITHOUT_MEDIA),
		     "sdp: every m-line is rejected: offer at least one audio or video line.");
	sdp_publication_destroy(&p->publication);
	return false;
}

void publish_offer(struct participant *p, const struct publish_offer *offer,
		   const struct offer_waiter *waiter)
{
	if (p->publication != NULL) {
		const struct rpc_error pending = {
			.code = RPC_FAILED_PRECONDITION,
			.reason = RPC_REASON(OFFER_PENDING),
			.text = "The offer before is not answered yet: wait for its answer.",
		};
		waiter->failed(waiter->data, &pending);
		return;
	}
	p->waiter = *waiter;
	if (!read_offer(p, offer))
		return;
	if (p->publish.phase == MEDIA_NONE) {
		publish_merge(p, offer);
		p->publish.receive_ext = p->publication->ext;
		open_transport(p);
	} else {
		publish_renegotiate(p, offer);
	}
}
