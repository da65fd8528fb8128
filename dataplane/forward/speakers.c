// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/speakers.c - see speakers.h. Tracks are sorted by room and publisher when
// their configurations change; then a decision is one walk over them.
#include "dataplane/forward/speakers.h"

#include "dataplane/core/limits.h"
#include "dataplane/tables/track.h"

#include <stdlib.h>

// A track of a room. Both live at least until the next epoch, which shows in 'changes'.
struct member {
	const struct track_config *config;
	struct track *track;
};

// Those who compete for one limit of a room: audio tracks, or publishers with video.
struct contest {
	struct speaker *activity; // audio
	uint64_t *turn; // video
	uint32_t *member; // of the room's; of a publisher its first
	bool *was; // forwarded
	bool *now;
	uint32_t count;
};

struct speakers {
	struct dataplane *dp;
	speakers_dominant_fn dominant;
	void *context;
	uint64_t due_us;
	uint64_t changes; // that 'members' show
	uint64_t turns; // given so far
	struct member *members; // [limits.tracks]
	uint32_t member_count;
	struct contest contest; // room for [limits.tracks]
};

struct speakers *speakers_new(struct dataplane *dp, speakers_dominant_fn dominant, void *context)
{
	struct speakers *s = calloc(1, sizeof(*s));
	size_t n = dp->limits.tracks;

	if (s == NULL)
		return NULL;
	*s = (struct speakers){.dp = dp, .dominant = dominant, .context = context};
	s->members = calloc(n, sizeof(*s->members));
	s->contest.activity = calloc(n, sizeof(*s->contest.activity));
	s->contest.turn = calloc(n, sizeof(*s->contest.turn));
	s->contest.member = calloc(n, sizeof(*s->contest.member));
	s->contest.was = calloc(n, sizeof(*s->contest.was));
	s->contest.now = calloc(n, sizeof(*s->contest.now));
	if (s->members != NULL && s->contest.activity != NULL && s->contest.turn != NULL &&
	    s->contest.member != NULL && s->contest.was != NULL && s->contest.now != NULL)
		return s;
	speakers_free(s);
	return NULL;
}

void speakers_free(struct speakers *s)
{
	if (s == NULL)
		return;
	free(s->members);
	free(s->contest.activity);
	free(s->contest.turn);
	free(s->contest.member);
	free(s->contest.was);
	free(s->contest.now);
	free(s);
}

static void hold(struct track *t, bool held)
{
	uint32_t holds = atomic_load_explicit(&t->holds, memory_order_relaxed);

	if (((holds & 1) != 0) != held)
		atomic_store_explicit(&t->holds, holds + 1, memory_order_release);
}

static void spoke(struct track *t, uint64_t turn)
{
	if (track_spoke(t) != turn)
		atomic_store_explicit(&t->spoke, turn, memory_order_relaxed);
}

static int by_value(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int by_room_and_publisher(const void *a, const void *b)
{
	const struct track_config *x = ((const struct member *)a)->config;
	const struct track_config *y = ((const struct member *)b)->config;
	int order = by_value(x->shm.room, y->shm.room);

	if (order == 0)
		order = by_value(x->shm.transport.index, y->shm.transport.index);
	return order != 0 ? order : by_value(x->index, y->index);
}

static void members_find(struct speakers *s, uint32_t end)
{
	s->member_count = 0;
	for (uint32_t i = 0; i < end; i++) {
		struct track *t = &s->dp->tracks[i];
		const struct track_config *c =
			atomic_load_explicit(&t->config, memory_order_relaxed);

		if (c != NULL && c->shm.room != 0) {
			s->members[s->member_count++] = (struct member){c, t};
		} else if (c != NULL) {
			hold(t, false);
			spoke(t, 0);
		}
	}
	qsort(s->members, s->member_count, sizeof(s->members[0]), by_room_and_publisher);
}

static bool is_judged(const struct track_config *c)
{
	return c->shm.kind == SHM_KIND_AUDIO && !c->shm.muted &&
	       c->shm.ext.id[RTP_EXT_AUDIO_LEVEL] != 0;
}

// Index of the contender that is dominant now.
static int enter_audio(struct contest *c, const struct member *members, uint32_t count,
		       uint64_t now_us)
{
	int dominant = SPEAKER_NONE;

	c->count = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct track *t = members[i].track;

		if (!is_judged(members[i].config)) {
			if (members[i].config->shm.kind == SHM_KIND_AUDIO)
				hold(t, false);
			continue;
		}
		if (atomic_load_explicit(&t->dominant, memory_order_relaxed))
			dominant = (int)c->count;
		c->activity[c->count] = track_heard_load(t);
		speaker_settle(&c->activity[c->count], now_us);
		c->was[c->count] = !track_held_back(t);
		c->member[c->count++] = i;
	}
	return dominant;
}

static void becomes_dominant(struct speakers *s, const struct member *members, uint32_t count,
			     const struct member *speaker)
{
	const struct track_config *c = speaker->config;

	for (uint32_t i = 0; i < count; i++)
		atomic_store_explicit(&members[i].track->dominant, &members[i] == speaker,
				      memory_order_relaxed);
	speaker->track->turn = ++s->turns;
	s->dominant(s->context, c->shm.room, (struct shm_ref){c->index, c->generation});
}

static void audio_due(struct speakers *s, const struct member *members, uint32_t count,
		      uint64_t now_us)
{
	struct contest *c = &s->contest;
	int current = enter_audio(c, members, count, now_us);
	int dominant = speaker_dominant(c->activity, c->count, current);

	if (dominant != current)
		becomes_dominant(s, members, count, &members[c->member[dominant]]);
	if (c->count == 0)
		return;
	uint32_t n = members[c->member[0]].config->shm.audio_top_n;
	if (n != 0 && n < c->count)
		speaker_choose(c->activity, c->count, n, c->was, c->now);
	for (uint32_t i = 0; i < c->count; i++)
		hold(members[c->member[i]].track, n != 0 && n < c->count && !c->now[i]);
}

static bool same_publisher(const struct member *a, const struct member *b)
{
	return a->config->shm.transport.index == b->config->shm.transport.index;
}

static uint32_t next_publisher(const struct member *members, uint32_t count, uint32_t first)
{
	uint32_t i = first + 1;

	while (i < count && same_publisher(&members[first], &members[i]))
		i++;
	return i;
}

static void publisher_spoke(const struct member *members, uint32_t first, uint32_t end)
{
	uint64_t turn = 0;

	for (uint32_t i = first; i < end; i++)
		turn = members[i].track->turn > turn ? members[i].track->turn : turn;
	for (uint32_t i = first; i < end; i++)
		spoke(members[i].track, turn);
}

static void enter_publisher(struct contest *c, const struct member *members, uint32_t first,
			    uint32_t end)
{
	bool shows = false;
	bool was = false;

	for (uint32_t i = first; i < end; i++) {
		const struct shm_track_config *track = &members[i].config->shm;
		bool video = track->kind == SHM_KIND_VIDEO;

		shows |= video && !track->muted;
		was |= video && !track_held_back(members[i].track);
	}
	if (!shows)
		return;
	c->turn[c->count] = track_spoke(members[first].track);
	c->was[c->count] = was;
	c->member[c->count++] = first;
}

static uint32_t video_limit(const struct member *members, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (members[i].config->shm.kind == SHM_KIND_VIDEO)
			return members[i].config->shm.video_last_n;
	return 0;
}

static void hold_video(const struct member *members, uint32_t first, uint32_t end, bool held)
{
	for (uint32_t i = first; i < end; i++)
		if (members[i].config->shm.kind == SHM_KIND_VIDEO)
			hold(members[i].track, held);
}

static void video_due(struct speakers *s, const struct member *members, uint32_t count)
{
	struct contest *c = &s->contest;
	uint32_t n = video_limit(members, count);

	c->count = 0;
	for (uint32_t i = 0, end; i < count; i = end) {
		end = next_publisher(members, count, i);
		publisher_spoke(members, i, end);
		enter_publisher(c, members, i, end);
	}
	if (n == 0) {
		hold_video(members, 0, count, false);
		return;
	}
	speaker_choose_recent(c->turn, c->count, n, c->was, c->now);
	// A muted camera that comes back takes nobody's place by having had one.
	for (uint32_t i = 0, k = 0, end; i < count; i = end) {
		bool shows = k < c->count && c->member[k] == i;

		end = next_publisher(members, count, i);
		hold_video(members, i, end, shows ? !c->now[k] : c->count >= n);
		k += shows;
	}
}

void speakers_due(struct speakers *s, const struct epochs *epochs, uint64_t now_us)
{
	uint32_t end;
	uint64_t changes = epochs_track_changes(epochs, &end);

	if (now_us < s->due_us)
		return;
	s->due_us = now_us + SPEAKERS_US;
	if (changes != s->changes)
		members_find(s, end);
	s->changes = changes;
	for (uint32_t i = 0, next; i < s->member_count; i = next) {
		next = i + 1;
		while (next < s->member_count &&
		       s->members[next].config->shm.room == s->members[i].config->shm.room)
			next++;
		audio_due(s, &s->members[i], next - i, now_us);
		video_due(s, &s->members[i], next - i);
	}
}
