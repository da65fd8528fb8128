// SPDX-License-Identifier: Apache-2.0
//
// tests/path/epochs_model_test.c - random epochs against a naive model of what proto/shm/command.h
// promises: the same verdict with the same reason, and the same things running afterwards.
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"
#include "tests/path/epochs.h"

// The naive model: what should run, by the rules in proto/shm/command.h.
enum { TRACKS = 6, SUBS = 12, SSRCS = 2000 };
struct naive_track {
	uint32_t generation;
	uint32_t transport;
	uint32_t ssrc;
};
struct naive_sub {
	uint32_t generation;
	uint32_t track;
	uint32_t track_generation;
	uint32_t transport;
	uint32_t ssrc;
};
struct naive {
	struct naive_track tracks[TRACKS];
	struct naive_sub subs[SUBS];
	bool spent[2][SSRCS];
};

static enum shm_refusal naive_track(struct naive *n, uint32_t slot, enum shm_action action,
				    const struct naive_track *wanted)
{
	struct naive_track *t = &n->tracks[slot];

	if (action == REMOVE ? t->generation != wanted->generation
			     : t->generation != 0 && t->generation != wanted->generation)
		return SHM_REFUSAL_BAD_GENERATION;
	if (action == REMOVE) {
		*t = (struct naive_track){0};
		return SHM_REFUSAL_NONE;
	}
	if (t->generation != 0 && t->transport != wanted->transport)
		return SHM_REFUSAL_BAD_FIELD;
	for (uint32_t i = 0; i < TRACKS; i++)
		if (i != slot && n->tracks[i].generation != 0 && t->ssrc != wanted->ssrc &&
		    n->tracks[i].transport == wanted->transport &&
		    n->tracks[i].ssrc == wanted->ssrc)
			return SHM_REFUSAL_DUPLICATE_SSRC;
	*t = *wanted;
	return SHM_REFUSAL_NONE;
}

// A subscription may wait without a track.
static bool naive_track_there(const struct naive *n, const struct naive_sub *s)
{
	return s->track_generation == 0 || n->tracks[s->track].generation == s->track_generation;
}

static enum shm_refusal naive_sub(struct naive *n, uint32_t slot, enum shm_action action,
				  const struct naive_sub *wanted)
{
	struct naive_sub *s = &n->subs[slot];

	if (action == REMOVE ? s->generation != wanted->generation
			     : s->generation != 0 && s->generation != wanted->generation)
		return SHM_REFUSAL_BAD_GENERATION;
	if (action == REMOVE) {
		*s = (struct naive_sub){0};
		return SHM_REFUSAL_NONE;
	}
	if (!naive_track_there(n, wanted))
		return SHM_REFUSAL_NO_TRACK;
	if (s->generation != 0 && (s->transport != wanted->transport || s->ssrc != wanted->ssrc))
		return SHM_REFUSAL_BAD_FIELD;
	if (s->generation == 0 && n->spent[wanted->transport][wanted->ssrc])
		return SHM_REFUSAL_DUPLICATE_SSRC;
	n->spent[wanted->transport][wanted->ssrc] = true;
	*s = *wanted;
	return SHM_REFUSAL_NONE;
}

static enum shm_refusal naive_references(const struct naive *n)
{
	for (uint32_t i = 0; i < SUBS; i++)
		if (n->subs[i].generation != 0 && !naive_track_there(n, &n->subs[i]))
			return SHM_REFUSAL_IN_USE;
	return SHM_REFUSAL_NONE;
}

// A record is in an epoch once.
static uint32_t free_slot(const struct room *r, uint32_t *x, bool sub)
{
	for (;;) {
		uint32_t slot = next_random(x) % (sub ? SUBS : TRACKS);
		bool taken = false;
		for (uint32_t i = 0; i < r->op_count; i++)
			taken |= r->ops[i].ref.index == slot &&
				 r->ops[i].record_type == (sub ? SUBSCRIPTION : TRACK);
		if (!taken)
			return slot;
	}
}

// One random op, to the room and to the model.
static enum shm_refusal random_op(struct room *r, struct naive *n, uint32_t *x, bool sub)
{
	uint32_t slot = free_slot(r, x, sub);
	enum shm_action action = next_random(x) % 3 == 0 ? REMOVE : APPLY;
	uint32_t who = next_random(x) % 2;
	uint32_t generation = 1 + next_random(x) % 8 / 7;
	uint32_t ssrc = 1 + next_random(x) % (SSRCS - 1);
	uint32_t to = next_random(x) % TRACKS;
	enum shm_refusal refusal;

	if (sub) {
		const struct naive_sub w = {generation, to, next_random(x) % 6 != 0, who, ssrc};
		struct shm_subscription_config *c =
			room_subscribe(r, slot, to, &r->peers[who], ssrc);
		c->generation = generation;
		c->track.generation = w.track_generation;
		refusal = naive_sub(n, slot, action, &w);
	} else {
		const struct naive_track w = {generation, who, ssrc % 9 + 1};
		struct shm_track_config *c =
			room_track(r, slot, &r->peers[who], AUDIO, OPUS, w.ssrc);
		c->generation = generation;
		refusal = naive_track(n, slot, action, &w);
	}
	r->ops[r->op_count - 1].ref.generation = generation;
	r->ops[r->op_count - 1].action = action;
	return refusal;
}

// What runs is what the model says, fan-out lists included.
static void same(const struct room *r, const struct naive *n)
{
	const struct dataplane *dp = &r->h->dp;

	for (uint32_t i = 0; i < TRACKS; i++) {
		const struct track_config *c = atomic_load(&dp->tracks[i].config);
		assert_int_equal(c != NULL ? c->generation : 0, n->tracks[i].generation);
		uint32_t count[2] = {0};
		for (uint32_t k = 0; k < SUBS; k++)
			if (n->subs[k].generation != 0 && n->subs[k].track_generation != 0 &&
			    n->subs[k].track == i)
				count[n->subs[k].transport]++;
		for (int w = 0; w < 2; w++) {
			const struct fanout_list *l = dp->workers[w].fanout[i];
			assert_int_equal(l != NULL ? l->count : 0, count[w]);
			for (uint32_t k = 0; l != NULL && k < l->count; k++) {
				const struct fanout_entry *entry = &l->entries[k];
				const struct naive_sub *s = &n->subs[entry->config->index];
				assert_ptr_equal(entry->subscription,
						 &dp->subscriptions[entry->config->index]);
				assert_true(s->generation != 0 && s->track_generation != 0 &&
					    s->track == i && s->transport == (uint32_t)w);
			}
		}
		if (c != NULL)
			assert_int_equal(c->worker_mask, (count[0] != 0) | (count[1] != 0) << 1);
	}
	for (uint32_t i = 0; i < SUBS; i++) {
		const struct subscription_config *c = atomic_load(&dp->subscriptions[i].config);
		assert_int_equal(c != NULL ? c->generation : 0, n->subs[i].generation);
	}
}

static void random_epochs(void **state)
{
	struct room *r = *state;
	uint32_t seed = 20261123;
	uint32_t x = seed;
	unsigned applied = 0;

	room_op(r, SUBSCRIPTION, REMOVE, 0, 1);
	room_op(r, TRACK, REMOVE, 0, 1);
	assert_int_equal(apply(r), SHM_REFUSAL_NONE);
	struct naive n = {0};
	print_message("seed %u\n", seed);
	for (int round = 0; round < 4000; round++) {
		struct naive next = n;
		enum shm_refusal expected = SHM_REFUSAL_NONE;
		for (uint32_t ops = 1 + next_random(&x) % 4; ops != 0; ops--) {
			enum shm_refusal refusal =
				random_op(r, &next, &x, next_random(&x) % 3 != 0);
			if (expected == SHM_REFUSAL_NONE)
				expected = refusal;
		}
		if (expected == SHM_REFUSAL_NONE)
			expected = naive_references(&next);
		assert_int_equal(apply(r), expected);
		if (expected == SHM_REFUSAL_NONE)
			n = next;
		applied += expected == SHM_REFUSAL_NONE;
		same(r, &n);
	}
	assert_in_range(applied, 100, 3900);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(random_epochs)};

	return cmocka_run_group_tests_name("epochs_model", tests, NULL, NULL);
}
