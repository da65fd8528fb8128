// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/session/dominant_speaker_test.c - what the dataplane says of who speaks reaches those
// who watch: once, and nothing of what is gone.
#include "controlplane/session/dominant_speaker.h"
#include "controlplane/session/node.h"
#include "controlplane/session/participant.h"
#include "controlplane/session/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM = 7, ANN, BOB, PEOPLE = 2 };

void __wrap_watch_dominant_speaker(const struct track *t);
void __wrap_session_dominant_speaker(struct participant *to, const struct track *t);
bool __wrap_link_track_state(const struct link_client *client, uint32_t index,
			     struct shm_track_state *out);

static struct {
	const struct track *watched;
	unsigned watches, sessions;
	uint32_t dominant; // slot, by the tracks' states
} seen;

void __wrap_watch_dominant_speaker(const struct track *t)
{
	seen.watched = t;
	seen.watches++;
}

void __wrap_session_dominant_speaker(struct participant *to, const struct track *t)
{
	assert_non_null(to);
	assert_ptr_equal(t, seen.watched);
	seen.sessions++;
}

bool __wrap_link_track_state(const struct link_client *client, uint32_t index,
			     struct shm_track_state *out)
{
	(void)client;
	*out = (struct shm_track_state){.generation = 1,
					.flags = index == seen.dominant ? SHM_TRACK_DOMINANT : 0};
	return true;
}

struct house {
	struct node node;
	struct room room;
	struct participant people[PEOPLE];
	struct track tracks[PEOPLE]; // slots ANN and BOB
};

static int build(void **state)
{
	struct house *h = g_new0(struct house, 1);

	memset(&seen, 0, sizeof(seen));
	h->room = (struct room){.node = &h->node,
				.number = ROOM,
				.participants = g_hash_table_new(g_str_hash, g_str_equal)};
	h->node.rooms = g_hash_table_new(g_str_hash, g_str_equal);
	h->node.room_numbers = g_hash_table_new(NULL, NULL);
	g_hash_table_insert(h->node.rooms, (char *)"room", &h->room);
	g_hash_table_insert(h->node.room_numbers, GUINT_TO_POINTER(ROOM), &h->room);
	for (unsigned i = 0; i < PEOPLE; i++) {
		h->people[i] = (struct participant){.room = &h->room, .tracks = g_ptr_array_new()};
		h->tracks[i] =
			(struct track){.owner = &h->people[i], .ref = {ANN + i, 1}, .live = true};
		g_ptr_array_add(h->people[i].tracks, &h->tracks[i]);
		g_hash_table_insert(h->room.participants, i == 0 ? (char *)"ann" : (char *)"bob",
				    &h->people[i]);
	}
	*state = h;
	return 0;
}

static int clear(void **state)
{
	struct house *h = *state;

	for (unsigned i = 0; i < PEOPLE; i++)
		g_ptr_array_unref(h->people[i].tracks);
	g_hash_table_unref(h->room.participants);
	g_hash_table_unref(h->node.rooms);
	g_hash_table_unref(h->node.room_numbers);
	g_free(h);
	return 0;
}

static void say(struct house *h, uint64_t room, uint32_t slot, uint32_t generation)
{
	const struct shm_event event = {.kind = SHM_EVENT_DOMINANT_SPEAKER,
					.record_type = SHM_RECORD_TRACK,
					.ref = {slot, generation},
					.value = room};

	dominant_speaker_event(&h->node, &event);
}

static void everybody_is_told_once(void **state)
{
	struct house *h = *state;

	say(h, ROOM, ANN, 1);
	say(h, ROOM, ANN, 1);
	assert_ptr_equal(h->room.dominant, &h->tracks[0]);
	assert_ptr_equal(seen.watched, &h->tracks[0]);
	assert_int_equal(seen.watches, 1);
	assert_int_equal(seen.sessions, PEOPLE);
	say(h, ROOM, BOB, 1);
	assert_ptr_equal(h->room.dominant, &h->tracks[1]);
	assert_int_equal(seen.watches, 2);
}

static void what_is_gone_says_nothing(void **state)
{
	struct house *h = *state;

	say(h, ROOM + 1, ANN, 1);
	say(h, ROOM + (UINT64_C(1) << 32), ANN, 1);
	say(h, ROOM, ANN, 2);
	say(h, ROOM, BOB + 1, 1);
	h->tracks[0].live = false;
	say(h, ROOM, ANN, 1);
	assert_null(h->room.dominant);
	assert_int_equal(seen.watches, 0);
}

static void lost_events_are_made_good(void **state)
{
	struct house *h = *state;

	say(h, ROOM, ANN, 1);
	dominant_speakers_read(&h->node); // nobody is, by the states: it stays
	assert_ptr_equal(h->room.dominant, &h->tracks[0]);
	seen.dominant = BOB;
	dominant_speakers_read(&h->node);
	assert_ptr_equal(h->room.dominant, &h->tracks[1]);
	assert_int_equal(seen.watches, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everybody_is_told_once, build, clear),
		cmocka_unit_test_setup_teardown(what_is_gone_says_nothing, build, clear),
		cmocka_unit_test_setup_teardown(lost_events_are_made_good, build, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
