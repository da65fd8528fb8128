// SPDX-License-Identifier: Apache-2.0
// tests/unit/session/orphans_test.c - what an earlier control plane left in the segment: found,
// shown, kept while it runs, and freed with all that hangs on it.
#include "controlplane/session/orphans.h"

#include "controlplane/session/node.h"
#include "controlplane/session/participant.h"
#include "proto/shm/snapshot.h"
#include "tests/unit/link/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { TRANSPORT_GENERATION = 7, TRACK_GENERATION = 8, SUBSCRIPTION_GENERATION = 9 };

static struct node *node_of(struct fixture *f)
{
	struct node *n = g_new0(struct node, 1);

	n->link = f->client;
	n->ports = ports_new(40000, 40001);
	n->transports = g_hash_table_new(NULL, NULL);
	n->orphans = orphans_new(n);
	return n;
}

static void node_clear(struct node *n)
{
	orphans_free(&n->orphans);
	g_hash_table_unref(n->transports);
	ports_free(&n->ports);
	g_free(n);
}

static void leave_transport(struct fixture *f, uint32_t index, enum shm_transport_phase phase)
{
	f->fake->view.transports[index].config.internal_port = 40001;
	fake_dataplane_run_transport(f->fake, index, TRANSPORT_GENERATION, phase);
}

static void leave_blob(struct fixture *f, uint32_t index)
{
	GVariantDict d;

	g_variant_dict_init(&d, NULL);
	g_variant_dict_insert(&d, "room", "s", "r");
	g_variant_dict_insert(&d, "participant", "s", "p");
	g_variant_dict_insert(&d, "uid", "s", "u");
	g_variant_dict_insert(&d, "publishes", "b", TRUE);
	GVariant *v = g_variant_ref_sink(g_variant_dict_end(&d));
	link_blob_write(f->client, (struct shm_ref){index, TRANSPORT_GENERATION},
			g_variant_get_data(v), g_variant_get_size(v));
	g_variant_unref(v);
}

// A track of transport 1 in slot 2, and a subscription to it on another transport in slot 3.
static void leave_track(struct fixture *f)
{
	struct shm_track_slot *track = &f->fake->view.tracks[2];
	struct shm_subscription_slot *subscription = &f->fake->view.subscriptions[3];
	struct shm_track_state ts = {.generation = TRACK_GENERATION};
	struct shm_subscription_state ss = {.generation = SUBSCRIPTION_GENERATION};

	track->config.generation = TRACK_GENERATION;
	track->config.transport = (struct shm_ref){1, TRANSPORT_GENERATION};
	shm_snapshot_write(&track->state_seq, &track->state, &ts, sizeof(ts));
	subscription->config.generation = SUBSCRIPTION_GENERATION;
	subscription->config.track = (struct shm_ref){2, TRACK_GENERATION};
	subscription->config.transport = (struct shm_ref){0, TRANSPORT_GENERATION};
	shm_snapshot_write(&subscription->state_seq, &subscription->state, &ss, sizeof(ss));
}

// As the control plane that comes next finds it.
static void attach_again(struct fixture *f)
{
	link_client_free(&f->client);
	fixture_attach(f);
}

static void test_shown_and_kept(void **state)
{
	struct fixture *f = *state;
	struct shm_command c;

	leave_transport(f, 1, SHM_PHASE_ESTABLISHED);
	leave_blob(f, 1);
	attach_again(f);
	struct node *n = node_of(f);
	orphans_find(n->orphans);
	orphans_check(n->orphans);
	assert_int_equal(orphans_count(n->orphans), 1);
	GPtrArray *all = orphans_messages(n->orphans, NULL);
	assert_int_equal(all->len, 1);
	Sluice__V1__Participant *m = all->pdata[0];
	assert_string_equal(m->name, "rooms/r/participants/p");
	assert_string_equal(m->uid, "u");
	assert_true(m->orphan);
	assert_int_equal(m->publish_transport,
			 SLUICE__V1__TRANSPORT_STATE__TRANSPORT_STATE_CONNECTED);
	participant_message_free(m);
	g_ptr_array_unref(all);
	all = orphans_messages(n->orphans, "another");
	assert_int_equal(all->len, 0);
	g_ptr_array_unref(all);
	// Its media runs: nothing is removed, and its port is nobody else's.
	assert_false(fake_dataplane_pop(f->fake, &c));
	assert_int_equal(ports_take(n->ports), 40000);
	assert_int_equal(ports_take(n->ports), 0);
	// Consent of a former generation of the slot says nothing about it.
	orphans_expired(n->orphans, (struct shm_ref){1, TRANSPORT_GENERATION + 1});
	assert_int_equal(orphans_count(n->orphans), 1);
	node_clear(n);
}

static void test_freed_with_all_that_hangs_on_it(void **state)
{
	static const struct {
		uint32_t type;
		struct shm_ref ref;
	} want[] = {
		{SHM_RECORD_SUBSCRIPTION, {3, SUBSCRIPTION_GENERATION}},
		{SHM_RECORD_TRACK, {2, TRACK_GENERATION}},
		{SHM_RECORD_TRANSPORT, {1, TRANSPORT_GENERATION}},
	};
	struct fixture *f = *state;
	struct shm_command c;

	leave_transport(f, 0, SHM_PHASE_ESTABLISHED);
	leave_transport(f, 1, SHM_PHASE_ESTABLISHED);
	leave_track(f);
	attach_again(f);
	struct node *n = node_of(f);
	orphans_find(n->orphans);
	assert_int_equal(orphans_count(n->orphans), 2);
	orphans_expired(n->orphans, (struct shm_ref){1, TRANSPORT_GENERATION});
	assert_int_equal(orphans_count(n->orphans), 1);
	assert_true(fake_dataplane_pop(f->fake, &c));
	assert_int_equal(c.op_count, G_N_ELEMENTS(want));
	for (size_t i = 0; i < G_N_ELEMENTS(want); i++) {
		assert_true(fake_dataplane_pop(f->fake, &c));
		assert_int_equal(c.action, SHM_ACTION_REMOVE);
		assert_int_equal(c.record_type, want[i].type);
		assert_memory_equal(&c.ref, &want[i].ref, sizeof(c.ref));
	}
	node_clear(n);
}

static void test_never_established(void **state)
{
	struct fixture *f = *state;
	uint32_t ops;

	leave_transport(f, 1, SHM_PHASE_CHECKED);
	attach_again(f);
	struct node *n = node_of(f);
	orphans_find(n->orphans);
	assert_int_equal(orphans_count(n->orphans), 0);
	assert_int_not_equal(fake_dataplane_apply(f->fake, &ops), 0);
	assert_int_equal(ops, 1);
	node_clear(n);
}

// Garbage in the segment is nothing to show, and nothing to fall over.
static void test_garbage(void **state)
{
	struct fixture *f = *state;
	uint8_t noise[512];

	for (uint32_t i = 0; i < FIXTURE_TRANSPORTS; i++)
		leave_transport(f, i, SHM_PHASE_ESTABLISHED);
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 151 + 7);
	link_blob_write(f->client, (struct shm_ref){0, TRANSPORT_GENERATION}, noise, sizeof(noise));
	link_blob_write(f->client, (struct shm_ref){1, TRANSPORT_GENERATION}, "", 0);
	leave_blob(f, 2);
	f->fake->view.blobs[2].bytes[3] ^= 0xff;
	leave_track(f);
	f->fake->view.subscriptions[3].config.track.index = UINT32_MAX;
	attach_again(f);
	struct node *n = node_of(f);
	orphans_find(n->orphans);
	assert_int_equal(orphans_count(n->orphans), FIXTURE_TRANSPORTS);
	GPtrArray *all = orphans_messages(n->orphans, NULL);
	assert_int_equal(all->len, 0);
	g_ptr_array_unref(all);
	for (uint32_t i = 0; i < FIXTURE_TRANSPORTS; i++)
		orphans_expired(n->orphans, (struct shm_ref){i, TRANSPORT_GENERATION});
	assert_int_equal(orphans_count(n->orphans), 0);
	node_clear(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
		ROW(test_shown_and_kept),
		ROW(test_freed_with_all_that_hangs_on_it),
		ROW(test_never_established),
		ROW(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
