// SPDX-License-Identifier: Apache-2.0
// tests/unit/link/client_test.c - attaching, events, slots and blobs, with a dataplane that may
// lie.
#include "controlplane/link/client_state.h"
#include "tests/unit/link/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static unsigned open_descriptors(void)
{
	GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
	unsigned count = 0;

	while (g_dir_read_name(dir) != NULL)
		count++;
	g_dir_close(dir);
	return count;
}

static bool as_many_descriptors(void *user)
{
	return open_descriptors() == *(const unsigned *)user;
}

struct complaint {
	struct fixture *f;
	const char *text;
};

static bool complained(void *user)
{
	const struct complaint *c = user;
	const char *said = c->f->client->complaint;

	return said != NULL && strstr(said, c->text) != NULL;
}

static void test_refused_with_a_sentence(void **state)
{
	static const struct {
		enum fake_answer answer;
		const char *text;
	} rows[] = {
		{FAKE_REFUSAL, FAKE_REASON},
		{FAKE_SHORT, "did not answer the handshake"},
		{FAKE_NO_DESCRIPTORS, "sent no segment"},
		{FAKE_SHORT, "did not answer the handshake"},
		{FAKE_TWO_DESCRIPTORS, "sent no segment"},
		{FAKE_GARBAGE, "not sealed"},
	};
	struct fixture *f = *state;

	fake_dataplane_hang_up(f->fake);
	fixture_await(f, 1);
	assert_int_equal(f->detached, 1);
	unsigned before = open_descriptors();
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		f->fake->answer = rows[i].answer;
		struct complaint c = {.f = f, .text = rows[i].text};
		assert_true(fake_dataplane_spin(complained, &c));
		assert_null(link_client_view(f->client));
	}
	// The fake closes its own a moment later; what the client forgot would stay.
	f->fake->answer = FAKE_REFUSAL;
	assert_true(fake_dataplane_spin(as_many_descriptors, &before));
	f->fake->answer = FAKE_SEGMENT;
	link_client_free(&f->client);
	fixture_attach(f);
	assert_int_equal(f->attached, 2);
}

struct count {
	const unsigned *have;
	unsigned want;
};

static bool counted(void *user)
{
	const struct count *c = user;

	return *c->have >= c->want;
}

static void test_events(void **state)
{
	struct fixture *f = *state;
	struct shm_event event = {.kind = SHM_EVENT_CONSENT_EXPIRED, .ref = {2, 7}};

	// More than are looked at in one turn.
	for (int i = 0; i < 600; i++)
		fake_dataplane_event(f->fake, &event);
	event.kind = SHM_EVENT_EPOCH_ACKED; // for the link alone
	fake_dataplane_event(f->fake, &event);
	event.kind = 4711; // handed on: the receiver's to ignore
	fake_dataplane_event(f->fake, &event);
	struct count c = {.have = &f->events, .want = 601};
	assert_true(fake_dataplane_spin(counted, &c));
	assert_int_equal(f->last_event.kind, 4711);
	assert_int_equal(f->last_event.ref.index, 2);
	assert_int_equal(f->events_lost, 0);
	atomic_fetch_add(&f->fake->view.header->events_lost, 5);
	fake_dataplane_wake(f->fake);
	struct count lost = {.have = &f->events_lost, .want = 1};
	assert_true(fake_dataplane_spin(counted, &lost));
	// A ring index that cannot be is an empty ring.
	atomic_store(&f->fake->view.events->head,
		     atomic_load(&f->fake->view.events->tail) + SHM_EVENT_SLOTS + 1);
	event.kind = SHM_EVENT_KERNEL_PORT_LOST;
	fake_dataplane_wake(f->fake);
	atomic_fetch_add(&f->fake->view.header->events_lost, 1);
	lost.want = 2;
	assert_true(fake_dataplane_spin(counted, &lost));
	assert_int_equal(f->events, 601);
}

static void test_states_out_of_range(void **state)
{
	struct fixture *f = *state;
	struct shm_transport_state t;
	struct shm_track_state k;
	struct shm_subscription_state s;

	assert_true(link_transport_state(f->client, FIXTURE_TRANSPORTS - 1, &t));
	assert_false(link_transport_state(f->client, FIXTURE_TRANSPORTS, &t));
	assert_false(link_track_state(f->client, FIXTURE_TRACKS, &k));
	assert_false(link_subscription_state(f->client, UINT32_MAX, &s));
	// A writer that died in mid-write.
	atomic_store(&f->fake->view.transports[0].state_seq, 1);
	assert_false(link_transport_state(f->client, 0, &t));
}

static void test_slots(void **state)
{
	struct fixture *f = *state;
	struct shm_ref ref[FIXTURE_TRANSPORTS];
	bool seen[FIXTURE_TRANSPORTS] = {false};

	for (int i = 0; i < FIXTURE_TRANSPORTS; i++) {
		ref[i] = link_slot_take(f->client, SHM_RECORD_TRANSPORT);
		assert_int_not_equal(ref[i].generation, 0);
		assert_in_range(ref[i].index, 0, FIXTURE_TRANSPORTS - 1);
		assert_false(seen[ref[i].index]);
		seen[ref[i].index] = true;
	}
	assert_int_equal(link_slot_take(f->client, SHM_RECORD_TRANSPORT).generation, 0);
	link_slot_release(f->client, SHM_RECORD_TRANSPORT, ref[2]);
	struct shm_ref again = link_slot_take(f->client, SHM_RECORD_TRANSPORT);
	assert_int_equal(again.index, ref[2].index);
	assert_int_not_equal(again.generation, ref[2].generation);
	// A former generation releases nothing.
	link_slot_release(f->client, SHM_RECORD_TRANSPORT, ref[2]);
	link_slot_release(f->client, SHM_RECORD_TRANSPORT, (struct shm_ref){77, 1});
	link_slot_release(f->client, SHM_RECORD_TRANSPORT, (struct shm_ref){0, 0});
	assert_int_equal(link_slot_take(f->client, SHM_RECORD_TRANSPORT).generation, 0);
}

static void test_slots_in_use_at_the_attach(void **state)
{
	struct fixture *f = *state;

	link_client_free(&f->client);
	fake_dataplane_run_transport(f->fake, 1, 77, SHM_PHASE_ESTABLISHED);
	f->fake->view.transports[2].config.generation = UINT32_MAX - 9;
	fixture_attach(f);
	for (int i = 0; i < FIXTURE_TRANSPORTS - 1; i++) {
		struct shm_ref ref = link_slot_take(f->client, SHM_RECORD_TRANSPORT);
		assert_int_not_equal(ref.generation, 0);
		assert_int_not_equal(ref.index, 1);
		if (ref.index == 2) // not one that was in use before
			assert_true(ref.generation > UINT32_MAX - 9);
	}
	assert_int_equal(link_slot_take(f->client, SHM_RECORD_TRANSPORT).generation, 0);
	// Whoever looks after the record may remove it.
	fixture_remove(f, (struct shm_ref){1, 77});
	uint32_t ops;
	assert_int_not_equal(fake_dataplane_apply(f->fake, &ops), 0);
	fixture_await(f, 1);
	struct shm_ref ref = link_slot_take(f->client, SHM_RECORD_TRANSPORT);
	assert_int_equal(ref.index, 1);
	assert_int_not_equal(ref.generation, 77);
}

static void assert_no_blob(const struct fixture *f, struct shm_ref ref)
{
	assert_null(link_blob_read(f->client, ref));
}

static void test_blobs(void **state)
{
	struct fixture *f = *state;
	struct shm_ref ref = link_slot_take(f->client, SHM_RECORD_TRANSPORT);
	struct shm_blob *blob = &f->fake->view.blobs[ref.index];
	static uint8_t large[SHM_BLOB_BYTES];

	assert_no_blob(f, ref);
	link_blob_write(f->client, ref, "hello", 5);
	GBytes *bytes = link_blob_read(f->client, ref);
	assert_int_equal(g_bytes_get_size(bytes), 5);
	assert_memory_equal(g_bytes_get_data(bytes, NULL), "hello", 5);
	g_bytes_unref(bytes);
	assert_no_blob(f, (struct shm_ref){ref.index, ref.generation + 1});
	assert_no_blob(f, (struct shm_ref){FIXTURE_TRANSPORTS, ref.generation});
	blob->bytes[0] ^= 1; // torn
	assert_no_blob(f, ref);
	blob->bytes[0] ^= 1;
	blob->size = SHM_BLOB_BYTES - 15;
	assert_no_blob(f, ref);
	blob->size = UINT32_MAX;
	assert_no_blob(f, ref);
	// What is too much is none at all, rather than the old.
	link_blob_write(f->client, ref, "hello", 5);
	link_blob_write(f->client, ref, large, SHM_BLOB_BYTES - 15);
	assert_no_blob(f, ref);
	link_blob_write(f->client, ref, "secret", 6);
	link_slot_release(f->client, SHM_RECORD_TRANSPORT, ref);
	assert_no_blob(f, ref);
	assert_memory_equal(blob->bytes, large, sizeof(blob->bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
		ROW(test_refused_with_a_sentence),    ROW(test_events),
		ROW(test_states_out_of_range),	      ROW(test_slots),
		ROW(test_slots_in_use_at_the_attach), ROW(test_blobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
