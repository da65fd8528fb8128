// SPDX-License-Identifier: Apache-2.0
// controlplane/session/player.c - lines and what plays on them, see player.h.

#include "controlplane/session/player.h"

#include "controlplane/ops/log.h"
#include "controlplane/session/node.h"
#include "controlplane/session/player_state.h"
#include "controlplane/session/room.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

static gint by_joining(gconstpointer a, gconstpointer b)
{
	const struct participant *x = a, *y = b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

// Who can be played, in order of joining. Gives the list.
static GList *publishers(struct room *room, const char *only)
{
	GHashTableIter it;
	gpointer value;
	GList *list = NULL;

	g_hash_table_iter_init(&it, room->participants);
	while (g_hash_table_iter_next(&it, NULL, &value)) {
		const struct participant *p = value;
		if (!p->gone && (only[0] == '\0' || g_str_equal(p->id, only)))
			list = g_list_prepend(list, value);
	}
	return g_list_sort(list, by_joining);
}

GPtrArray *player_tracks(struct room *room, const char *only)
{
	GPtrArray *tracks = g_ptr_array_new();
	GList *list = publishers(room, only);

	for (GList *i = list; i != NULL; i = i->next) {
		const struct participant *p = i->data;
		for (guint k = 0; k < p->tracks->len; k++)
			if (((struct track *)p->tracks->pdata[k])->live)
				g_ptr_array_add(tracks, p->tracks->pdata[k]);
	}
	g_list_free(list);
	return tracks;
}

bool player_any(struct room *room, const char *only)
{
	GPtrArray *tracks = player_tracks(room, only);
	bool any = tracks->len > 0;

	g_ptr_array_unref(tracks);
	return any;
}

struct player *player_new(struct participant *p, size_t line_count, const char *only)
{
	struct player *player = g_new0(struct player, 1);

	player->lines = g_aligned_alloc0(MAX(line_count, 1), sizeof(struct player_line),
					 alignof(struct player_line));
	player->line_count = line_count;
	g_strlcpy(player->only, only, sizeof(player->only));
	p->player = player;
	return player;
}

static bool plays(const struct player *player, const struct track *track)
{
	for (size_t i = 0; i < player->line_count; i++)
		if (player->lines[i].track == track)
			return true;
	return false;
}

// The first track that no line plays and this one can.
static struct track *choose(const struct participant *p, const struct player_line *line)
{
	GPtrArray *tracks = player_tracks(p->room, p->player->only);
	struct sdp_pt_pair pts[SDP_TRACK_CODECS_MAX];
	struct track *found = NULL;

	for (guint i = 0; found == NULL && i < tracks->len; i++) {
		struct track *t = tracks->pdata[i];
		if (t->owner != p && !plays(p->player, t) &&
		    sdp_playback_map(&line->sdp, &t->negotiated, pts) > 0)
			found = t;
	}
	g_ptr_array_unref(tracks);
	return found;
}

// What the record says follows the line's track; without one the last payload types stay.
static void line_config(struct player_line *line)
{
	struct shm_subscription_config *c = &line->config;
	struct sdp_pt_pair pts[SDP_TRACK_CODECS_MAX];
	size_t count;

	c->track = (struct shm_ref){0};
	if (line->track == NULL)
		return;
	c->track = line->track->ref;
	g_free(line->played);
	line->played = g_strdup(line->track->name);
	count = sdp_playback_map(&line->sdp, &line->track->negotiated, pts);
	g_assert(count > 0 && count <= SHM_CODECS_MAX);
	c->pt_count = (uint8_t)count;
	for (size_t i = 0; i < count; i++)
		c->pts[i] = (struct shm_pt_map){
			.from = pts[i].from, .to = pts[i].to, .rtx = pts[i].rtx};
}

void player_fill(struct participant *p)
{
	struct player *player = p->player;

	for (size_t i = 0; i < player->line_count; i++) {
		struct player_line *line = &player->lines[i];

		if (line->track != NULL || (player->settled && line->config.ssrc == 0))
			continue;
		line->track = choose(p, line);
		if (line->track != NULL && line->config.ssrc == 0)
			player_line_begin(line);
		line_config(line);
	}
}

static bool plays_rtx(const struct sdp_playback_line *line)
{
	for (size_t i = 0; i < line->codec_count; i++) {
		if (line->codecs[i].rtx != 0)
			return true;
	}
	return false;
}

void player_line_begin(struct player_line *line)
{
	struct shm_subscription_config *c = &line->config;

	c->ssrc = g_random_int() | 1;
	if (line->sdp.kind == SDP_VIDEO && plays_rtx(&line->sdp))
		c->rtx_ssrc = g_random_int() & ~UINT32_C(1); // another than the one above
	c->rtx_sequence_start = (uint16_t)g_random_int_range(1, 1 << 15);
	c->sequence_start = (uint16_t)g_random_int_range(1, 1 << 15);
	c->timestamp_start = g_random_int();
	c->ext = line->sdp.ext;
	memcpy(c->mid, line->sdp.mid, MIN(strlen(line->sdp.mid), sizeof(c->mid)));
	c->pt_count = 1; // a record names one, even before there is a track
	c->pts[0] = (struct shm_pt_map){line->sdp.codecs[0].pt, line->sdp.codecs[0].pt};
}

static void on_changed(void *user, const struct link_result *result)
{
	struct participant *p = user;

	if (result->kind == LINK_REFUSED && !p->gone)
		log_warning("session", "%s: lines not changed (operation %u): %s", p->name,
			    result->op, link_result_text(result));
	participant_drop(p);
}

// Lines that run in the dataplane are told by an epoch of their own, ahead of the one that removes
// what they played; the others when the transport is ready.
static void tell(struct participant *p)
{
	struct link_epoch *e = link_epoch_new(p->node->link);

	for (size_t i = 0; i < p->player->line_count; i++) {
		struct player_line *line = &p->player->lines[i];

		if (line->ref.generation == 0 ||
		    memcmp(&line->config.track, &line->told, sizeof(line->told)) == 0)
			continue;
		line->told = line->config.track;
		link_epoch_subscription(e, line->ref, &line->config);
	}
	if (link_epoch_is_empty(e)) {
		link_epoch_discard(e);
		return;
	}
	participant_hold(p);
	link_epoch_submit(e, on_changed, p);
}

void player_track_live(struct participant *p)
{
	if (p->player == NULL || p->gone)
		return;
	player_fill(p);
	tell(p);
}

void player_forget(struct participant *p, const struct track *track)
{
	bool played = false;

	for (size_t i = 0; p->player != NULL && i < p->player->line_count; i++) {
		struct player_line *line = &p->player->lines[i];
		if (line->track != track)
			continue;
		played = true;
		line->track = NULL;
	}
	if (!played || p->gone)
		return;
	player_fill(p);
	tell(p);
}

void player_apply(struct participant *p, struct link_epoch *e)
{
	for (size_t i = 0; i < p->player->line_count; i++) {
		struct player_line *line = &p->player->lines[i];

		if (line->config.ssrc == 0)
			continue;
		line->ref = link_slot_take(p->node->link, SHM_RECORD_SUBSCRIPTION);
		if (line->ref.generation == 0) {
			log_warning("session",
				    "%s: mid \"%s\" plays nothing: the limit of "
				    "subscriptions is reached",
				    p->name, line->sdp.mid);
			continue;
		}
		line->config.transport = p->subscribe.ref;
		line->told = line->config.track;
		link_epoch_subscription(e, line->ref, &line->config);
	}
}

bool player_stream(const struct participant *p, size_t i, struct player_stream *out)
{
	if (p->player == NULL || i >= p->player->line_count)
		return false;
	const struct player_line *line = &p->player->lines[i];
	*out = (struct player_stream){line->track, line->ref, line->config.ssrc, line->config.mid};
	return true;
}

static void line_end(struct participant *p, struct player_line *line, struct link_epoch *e)
{
	const struct summary_sent sent = {
		.track = line->played,
		.kind = line->sdp.kind,
		.clock_rate = line->sdp.codecs[0].clock_rate,
		.ref = line->ref,
		.ssrc = line->config.ssrc,
	};

	if (line->ref.generation != 0) {
		summary_note_sent(&p->summary, p->node->link, &sent);
		link_epoch_remove(e, SHM_RECORD_SUBSCRIPTION, line->ref);
	}
	g_free(line->played);
}

void player_free(struct participant *p, struct link_epoch *e)
{
	struct player *player = g_steal_pointer(&p->player);

	if (player == NULL)
		return;
	for (size_t i = 0; i < player->line_count; i++)
		line_end(p, &player->lines[i], e);
	g_aligned_free(player->lines);
	sdp_playback_destroy(&player->playback);
	g_free(player);
}
