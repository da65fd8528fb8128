// SPDX-License-Identifier: Apache-2.0
// tests/unit/link/epoch_test.c - epochs: one at a time, in order, answered once, whatever comes.
#include "tests/unit/link/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_one_after_the_other(void **state)
{
	struct fixture *f = *state;
	struct shm_ref ref[3];
	struct shm_command c;

	for (int i = 0; i < 3; i++) {
		ref[i] = link_slot_take(f->client, SHM_RECORD_TRANSPORT);
		fixture_apply(f, ref[i]);
	}
	for (uint64_t i = 0; i < 3; i++) {
		const struct shm_transport_config *config =
			&f->fake->view.transports[ref[i].index].config;
		assert_true(fake_dataplane_pop(f->fake, &c));
		assert_int_equal(c.kind, SHM_COMMAND_BEGIN);
		assert_int_equal(c.op_count, 1);
		assert_int_equal(c.epoch, i + 1);
		assert_int_equal(f->fake->view.header->control_epoch, i + 1);
		assert_true(fake_dataplane_pop(f->fake, &c));
		assert_int_equal(c.kind, SHM_COMMAND_OP);
		assert_int_equal(c.record_type, SHM_RECORD_TRANSPORT);
		assert_int_equal(c.action, SHM_ACTION_APPLY);
		assert_memory_equal(&c.ref, &ref[i], sizeof(c.ref));
		assert_int_equal(config->generation, ref[i].generation);
		assert_int_equal(config->internal_port, 40001);
		// The next one waits for this one's answer.
		assert_false(fake_dataplane_pop(f->fake, &c));
		fake_dataplane_ack(f->fake, i + 1, SHM_REFUSAL_NONE, 0);
		fixture_await(f, i + 1);
	}
	assert_string_equal(f->told->str, "aaa");
}

static void test_refusal(void **state)
{
	struct fixture *f = *state;
	struct shm_ref ref = link_slot_take(f->client, SHM_RECORD_TRANSPORT);
	struct shm_command c;

	fixture_apply(f, ref);
	fake_dataplane_ack(f->fake, 1, SHM_REFUSAL_DUPLICATE_UFRAG, 0);
	fixture_await(f, 1);
	assert_string_equal(f->told->str, "r");
	assert_int_equal(f->last.refusal, SHM_REFUSAL_DUPLICATE_UFRAG);
	assert_string_equal(link_result_text(&f->last), "the local ufrag is in use");
	// A number that is none of ours is still a sentence.
	f->last.refusal = (enum shm_refusal)4711;
	assert_non_null(link_result_text(&f->last));
	while (fake_dataplane_pop(f->fake, &c))
		;
	// It never ran: its removal would be refused, so it is not even asked for.
	fixture_remove(f, ref);
	fixture_await(f, 2);
	assert_string_equal(f->told->str, "ra");
	assert_false(fake_dataplane_pop(f->fake, &c));
	for (int i = 0; i < FIXTURE_TRANSPORTS; i++)
		assert_int_not_equal(link_slot_take(f->client, SHM_RECORD_TRANSPORT).generation, 0);
}

// What never ran is left out, and what the dataplane counts is told as the caller counts.
static bool another_epoch(void *user)
{
	const struct fixture *f = user;

	return !shm_ring_is_empty(f->fake->view.commands, SHM_COMMAND_SLOTS);
}

static void test_refused_record_does_not_hold_the_others(void **state)
{
	struct fixture *f = *state;
	struct shm_ref runs = link_slot_take(f->client, SHM_RECORD_TRANSPORT);
	struct shm_ref never = link_slot_take(f->client, SHM_RECORD_TRANSPORT);
	struct shm_command c;
	uint32_t ops;

	fixture_apply(f, runs);
	assert_int_equal(fake_dataplane_apply(f->fake, &ops), 1);
	fixture_await(f, 1);
	struct link_epoch *e = link_epoch_new(f->client);
	link_epoch_remove(e, SHM_RECORD_TRANSPORT, never);
	link_epoch_remove(e, SHM_RECORD_TRANSPORT, runs);
	link_epoch_submit(e, fixture_done, f);
	assert_true(fake_dataplane_pop(f->fake, &c));
	assert_int_equal(c.op_count, 1);
	assert_true(fake_dataplane_pop(f->fake, &c));
	assert_memory_equal(&c.ref, &runs, sizeof(runs));
	fake_dataplane_ack(f->fake, 2, SHM_REFUSAL_BAD_GENERATION, 0);
	fixture_await(f, 2);
	assert_int_equal(f->last.op, 1);
}

// A removal that finds no room, or is still referred to, comes again by itself.
static void test_refused_removal_is_repeated(void **state)
{
	struct fixture *f = *state;
	struct shm_ref ref = link_slot_take(f->client, SHM_RECORD_TRANSPORT);
	struct shm_command c;
	uint32_t ops;

	fixture_apply(f, ref);
	assert_int_equal(fake_dataplane_apply(f->fake, &ops), 1);
	fixture_await(f, 1);
	fixture_remove(f, ref);
	assert_true(fake_dataplane_pop(f->fake, &c) && fake_dataplane_pop(f->fake, &c));
	fake_dataplane_ack(f->fake, 2, SHM_REFUSAL_NO_MEMORY, 0);
	assert_true(fake_dataplane_spin(another_epoch, f));
	assert_int_equal(fake_dataplane_apply(f->fake, &ops), 3);
	fixture_await(f, 2);
	assert_string_equal(f->told->str, "aa");
}

struct prepared {
	struct fixture *f;
	struct shm_ref ref;
	char told_before[8]; // what had been answered when it was asked
};

static void prepare(void *user, struct link_epoch *e)
{
	struct prepared *p = user;

	g_strlcpy(p->told_before, p->f->told->str, sizeof(p->told_before));
	link_epoch_remove(e, SHM_RECORD_TRANSPORT, p->ref);
}

// It is completed once, when everything before it has been answered.
static void test_completed_when_pushed(void **state)
{
	struct fixture *f = *state;
	struct prepared p = {.f = f, .ref = link_slot_take(f->client, SHM_RECORD_TRANSPORT)};
	uint32_t ops;

	fixture_apply(f, p.ref);
	struct link_epoch *e = link_epoch_new(f->client);
	link_epoch_on_push(e, prepare, &p);
	link_epoch_submit(e, fixture_done, f);
	assert_int_equal(fake_dataplane_apply(f->fake, &ops), 1);
	assert_string_equal(p.told_before, "");
	fixture_await(f, 1);
	assert_string_equal(p.told_before, "a");
	assert_int_equal(fake_dataplane_apply(f->fake, &ops), 2);
	assert_int_equal(ops, 1);
	fixture_await(f, 2);
}

static void test_removal_wipes_and_frees(void **state)
{
	struct fixture *f = *state;
	struct shm_ref ref = link_slot_take(f->client, SHM_RECORD_TRANSPORT);
	const struct shm_transport_config *config = &f->fake->view.transports[ref.index].config;
	struct shm_transport_config zero = {0};
	uint32_t ops;

	fixture_apply(f, ref);
	assert_int_equal(fake_dataplane_apply(f->fake, &ops), 1);
	fixture_await(f, 1);
	assert_memory_equal(config->send_master, "secret", 6);
	fixture_remove(f, ref);
	fixture_await(f, 1);
	assert_memory_equal(config->send_master, "secret", 6); // not before the answer
	assert_int_equal(fake_dataplane_apply(f->fake, &ops), 2);
	fixture_await(f, 2);
	assert_memory_equal(config, &zero, sizeof(zero));
}

static void test_empty_ones_keep_their_place(void **state)
{
	struct fixture *f = *state;
	struct shm_command c;
	uint32_t ops;

	link_epoch_submit(link_epoch_new(f->client), fixture_done, f);
	assert_int_equal(f->told->len, 0); // never from inside the call
	fixture_await(f, 1);
	fixture_apply(f, link_slot_take(f->client, SHM_RECORD_TRANSPORT));
	link_epoch_submit(link_epoch_new(f->client), fixture_done, f);
	link_epoch_submit(link_epoch_new(f->client), fixture_done, f);
	fixture_apply(f, link_slot_take(f->client, SHM_RECORD_TRANSPORT));
	g_main_context_iteration(NULL, FALSE);
	assert_int_equal(f->told->len, 1);
	assert_int_equal(fake_dataplane_apply(f->fake, &ops), 1);
	fixture_await(f, 4);
	while (fake_dataplane_apply(f->fake, &ops) != 2)
		g_main_context_iteration(NULL, TRUE);
	fixture_await(f, 5);
	assert_string_equal(f->told->str, "aaaaa");
	assert_false(fake_dataplane_pop(f->fake, &c));
}

static void test_full_ring_waits(void **state)
{
	struct fixture *f = *state;
	struct shm_ring *ring = f->fake->view.commands;
	uint32_t ops;

	// As if the dataplane had not looked for as long as the ring holds.
	atomic_store(&ring->tail, atomic_load(&ring->head) - SHM_COMMAND_SLOTS);
	uint32_t head = atomic_load(&ring->head);
	fixture_apply(f, link_slot_take(f->client, SHM_RECORD_TRANSPORT));
	assert_int_equal(atomic_load(&ring->head), head);
	atomic_store(&ring->tail, head);
	while (fake_dataplane_apply(f->fake, &ops) == 0)
		g_main_context_iteration(NULL, TRUE); // the heartbeat tries again
	fixture_await(f, 1);
	assert_string_equal(f->told->str, "a");
}

static void test_more_removals_than_an_epoch_holds(void **state)
{
	struct fixture *f = *state;
	static struct shm_ref ref[FIXTURE_SUBSCRIPTIONS];
	struct shm_subscription_config config = {.ssrc = 1};
	uint32_t ops;

	for (int part = 0; part < 2; part++) {
		struct link_epoch *e = link_epoch_new(f->client);
		for (int i = 0; i < SHM_EPOCH_OPS_MAX; i++) {
			struct shm_ref *r = &ref[part * SHM_EPOCH_OPS_MAX + i];
			*r = link_slot_take(f->client, SHM_RECORD_SUBSCRIPTION);
			assert_int_not_equal(r->generation, 0);
			link_epoch_subscription(e, *r, &config);
		}
		link_epoch_submit(e, fixture_done, f);
		assert_int_not_equal(fake_dataplane_apply(f->fake, &ops), 0);
		fixture_await(f, (size_t)part + 1);
	}
	// Applying is all or nothing: too much of it is refused.
	struct link_epoch *large = link_epoch_new(f->client);
	struct link_epoch *e = link_epoch_new(f->client);
	for (int i = 0; i < FIXTURE_SUBSCRIPTIONS; i++) {
		link_epoch_subscription(large, ref[i], &config);
		link_epoch_remove(e, SHM_RECORD_SUBSCRIPTION, ref[i]);
	}
	link_epoch_submit(large, fixture_done, f);
	fixture_await(f, 3);
	assert_string_equal(f->told->str, "aar");
	link_epoch_submit(e, fixture_done, f);
	assert_int_equal(fake_dataplane_apply(f->fake, &ops), 3);
	assert_int_equal(ops, SHM_EPOCH_OPS_MAX);
	while (fake_dataplane_apply(f->fake, &ops) != 4)
		g_main_context_iteration(NULL, TRUE);
	fixture_await(f, 4);
	assert_string_equal(f->told->str, "aara");
	assert_int_not_equal(link_slot_take(f->client, SHM_RECORD_SUBSCRIPTION).generation, 0);
}

static void submit_again(void *user, const struct link_result *result)
{
	struct fixture *f = user;

	fixture_done(f, result);
	link_epoch_submit(link_epoch_new(f->client), fixture_done, f);
}

static void test_detach_answers_what_is_pending(void **state)
{
	struct fixture *f = *state;

	fixture_apply(f, link_slot_take(f->client, SHM_RECORD_TRANSPORT));
	fixture_apply(f, link_slot_take(f->client, SHM_RECORD_TRANSPORT));
	link_epoch_submit(link_epoch_new(f->client), submit_again, f);
	fake_dataplane_hang_up(f->fake);
	fixture_await(f, 5);
	assert_string_equal(f->told->str, "ggggd");
	assert_string_equal(link_result_text(&f->last), "no dataplane is attached");
	assert_int_equal(link_slot_take(f->client, SHM_RECORD_TRANSPORT).generation, 0);
	fixture_apply(f, (struct shm_ref){0, 1});
	assert_int_equal(f->told->len, 5);
	fixture_await(f, 6);
	assert_string_equal(f->told->str, "ggggdg");
}

static void test_free_answers_what_is_pending(void **state)
{
	struct fixture *f = *state;

	fixture_apply(f, link_slot_take(f->client, SHM_RECORD_TRANSPORT));
	link_epoch_submit(link_epoch_new(f->client), fixture_done, f);
	link_epoch_discard(link_epoch_new(f->client));
	link_client_free(&f->client);
	assert_string_equal(f->told->str, "gg");
	// The next control plane goes on where this one was, even in mid-push.
	fixture_attach(f);
	fixture_apply(f, link_slot_take(f->client, SHM_RECORD_TRANSPORT));
	assert_int_equal(f->fake->view.header->control_epoch, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
		ROW(test_one_after_the_other),
		ROW(test_refusal),
		ROW(test_refused_record_does_not_hold_the_others),
		ROW(test_refused_removal_is_repeated),
		ROW(test_completed_when_pushed),
		ROW(test_removal_wipes_and_frees),
		ROW(test_empty_ones_keep_their_place),
		ROW(test_full_ring_waits),
		ROW(test_more_removals_than_an_epoch_holds),
		ROW(test_detach_answers_what_is_pending),
		ROW(test_free_answers_what_is_pending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
