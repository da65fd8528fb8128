// SPDX-License-Identifier: Apache-2.0
//
// tests/path/epochs_test.c - epochs are applied whole or not at all: every refusal, replays,
// garbage in the command ring, and random epochs against a naive model.
//
// "Not at all" is what the tables point to, who has a ufrag, a port and an SSRC. Leaks show under
// ASan and in room_free().
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"
#include "tests/path/epochs.h"

// What the tables point to.
struct pointers {
	const void *transports[HARNESS_TRANSPORTS];
	const void *links[HARNESS_TRANSPORTS];
	const void *tracks[HARNESS_TRACKS];
	const void *subscriptions[HARNESS_SUBSCRIPTIONS];
	const void *fanout[2][HARNESS_TRACKS];
};

static struct pointers pointers_of(const struct room *r)
{
	const struct dataplane *dp = &r->h->dp;
	struct pointers p;

	for (int i = 0; i < HARNESS_TRANSPORTS; i++) {
		p.transports[i] = atomic_load(&dp->transports[i].config);
		p.links[i] = atomic_load(&dp->transports[i].links);
	}
	for (int i = 0; i < HARNESS_TRACKS; i++) {
		p.tracks[i] = atomic_load(&dp->tracks[i].config);
		for (int w = 0; w < 2; w++)
			p.fanout[w][i] = dp->workers[w].fanout[i];
	}
	for (int i = 0; i < HARNESS_SUBSCRIPTIONS; i++)
		p.subscriptions[i] = atomic_load(&dp->subscriptions[i].config);
	return p;
}

// A spare, right transport record in slot 3.
static struct shm_transport_config *spare(struct room *r)
{
	struct shm_transport_config *c = &r->h->dp.shm.transports[3].config;

	*c = r->h->dp.shm.transports[2].config;
	c->internal_port = HARNESS_INTERNAL_FIRST + 3;
	memcpy(c->credentials[0].local_ufrag, "sluice0003", 10);
	room_op(r, TRANSPORT, APPLY, 3, 1);
	return c;
}

static struct shm_track_config *track(struct room *r, uint32_t slot)
{
	return room_track(r, slot, &r->peers[0], AUDIO, OPUS, 0xb0 + slot);
}

static struct shm_subscription_config *subscription(struct room *r, uint32_t slot)
{
	return room_subscribe(r, slot, 0, &r->peers[1], 0x2000 + slot);
}

static struct shm_transport_config *running(struct room *r, uint32_t slot)
{
	room_op(r, TRANSPORT, APPLY, slot, 1);
	return &r->h->dp.shm.transports[slot].config;
}

static void op_out_of_table(struct room *r)
{
	room_op(r, TRANSPORT, APPLY, HARNESS_TRANSPORTS, 1);
}
static void op_track_out_of_table(struct room *r)
{
	room_op(r, TRACK, APPLY, UINT32_MAX, 1);
}
static void op_subscription_out_of_table(struct room *r)
{
	room_op(r, SUBSCRIPTION, REMOVE, HARNESS_SUBSCRIPTIONS, 1);
}
static void op_unknown_type(struct room *r)
{
	room_op(r, (enum shm_record_type)4, APPLY, 0, 1);
}
static void op_unknown_action(struct room *r)
{
	room_op(r, TRANSPORT, (enum shm_action)3, 0, 1);
}
static void op_twice(struct room *r)
{
	track(r, 1);
	room_op(r, TRACK, REMOVE, 1, 1);
}
static void op_other_epoch(struct room *r)
{
	track(r, 1);
	r->ops[r->op_count - 1].epoch += 7;
}
static void op_other_generation(struct room *r)
{
	room_op(r, TRANSPORT, APPLY, 0, 2);
}
static void op_no_generation(struct room *r)
{
	room_op(r, TRACK, APPLY, 5, 0);
}
static void op_record_of_other_generation(struct room *r)
{
	track(r, 5)->generation = 9;
}
static void op_remove_nothing(struct room *r)
{
	room_op(r, SUBSCRIPTION, REMOVE, 77, 1);
}
static void op_port_outside(struct room *r)
{
	spare(r)->internal_port = 22;
}
static void op_ufrag_too_long(struct room *r)
{
	spare(r)->credentials[0].local_ufrag_size = 60000;
}
static void op_unknown_flag(struct room *r)
{
	spare(r)->flags |= 1u << 30;
}
static void op_too_many_codecs(struct room *r)
{
	track(r, 1)->codec_count = 255;
}
static void op_pt_outside(struct room *r)
{
	track(r, 1)->codecs[0].pt = 128;
}
static void op_track_moves(struct room *r)
{
	struct shm_track_config *c = track(r, 0);
	c->encodings[0].ssrc = 0xa0;
	c->transport = (struct shm_ref){1, 1};
}
static void op_sequence_outside(struct room *r)
{
	subscription(r, 1)->sequence_start = 0x8000;
}
static void op_subscription_changes_ssrc(struct room *r)
{
	subscription(r, 0)->ssrc = 0x1001;
}
static void op_port_changes(struct room *r)
{
	running(r, 2)->internal_port = HARNESS_INTERNAL_FIRST + 9;
}
static void op_same_ufrag(struct room *r)
{
	spare(r)->credentials[0].local_ufrag[9] = '0';
}
static void op_same_ufrag_in_one_record(struct room *r)
{
	struct shm_transport_config *c = spare(r);
	c->credentials[1] = c->credentials[0];
}
static void op_same_port(struct room *r)
{
	spare(r)->internal_port = HARNESS_INTERNAL_FIRST + 1;
}
static void op_same_receive_ssrc(struct room *r)
{
	track(r, 1)->encodings[0].ssrc = 0xa0;
}
static void op_same_send_ssrc(struct room *r)
{
	subscription(r, 1)->ssrc = 0x1000;
}
static void op_send_ssrc_twice(struct room *r)
{
	subscription(r, 1);
	subscription(r, 2)->ssrc = 0x2001;
}
static void op_track_of_nobody(struct room *r)
{
	track(r, 1)->transport.index = 40;
}
static void op_subscriber_of_old(struct room *r)
{
	subscription(r, 1)->transport.generation = 2;
}
static void op_subscription_to_nothing(struct room *r)
{
	subscription(r, 1)->track.index = 41;
}
static void op_track_before_keys(struct room *r)
{
	track(r, 1)->transport.index = 2;
}
static void op_subscription_before_keys(struct room *r)
{
	subscription(r, 1)->transport.index = 2;
}
static void op_established_at_once(struct room *r)
{
	struct shm_transport_config *c = spare(r);
	const struct shm_transport_config *other = &r->h->dp.shm.transports[0].config;
	c->flags |= SHM_TRANSPORT_ESTABLISHED;
	c->suite = other->suite;
	c->selected_remote = other->selected_remote;
	c->selected_local = other->selected_local;
}
static void op_key_changes(struct room *r)
{
	running(r, 0)->send_master[3] ^= 1;
}
static void op_suite_changes(struct room *r)
{
	running(r, 0)->suite = SHM_SUITE_AEAD_AES_256_GCM;
}
static void op_keys_taken_back(struct room *r)
{
	running(r, 0)->flags &= ~(uint32_t)SHM_TRANSPORT_ESTABLISHED;
}
static void op_transport_in_use(struct room *r)
{
	room_op(r, TRANSPORT, REMOVE, 0, 1);
}
static void op_subscriber_in_use(struct room *r)
{
	room_op(r, TRANSPORT, REMOVE, 1, 1);
}
static void op_track_in_use(struct room *r)
{
	room_op(r, TRACK, REMOVE, 0, 1);
}

static const struct {
	void (*op)(struct room *r);
	enum shm_refusal why;
} refused[] = {
	{op_out_of_table, SHM_REFUSAL_BAD_INDEX},
	{op_track_out_of_table, SHM_REFUSAL_BAD_INDEX},
	{op_subscription_out_of_table, SHM_REFUSAL_BAD_INDEX},
	{op_unknown_type, SHM_REFUSAL_MALFORMED},
	{op_unknown_action, SHM_REFUSAL_MALFORMED},
	{op_twice, SHM_REFUSAL_MALFORMED},
	{op_other_epoch, SHM_REFUSAL_MALFORMED},
	{op_other_generation, SHM_REFUSAL_BAD_GENERATION},
	{op_no_generation, SHM_REFUSAL_BAD_GENERATION},
	{op_record_of_other_generation, SHM_REFUSAL_BAD_GENERATION},
	{op_remove_nothing, SHM_REFUSAL_BAD_GENERATION},
	{op_port_outside, SHM_REFUSAL_BAD_FIELD},
	{op_ufrag_too_long, SHM_REFUSAL_BAD_FIELD},
	{op_unknown_flag, SHM_REFUSAL_BAD_FIELD},
	{op_too_many_codecs, SHM_REFUSAL_BAD_FIELD},
	{op_pt_outside, SHM_REFUSAL_BAD_FIELD},
	{op_track_moves, SHM_REFUSAL_BAD_FIELD},
	{op_sequence_outside, SHM_REFUSAL_BAD_FIELD},
	{op_subscription_changes_ssrc, SHM_REFUSAL_BAD_FIELD},
	{op_port_changes, SHM_REFUSAL_BAD_FIELD},
	{op_same_ufrag, SHM_REFUSAL_DUPLICATE_UFRAG},
	{op_same_ufrag_in_one_record, SHM_REFUSAL_DUPLICATE_UFRAG},
	{op_same_port, SHM_REFUSAL_DUPLICATE_PORT},
	{op_same_receive_ssrc, SHM_REFUSAL_DUPLICATE_SSRC},
	{op_same_send_ssrc, SHM_REFUSAL_DUPLICATE_SSRC},
	{op_send_ssrc_twice, SHM_REFUSAL_DUPLICATE_SSRC},
	{op_track_of_nobody, SHM_REFUSAL_NO_TRANSPORT},
	{op_subscriber_of_old, SHM_REFUSAL_NO_TRANSPORT},
	{op_subscription_to_nothing, SHM_REFUSAL_NO_TRACK},
	{op_track_before_keys, SHM_REFUSAL_NOT_ESTABLISHED},
	{op_subscription_before_keys, SHM_REFUSAL_NOT_ESTABLISHED},
	{op_established_at_once, SHM_REFUSAL_NO_TUPLE},
	{op_key_changes, SHM_REFUSAL_KEY_CHANGE},
	{op_suite_changes, SHM_REFUSAL_KEY_CHANGE},
	{op_keys_taken_back, SHM_REFUSAL_KEY_CHANGE},
	{op_transport_in_use, SHM_REFUSAL_IN_USE},
	{op_subscriber_in_use, SHM_REFUSAL_IN_USE},
	{op_track_in_use, SHM_REFUSAL_IN_USE},
};

// Each is refused by its reason, alone and behind ops that are right, and nothing has changed.
static void refusals(void **state)
{
	struct room *r = *state;
	struct pointers before = pointers_of(r);
	const struct shm_transport_config keep[3] = {r->h->dp.shm.transports[0].config,
						     r->h->dp.shm.transports[1].config,
						     r->h->dp.shm.transports[2].config};
	const struct shm_track_config keep_track = r->h->dp.shm.tracks[0].config;
	const struct shm_subscription_config keep_sub = r->h->dp.shm.subscriptions[0].config;

	for (unsigned i = 0; i < 2 * sizeof(refused) / sizeof(refused[0]); i++) {
		bool behind = i % 2 == 1; // right ops first: they are undone
		if (behind) {
			track(r, 20);
			room_subscribe(r, 20, 20, &r->peers[1], 0x3000);
			subscription(r, 21);
		}
		refused[i / 2].op(r);
		uint32_t last = r->op_count - 1;
		assert_int_equal(apply(r), refused[i / 2].why);
		assert_int_equal(atomic_load(&r->h->dp.shm.acks[r->epoch % SHM_ACK_SLOTS].op),
				 last);
		struct pointers after = pointers_of(r);
		assert_memory_equal(&before, &after, sizeof(before));
		for (int k = 0; k < 3; k++)
			r->h->dp.shm.transports[k].config = keep[k];
		r->h->dp.shm.tracks[0].config = keep_track;
		r->h->dp.shm.subscriptions[0].config = keep_sub;
	}
	// Whatever was refused along the way is free to be had.
	spare(r);
	track(r, 20);
	room_subscribe(r, 20, 20, &r->peers[1], 0x3000);
	subscription(r, 21);
	assert_int_equal(apply(r), SHM_REFUSAL_NONE);
}

// The same number again, be it with other ops: acknowledged as before, nothing happens.
static void a_replay_changes_nothing(void **state)
{
	struct room *r = *state;
	struct shm_command msgs[2] = {
		{.kind = SHM_COMMAND_BEGIN, .op_count = 1},
		{.kind = SHM_COMMAND_OP,
		 .record_type = SUBSCRIPTION,
		 .action = REMOVE,
		 .ref = {0, 1}},
	};

	for (uint64_t epoch = 1; epoch <= r->epoch; epoch++) {
		struct pointers before = pointers_of(r);
		msgs[0].epoch = msgs[1].epoch = epoch;
		assert_true(shm_ring_push(r->h->dp.shm.commands, SHM_COMMAND_SLOTS, msgs, 2));
		r->acked = 0;
		epochs_poll(r->epochs);
		assert_int_equal(r->acked, epoch);
		struct pointers after = pointers_of(r);
		assert_memory_equal(&before, &after, sizeof(before));
	}
	track(r, 1);
	assert_int_equal(apply(r), SHM_REFUSAL_NONE);
}

// Noise and halves of epochs in the ring: counted, skipped, and the next epoch is applied.
static void garbage_in_the_ring(void **state)
{
	struct room *r = *state;
	struct shm_command msgs[3];
	uint32_t x = 77;

	for (int round = 0; round < 200; round++) {
		struct pointers before = pointers_of(r);
		uint64_t garbage = atomic_load(&r->h->dp.shm.header->garbage);
		for (size_t i = 0; i < sizeof(msgs); i++)
			((uint8_t *)msgs)[i] = (uint8_t)next_random(&x);
		msgs[0].kind |= 4; // of no kind there is
		msgs[1].kind |= 4;
		msgs[2] = (struct shm_command){.kind = SHM_COMMAND_OP, .epoch = r->epoch + 1};
		assert_true(shm_ring_push(r->h->dp.shm.commands, SHM_COMMAND_SLOTS, msgs, 3));
		epochs_poll(r->epochs);
		assert_int_equal(atomic_load(&r->h->dp.shm.header->garbage), garbage + 2);
		// A begin whose op never comes, then one of no ops, then of too many.
		const uint32_t counts[] = {1, 0, SHM_EPOCH_OPS_MAX + 1};
		for (int i = 0; i < 3; i++) {
			msgs[0] = (struct shm_command){.kind = SHM_COMMAND_BEGIN,
						       .op_count = counts[i],
						       .epoch = ++r->epoch};
			assert_true(
				shm_ring_push(r->h->dp.shm.commands, SHM_COMMAND_SLOTS, msgs, 1));
			epochs_poll(r->epochs);
			assert_int_equal(r->acked, i == 0 ? r->epoch - 1 : r->epoch);
			if (i == 0)
				r->acked = r->epoch; // refused when the next begins
		}
		struct pointers after = pointers_of(r);
		assert_memory_equal(&before, &after, sizeof(before));
	}
	track(r, 1);
	assert_int_equal(apply(r), SHM_REFUSAL_NONE);
}

// A producer that lies about its index makes the ring look empty, nothing worse.
static void a_head_that_lies(void **state)
{
	struct room *r = *state;
	_Atomic uint32_t *head = &r->h->dp.shm.commands->head;
	uint32_t was = atomic_load(head);

	for (uint32_t by = SHM_COMMAND_SLOTS + 1; by != 0; by <<= 1) {
		atomic_store(head, was + by);
		epochs_poll(r->epochs);
	}
	atomic_store(head, was);
	track(r, 1);
	assert_int_equal(apply(r), SHM_REFUSAL_NONE);
}

// Refused epochs leave nothing behind, however many there are.
static void refusals_wear_nothing_out(void **state)
{
	struct room *r = *state;

	for (unsigned i = 0; i < 20 * HARNESS_TRANSPORTS; i++) {
		struct shm_transport_config *c = spare(r);
		char ufrag[16];
		snprintf(ufrag, sizeof(ufrag), "refuse%04u", i);
		memcpy(c->credentials[0].local_ufrag, ufrag, 10);
		op_track_of_nobody(r);
		assert_int_equal(apply(r), SHM_REFUSAL_NO_TRANSPORT);
	}
	spare(r);
	assert_int_equal(apply(r), SHM_REFUSAL_NONE);
}

// The control plane was killed after a push, or in the middle of one by a build that is not ours:
// what came whole is applied, a half is refused, and only then does all stand still.
static void what_a_dead_control_plane_pushed_settles(void **state)
{
	struct room *r = *state;
	struct shm_command msgs[2] = {
		{.kind = SHM_COMMAND_BEGIN, .op_count = 1, .epoch = ++r->epoch},
		{.kind = SHM_COMMAND_OP,
		 .record_type = SUBSCRIPTION,
		 .action = REMOVE,
		 .ref = {0, 1},
		 .epoch = r->epoch},
	};

	assert_true(epochs_settle(r->epochs));
	assert_true(shm_ring_push(r->h->dp.shm.commands, SHM_COMMAND_SLOTS, msgs, 2));
	assert_false(epochs_settle(r->epochs)); // in the ring
	epochs_poll(r->epochs);
	assert_false(epochs_settle(r->epochs)); // with the workers
	room_deliver(r);
	epochs_poll(r->epochs);
	assert_true(epochs_settle(r->epochs));
	assert_int_equal(r->acked, r->epoch);

	msgs[0].epoch = ++r->epoch;
	assert_true(shm_ring_push(r->h->dp.shm.commands, SHM_COMMAND_SLOTS, msgs, 1));
	epochs_poll(r->epochs);
	assert_int_equal(r->acked, r->epoch - 1);
	assert_true(epochs_settle(r->epochs));
	assert_int_equal(r->acked, r->epoch);
	const struct shm_ack *ack = &r->h->dp.shm.acks[r->epoch % SHM_ACK_SLOTS];
	assert_int_equal(atomic_load(&ack->refusal), SHM_REFUSAL_MALFORMED);
	track(r, 1);
	assert_int_equal(apply(r), SHM_REFUSAL_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(refusals),
					   TEST(a_replay_changes_nothing),
					   TEST(garbage_in_the_ring),
					   TEST(a_head_that_lies),
					   TEST(refusals_wear_nothing_out),
					   TEST(what_a_dead_control_plane_pushed_settles)};

	return cmocka_run_group_tests_name("epochs", tests, NULL, NULL);
}
