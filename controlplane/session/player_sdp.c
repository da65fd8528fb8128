// SPDX-License-Identifier: Apache-2.0
// controlplane/session/player_sdp.c - offers, answers and the transport of a player, see player.h.

#include "controlplane/ops/log.h"
#include "controlplane/session/node.h"
#include "controlplane/session/player_state.h"
#include "controlplane/session/room.h"

#include <errno.h>
#include <string.h>

static void end_viewers_offer(struct participant *p)
{
	struct player *player = p->player;
	struct sdp_playback *playback = player->playback;
	struct sdp_local local = media_transport_sdp_local(&p->subscribe);
	char *sdp;

	for (size_t i = 0; i < player->line_count; i++) {
		const struct player_line *line = &player->lines[i];
		playback->lines[i].ssrc = line->config.ssrc;
		playback->lines[i].rtx_ssrc = line->config.rtx_ssrc;
		playback->lines[i].first = line->track != NULL ? &line->track->negotiated : NULL;
	}
	sdp = sdp_playback_answer(playback, &local, p->uid);
	ice_credentials_wipe(&local.ice);
	sdp_playback_destroy(&player->playback);
	offer_answered(p, sdp);
	g_free(sdp);
}

static void answer_viewer(struct participant *p)
{
	const struct sdp_playback *playback = p->player->playback;

	media_transport_set_remote(&p->subscribe, &playback->ice, &playback->fingerprint,
				   playback->role);
	media_transport_add_candidates(&p->subscribe, playback->candidates,
				       playback->candidate_count);
	if (!media_transport_await_agent(&p->subscribe))
		end_viewers_offer(p);
}

static void offer_viewer(struct participant *p)
{
	struct sdp_local local = media_transport_sdp_local(&p->subscribe);
	char *sdp = sdp_subscriber_offer(p->lines, &local);

	ice_credentials_wipe(&local.ice);
	offer_answered(p, sdp);
	g_free(sdp);
}

static void on_announced(void *user, const struct link_result *result)
{
	struct participant *p = user;

	if (result->kind != LINK_APPLIED)
		offer_refuse_result(p, result);
	else if (p->player->playback != NULL)
		answer_viewer(p);
	else if (p->subscribe.remote_set) // an ICE restart
		offer_answered(p, NULL);
	else
		offer_viewer(p);
}

struct applied {
	struct participant *p;
	uint64_t generation;
};

static void on_applied(void *user, const struct link_result *result)
{
	struct applied *a = user;
	struct participant *p = a->p;

	if (!p->gone) {
		media_transport_established(&p->subscribe, result);
		if (result->kind == LINK_APPLIED) {
			room_applied(p->room, a->generation);
			participant_save(p);
			watch_participant(p, ROOM_CHANGED, NULL);
		} else {
			log_warning("session", "%s: subscriptions not applied (operation %u): %s",
				    p->name, result->op, link_result_text(result));
		}
	}
	if (result->kind == LINK_REFUSED)
		participant_leave(p, "handshake failed");
	participant_drop(p);
	g_free(a);
}

static void on_ready(void *user)
{
	struct participant *p = user;
	struct link_epoch *e = link_epoch_new(p->node->link);
	struct applied *a = g_new(struct applied, 1);

	media_transport_apply(&p->subscribe, e);
	player_apply(p, e);
	room_changed(p->room);
	*a = (struct applied){participant_hold(p), p->room->generation};
	link_epoch_submit(e, on_applied, a);
}

static void on_ended(void *user, const char *reason, bool failed)
{
	(void)failed;
	participant_leave(user, reason);
}

// Lines as answered; what was refused stays without a subscription.
static void take_lines(struct participant *p)
{
	struct player *player = p->player;

	for (size_t i = 0; i < player->line_count; i++) {
		struct player_line *line = &player->lines[i];
		uint32_t ssrc = line->config.ssrc;
		uint32_t rtx_ssrc = line->config.rtx_ssrc;

		sdp_subscriber_playback(p->lines, (int)i, &line->sdp);
		player_line_begin(line);
		line->config.ssrc = line->sdp.codec_count > 0 ? ssrc : 0;
		if (line->config.rtx_ssrc != 0)
			line->config.rtx_ssrc = rtx_ssrc;
		line->track = NULL;
	}
	player->settled = true;
	player_fill(p);
}

// The answer to our offer counts from now on, or not at all; or a viewer's offer may be answered.
static void on_admitted(void *user, const struct link_result *result)
{
	struct participant *p = user;

	if (p->player->playback != NULL) {
		end_viewers_offer(p);
		return;
	}
	if (result->kind != LINK_APPLIED) {
		offer_refuse_result(p, result);
		return;
	}
	take_lines(p);
	offer_answered(p, NULL);
}

static const struct media_transport_events player_events = {
	.announced = on_announced,
	.admitted = on_admitted,
	.ready = on_ready,
	.ended = on_ended,
};

static void open_transport(struct participant *p, bool controlling,
			   const struct ice_credentials *remote)
{
	char *reason = NULL;

	if (media_transport_open(&p->subscribe, p->node, &player_events, p, controlling, remote,
				 &reason))
		return;
	offer_refuse_open(p, reason);
	g_free(reason);
}

static bool any_begun(const struct player *player)
{
	for (size_t i = 0; i < player->line_count; i++)
		if (player->lines[i].config.ssrc != 0)
			return true;
	return false;
}

void player_offer(struct participant *p, const char *sdp, size_t size, const char *only,
		  const struct offer_waiter *waiter)
{
	char reason[SDP_REASON_SIZE];
	struct sdp_playback *playback;
	int err = sdp_playback_read(sdp, size, reason, &playback);

	p->waiter = *waiter;
	if (err != 0) {
		offer_refuse(p, RPC_INVALID_ARGUMENT,
			     err == -ENOTSUP ? RPC_REASON(SDP_UNSUPPORTED)
					     : RPC_REASON(SDP_MALFORMED),
			     "sdp: %s.", reason);
		return;
	}
	struct player *player = player_new(p, playback->line_count, only);
	player->playback = playback;
	for (size_t i = 0; i < playback->line_count; i++)
		player->lines[i].sdp = playback->lines[i];
	player_fill(p);
	player->settled = true;
	if (!any_begun(player)) {
		sdp_playback_refuse(playback, reason);
		offer_refuse(p, RPC_INVALID_ARGUMENT, RPC_REASON(SDP_UNSUPPORTED), "sdp: %s.",
			     reason);
		return;
	}
	open_transport(p, false, &playback->ice);
}

void player_counter_offer(struct participant *p, const char *only,
			  const struct offer_waiter *waiter)
{
	GPtrArray *tracks = player_tracks(p->room, only);
	struct player *player = player_new(p, tracks->len, only);

	p->waiter = *waiter;
	player->line_count = 0;
	for (guint i = 0; i < tracks->len; i++) {
		struct track *t = tracks->pdata[i];
		struct player_line *line = &player->lines[player->line_count];
		struct sdp_source source = {
			.stream_id = p->uid,
			.track_id = t->id,
			.cname = p->uid,
			.ssrc = g_random_int() | 1,
			.rtx_ssrc = g_random_int() & ~UINT32_C(1),
			.track = &t->negotiated,
		};
		if (sdp_subscriber_add(p->lines, &source) != (int)player->line_count)
			continue; // no payload type is left
		line->track = t;
		line->config.ssrc = source.ssrc;
		line->config.rtx_ssrc = source.rtx_ssrc;
		player->line_count++;
	}
	g_ptr_array_unref(tracks);
	// The client answers: it is controlled unless it is the only full agent.
	open_transport(p, p->node->settings->ice_full, NULL);
}

int player_answer(struct participant *p, const char *sdp, size_t size, char reason[SDP_REASON_SIZE])
{
	struct sdp_subscriber_answer answer = {0};
	int err = sdp_subscriber_take_answer(p->lines, sdp, size, reason, &answer);

	if (err != 0)
		return err;
	if (answer.has_transport) {
		media_transport_set_remote(&p->subscribe, &answer.ice, &answer.fingerprint,
					   answer.role);
		media_transport_add_candidates(&p->subscribe, answer.candidates,
					       g_strv_length(answer.candidates));
	} else {
		g_strlcpy(reason, "every m-line is rejected; accept at least one", SDP_REASON_SIZE);
		err = -EINVAL;
	}
	g_strfreev(answer.candidates);
	ice_credentials_wipe(&answer.ice);
	return err;
}
