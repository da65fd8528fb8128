// SPDX-License-Identifier: Apache-2.0
// controlplane/session/subscribe.c - the half of a participant that hears: offers out, answers in.
//
// Order    a track is live -> a line -> an offer (one at a time) -> answer -> ICE, DTLS once -> one
//          epoch with the accepted subscriptions. Lines of tracks that went are offered inactive.
// Restart  due -> an offer with new credentials -> answer -> the epoch it ends in anyway puts both
//          sides' in force.

#include "controlplane/ops/log.h"
#include "controlplane/session/names.h"
#include "controlplane/session/node.h"
#include "controlplane/session/participant.h"
#include "controlplane/session/room.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

void subscription_free(void *subscription)
{
	struct subscription *s = subscription;

	g_free(s->uid);
	g_aligned_free(s);
}

struct subscription *subscribe_find(const struct participant *p, const struct track *track)
{
	for (guint i = 0; i < p->subscriptions->len; i++) {
		struct subscription *s = p->subscriptions->pdata[i];
		if (s->track == track)
			return s;
	}
	return NULL;
}

struct subscription *subscribe_by_uid(const struct participant *p, const char *uid)
{
	for (guint i = 0; i < p->subscriptions->len; i++) {
		struct subscription *s = p->subscriptions->pdata[i];
		if (g_str_equal(s->uid, uid))
			return s;
	}
	return NULL;
}

void subscribe_track(struct participant *p, struct track *track)
{
	// A transport of TransportService consumes what it is told to.
	if (p->kind != PARTICIPANT_SESSION || track->owner == p || p->transport != NULL ||
	    subscribe_find(p, track) != NULL)
		return;
	struct subscription *s = g_aligned_alloc0(1, sizeof(*s), alignof(struct subscription));
	struct sdp_source source = {
		.stream_id = track->owner->id,
		.track_id = track->id,
		.cname = track->owner->uid,
		.ssrc = g_random_int() | 1,
		.rtx_ssrc = g_random_int() & ~UINT32_C(1), // another than the one above
		.track = &track->negotiated,
	};
	s->uid = name_random(16);
	s->generations.desired = 1;
	s->track = track;
	s->ssrc = source.ssrc;
	s->line = sdp_subscriber_add(p->lines, &source);
	if (s->line < 0) {
		log_warning("session", "%s: no line for %s: %s", p->name, track->name,
			    g_strerror(-s->line));
		subscription_free(s);
		return;
	}
	g_ptr_array_add(p->subscriptions, s);
	p->offer_due = true;
	subscribe_offer(p);
}

void subscribe_forget(struct participant *p, const struct track *track, struct link_epoch *e)
{
	struct subscription *s = subscribe_find(p, track);

	if (s == NULL)
		return;
	summary_note_subscription(&p->summary, p, s);
	sdp_subscriber_remove(p->lines, s->line);
	if (s->ref.generation != 0)
		link_epoch_remove(e, SHM_RECORD_SUBSCRIPTION, s->ref);
	g_ptr_array_remove(p->subscriptions, s); // frees it
	if (p->gone)
		return;
	session_unpublished(p, track);
	p->offer_due = true;
	subscribe_offer(p);
}

static bool open_transport(struct participant *p)
{
	char *reason = NULL;

	// The client answers: it is controlled unless it is the only full agent.
	bool controlling = p->node->settings->ice_full;
	if (media_transport_open(&p->subscribe, p->node, &subscribe_events, p, controlling, NULL,
				 &reason))
		return true;
	log_warning("session", "%s: no transport to subscribe on: %s", p->name, reason);
	g_free(reason);
	return false;
}

void subscribe_offer(struct participant *p)
{
	if (!p->offer_due || p->offer_out || p->watch == NULL || p->gone)
		return;
	if (p->subscribe.phase == MEDIA_NONE) {
		open_transport(p); // the offer follows when it is announced
		return;
	}
	if (!p->announced)
		return;
	p->offer_due = false;
	p->offer_out = true;
	p->revision++;
	if (p->restart_due)
		p->restart_due = !media_transport_restart_offer(&p->subscribe);
	subscribe_repeat(p);
}

bool subscribe_restart(struct participant *p)
{
	if (p->subscribe.phase != MEDIA_CONNECTING && p->subscribe.phase != MEDIA_CONNECTED)
		return false;
	if (media_transport_restart_offered(&p->subscribe))
		return true;
	p->restart_due = p->offer_due = true;
	subscribe_offer(p);
	return true;
}

void subscribe_repeat(struct participant *p)
{
	struct sdp_local local = media_transport_sdp_local(&p->subscribe);
	char *sdp = p->offer_out ? sdp_subscriber_offer(p->lines, &local) : NULL;

	if (sdp != NULL)
		session_offer(p, sdp);
	free(sdp);
	ice_credentials_wipe(&local.ice);
}

static struct shm_layer layer_of(const struct layer_wish *w, uint8_t which, uint8_t *set)
{
	if (w->is_set)
		*set |= which;
	return (struct shm_layer){(uint8_t)w->spatial, (uint8_t)w->temporal};
}

static void fill_wishes(struct shm_subscription_config *c, const struct subscription_wishes *w)
{
	c->paused = w->paused;
	c->priority = w->priority;
	c->tile_pixels = w->tile_pixels;
	c->layer_wishes = 0;
	c->wanted = layer_of(&w->wanted, SHM_LAYER_WANTED, &c->layer_wishes);
	c->minimum = layer_of(&w->minimum, SHM_LAYER_MINIMUM, &c->layer_wishes);
	c->maximum = layer_of(&w->maximum, SHM_LAYER_MAXIMUM, &c->layer_wishes);
}

static bool fill_config(struct participant *p, struct subscription *s)
{
	const struct sdp_line *line = sdp_subscriber_line(p->lines, s->line);
	struct shm_subscription_config *c = &s->config;

	if (line->pt_count == 0 || line->pt_count > SHM_CODECS_MAX)
		return false;
	memset(c, 0, sizeof(*c));
	c->ssrc = s->ssrc;
	c->track = s->track->ref;
	c->transport = p->subscribe.ref;
	fill_wishes(c, &s->wishes);
	c->sequence_start = (uint16_t)g_random_int_range(1, 1 << 15);
	c->timestamp_start = g_random_int();
	c->pt_count = (uint8_t)line->pt_count;
	for (size_t i = 0; i < line->pt_count; i++) {
		const struct sdp_pt_pair *pt = &line->pts[i];
		c->pts[i] = (struct shm_pt_map){.from = pt->from, .to = pt->to, .rtx = pt->rtx};
		if (pt->rtx != 0)
			c->rtx_ssrc = line->rtx_ssrc;
	}
	c->rtx_sequence_start = (uint16_t)g_random_int_range(1, 1 << 15);
	c->feedback = line->feedback;
	c->ext = line->ext;
	memcpy(c->mid, line->mid, MIN(strlen(line->mid), sizeof(c->mid)));
	return true;
}

static void add_accepted(struct participant *p, struct link_epoch *e)
{
	for (guint i = 0; i < p->subscriptions->len; i++) {
		struct subscription *s = p->subscriptions->pdata[i];
		if (s->state != SUBSCRIPTION_ACCEPTED || !s->track->live)
			continue;
		s->ref = link_slot_take(p->node->link, SHM_RECORD_SUBSCRIPTION);
		if (s->ref.generation == 0 || !fill_config(p, s)) {
			log_warning("session", "%s: no subscription to %s: %s", p->name,
				    s->track->name,
				    s->ref.generation == 0 ? "the limit is reached"
							   : "no codec in common");
			link_slot_release(p->node->link, SHM_RECORD_SUBSCRIPTION, s->ref);
			s->ref = (struct shm_ref){0};
			s->state = SUBSCRIPTION_REFUSED;
			continue;
		}
		s->state = SUBSCRIPTION_APPLIED;
		link_epoch_subscription(e, s->ref, &s->config);
	}
}

struct established {
	struct participant *p; // one count
	uint64_t generation; // of the room
};

static void subscriptions_applied(struct participant *p, uint64_t generation)
{
	room_applied(p->room, generation);
	p->generations.applied = ++p->generations.desired;
	participant_save(p);
}

static void on_established(void *user, const struct link_result *result)
{
	struct established *a = user;
	struct participant *p = a->p;

	if (!p->gone)
		media_transport_established(&p->subscribe, result);
	if (result->kind == LINK_APPLIED && !p->gone) {
		subscriptions_applied(p, a->generation);
		watch_participant(p, ROOM_CHANGED, NULL);
	} else if (!p->gone) {
		log_warning("session", "%s: subscriptions not applied (operation %u): %s", p->name,
			    result->op, link_result_text(result));
	}
	if (result->kind == LINK_REFUSED)
		participant_leave(p, "handshake failed");
	participant_drop(p);
	g_free(a);
}

// One epoch with the transport's keys and every subscription accepted until now.
static void on_ready(void *user)
{
	struct participant *p = user;
	struct link_epoch *e = link_epoch_new(p->node->link);
	struct established *a = g_new0(struct established, 1);

	media_transport_apply(&p->subscribe, e);
	add_accepted(p, e);
	room_changed(p->room);
	*a = (struct established){participant_hold(p), p->room->generation};
	link_epoch_submit(e, on_established, a);
}

// An answer on its way to the dataplane: the first with the client's credentials, later ones with
// the subscriptions they accept. Refused, the offer waits for an answer again.
struct subscribe_answering {
	struct change_wait *wait;
	GPtrArray *uids; // of the subscriptions it spoke about
	uint64_t generation; // of the room
};

static void take_lines(struct participant *p, GPtrArray *uids)
{
	for (guint i = 0; i < p->subscriptions->len; i++) {
		struct subscription *s = p->subscriptions->pdata[i];
		const struct sdp_line *line = sdp_subscriber_line(p->lines, s->line);
		if (s->state != SUBSCRIPTION_OFFERED || line->state == SDP_LINE_OFFERED)
			continue;
		g_ptr_array_add(uids, g_strdup(s->uid));
		if (line->state == SDP_LINE_ACCEPTED)
			s->state = SUBSCRIPTION_ACCEPTED;
		else
			s->state = SUBSCRIPTION_REFUSED;
	}
}

static void end_answering(struct participant *p, const char *refusal)
{
	struct subscribe_answering *a = g_steal_pointer(&p->answering);

	change_wait_end(a->wait, a->generation, refusal);
	g_ptr_array_unref(a->uids);
	g_free(a);
}

void subscribe_cancel(struct participant *p)
{
	struct rpc_call *call = p->answering != NULL ? change_wait_take(p->answering->wait) : NULL;

	if (call != NULL)
		rpc_call_fail(call, RPC_ABORTED, RPC_REASON(PARTICIPANT_LEFT),
			      "The participant has left the room.");
	if (p->answering != NULL)
		end_answering(p, "the participant has left the room");
}

static void take_back(struct participant *p)
{
	for (guint i = 0; i < p->answering->uids->len; i++) {
		struct subscription *s = subscribe_by_uid(p, p->answering->uids->pdata[i]);
		if (s == NULL)
			continue;
		link_slot_release(p->node->link, SHM_RECORD_SUBSCRIPTION, s->ref);
		s->ref = (struct shm_ref){0};
		s->state = SUBSCRIPTION_OFFERED;
	}
	p->room->generation++;
	room_applied(p->room, p->room->generation);
}

static void settle_answer(struct participant *p, const struct link_result *result)
{
	Sluice__V1__AnswerSubscribeResponse response = SLUICE__V1__ANSWER_SUBSCRIBE_RESPONSE__INIT;
	bool applied = result->kind == LINK_APPLIED;

	if (p->answering == NULL)
		return;
	if (applied) {
		p->offer_out = false;
		subscriptions_applied(p, p->answering->generation);
	} else {
		take_back(p);
	}
	if (p->subscribe.restart != NULL)
		media_transport_restart_settle(&p->subscribe, result);
	struct rpc_call *call = change_wait_take(p->answering->wait);
	if (call != NULL && applied)
		rpc_call_reply(call, &response.base);
	else if (call != NULL)
		change_fail(call, result);
	end_answering(p, applied ? NULL : link_result_text(result));
	subscribe_offer(p);
}

static void on_admitted(void *user, const struct link_result *result)
{
	settle_answer(user, result);
}

static void on_answer_push(void *user, struct link_epoch *e)
{
	struct participant *p = user;

	if (p->gone)
		return;
	if (p->subscribe.restart != NULL)
		media_transport_restart_stage(&p->subscribe, e);
	if (p->subscribe.phase == MEDIA_CONNECTED)
		add_accepted(p, e);
}

static void on_answered(void *user, const struct link_result *result)
{
	struct participant *p = user;

	settle_answer(p, result);
	participant_drop(p);
}

// Takes the answer to the dataplane.
static void submit_answer(struct participant *p, const struct sdp_subscriber_answer *answer)
{
	bool restarting = answer->has_transport && media_transport_restart_offered(&p->subscribe) &&
			  media_transport_restart_begin(&p->subscribe, &answer->ice);
	bool admitting = answer->has_transport && !restarting &&
			 media_transport_set_remote(&p->subscribe, &answer->ice,
						    &answer->fingerprint, answer->role);

	if (answer->candidates != NULL)
		media_transport_add_candidates(&p->subscribe, answer->candidates,
					       g_strv_length(answer->candidates));
	if (admitting)
		return;
	struct link_epoch *e = link_epoch_new(p->node->link);
	participant_hold(p);
	link_epoch_on_push(e, on_answer_push, p);
	link_epoch_submit(e, on_answered, p);
}

int subscribe_answer(struct participant *p, uint32_t revision, const char *sdp,
		     struct rpc_call *call, char **reason)
{
	struct sdp_subscriber_answer answer = {0};
	char why[SDP_REASON_SIZE];

	if (revision != p->revision || !p->offer_out)
		return -ESTALE;
	if (p->answering != NULL)
		return -EBUSY;
	if (sdp_subscriber_take_answer(p->lines, sdp, strlen(sdp), why, &answer) != 0) {
		*reason = g_strdup(why);
		return -EINVAL;
	}
	p->answering = g_new0(struct subscribe_answering, 1);
	p->answering->wait = change_wait_new(p->node, p->room->id, call, p->name);
	p->answering->uids = g_ptr_array_new_with_free_func(g_free);
	room_changed(p->room);
	p->answering->generation = p->room->generation;
	take_lines(p, p->answering->uids);
	submit_answer(p, &answer);
	g_strfreev(answer.candidates);
	ice_credentials_wipe(&answer.ice);
	return 0;
}

void subscribe_set_wishes(struct subscription *s)
{
	fill_wishes(&s->config, &s->wishes);
}

void subscribe_apply_wishes(struct subscription *s, struct link_epoch *e)
{
	struct shm_subscription_config before = s->config;

	subscribe_set_wishes(s);
	if (s->state == SUBSCRIPTION_APPLIED && memcmp(&before, &s->config, sizeof(before)) != 0)
		link_epoch_subscription(e, s->ref, &s->config);
}

static void on_announced(void *user, const struct link_result *result)
{
	struct participant *p = user;

	if (result->kind != LINK_APPLIED) {
		log_warning("session", "%s: no transport to subscribe on: %s", p->name,
			    link_result_text(result));
		return;
	}
	p->announced = true;
	subscribe_offer(p);
}

static void on_ended(void *user, const char *reason, bool failed)
{
	(void)failed;
	participant_leave(user, reason);
}

const struct media_transport_events subscribe_events = {
	.announced = on_announced,
	.admitted = on_admitted,
	.ready = on_ready,
	.ended = on_ended,
};
