// SPDX-License-Identifier: Apache-2.0
// tests/unit/rpc/unpack_test.c - hostile messages: bounded memory, checked strings.
#include "controlplane/rpc/unpack.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "proto/api/sluice/v1/room.pb-c.h"
#include "proto/api/sluice/v1/signalling.pb-c.h"
#include "proto/api/table.h"

enum { BUDGET = 64 * 1024 };

static enum unpack_result run(const ProtobufCMessageDescriptor *type, const void *bytes, size_t n,
			      size_t budget, const char **field)
{
	struct unpack_arena arena;
	ProtobufCMessage *message;
	enum unpack_result result;

	unpack_arena_init(&arena, budget);
	result = unpack_message(&arena, type, bytes, n, &message, field);
	unpack_arena_clear(&arena);
	return result;
}

// Strings of field 1 of CreateRoomRequest. Unicode 15, table 3-7: what is well-formed.
static void test_utf8(void **state)
{
	static const struct {
		const char *text;
		enum unpack_result want;
	} rows[] = {
		{"plain", UNPACK_OK},
		{"\xc2\x80 \xdf\xbf", UNPACK_OK},
		{"\xe0\xa0\x80 \xef\xbf\xbf", UNPACK_OK},
		{"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf", UNPACK_OK},
		{"\x80", UNPACK_NOT_UTF8},
		{"\xc0\xaf", UNPACK_NOT_UTF8}, // overlong
		{"\xe0\x80\xaf", UNPACK_NOT_UTF8}, // overlong
		{"\xed\xa0\x80", UNPACK_NOT_UTF8}, // surrogate
		{"\xf4\x90\x80\x80", UNPACK_NOT_UTF8}, // above U+10FFFF
		{"\xff", UNPACK_NOT_UTF8},
		{"cut \xe2\x82", UNPACK_NOT_UTF8},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		size_t n = strlen(rows[i].text);
		uint8_t bytes[64] = {0x0a, (uint8_t)n};
		const char *field;

		memcpy(bytes + 2, rows[i].text, n);
		assert_int_equal(run(&sluice__v1__create_room_request__descriptor, bytes, n + 2,
				     BUDGET, &field),
				 rows[i].want);
		if (rows[i].want == UNPACK_NOT_UTF8)
			assert_string_equal(field, "room_id");
	}
}

// The check reaches sub-messages, repeated fields and the chosen member of a oneof.
static void test_utf8_in_depth(void **state)
{
	static const struct {
		const ProtobufCMessageDescriptor *type;
		const char *bytes;
		size_t n;
		const char *field;
	} rows[] = {
		{&sluice__v1__join_response__descriptor, "\x0a\x03\x0a\x01\xff", 5, "participant"},
		{&sluice__v1__publish_request__descriptor, "\x1a\x03\x0a\x01\xff", 5, "mid"},
		{&sluice__v1__add_ice_candidates_request__descriptor,
		 "\x1a\x01"
		 "a\x1a\x01\xff",
		 6, "candidates"},
		{&sluice__v1__event__descriptor, "\x2a\x03\x0a\x01\xff", 5, "name"},
	};
	const char *field;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		assert_int_equal(run(rows[i].type, rows[i].bytes, rows[i].n, BUDGET, &field),
				 UNPACK_NOT_UTF8);
		assert_string_equal(field, rows[i].field);
	}
	// A oneof whose last member won: the place holds another type than the first ones'.
	assert_int_equal(run(&sluice__v1__event__descriptor, "\x22\x00\x2a\x00\x32\x03\x0a\x01x", 9,
			     BUDGET, &field),
			 UNPACK_OK);
}

// Two bytes on the wire, a whole Participant in memory, a hundred thousand times.
static void test_budget(void **state)
{
	enum { COUNT = 100000 };
	uint8_t *bytes = g_malloc(2 * COUNT);
	const char *field;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		bytes[2 * i] = 0x0a;
		bytes[2 * i + 1] = 0;
	}
	assert_int_equal(run(&sluice__v1__list_participants_response__descriptor, bytes, 2 * COUNT,
			     4 << 20, &field),
			 UNPACK_TOO_LARGE);
	assert_int_equal(run(&sluice__v1__list_participants_response__descriptor, bytes, 2 * COUNT,
			     256 << 20, &field),
			 UNPACK_OK);
	g_free(bytes);
}

// Whatever the budget, it is kept: never more taken than given, and no crash on the way.
static void test_every_budget(void **state)
{
	static const uint8_t bytes[] = "\x0a\x04room\x12\x02id\x1a\x04name\x22\x02rq\x98\x06\x01";
	const char *field;
	bool ok = false;

	(void)state;
	for (size_t budget = 0; budget < 2048; budget++) {
		enum unpack_result got = run(&sluice__v1__join_request__descriptor, bytes,
					     sizeof(bytes) - 1, budget, &field);

		assert_true(got == UNPACK_TOO_LARGE || got == UNPACK_OK);
		assert_true(!ok || got == UNPACK_OK); // more never hurts
		ok = got == UNPACK_OK;
	}
	assert_true(ok);
}

static void test_malformed(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{"\x0a", 1},
		{"\x0a\x05"
		 "a",
		 3},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11},
		{"\x0b", 1},
		{"\x00\x00", 2},
		{"\x0a\xff\xff\xff\xff\x0f", 6},
	};
	const char *field;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		assert_int_equal(run(&sluice__v1__create_room_request__descriptor, rows[i].bytes,
				     rows[i].n, BUDGET, &field),
				 UNPACK_MALFORMED);
}

static void test_random_bytes(void **state)
{
	GRand *rand = g_rand_new_with_seed(20260101);
	uint8_t bytes[64];
	const char *field;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		size_t n = (size_t)g_rand_int_range(rand, 0, sizeof(bytes));
		const struct api_method *m =
			&api_methods[g_rand_int_range(rand, 0, (gint32)api_method_count)];

		for (size_t k = 0; k < n; k++)
			bytes[k] = (uint8_t)g_rand_int_range(rand, 0, k % 2 == 0 ? 64 : 16);
		(void)run(m->request, bytes, n, 8192, &field);
	}
	g_rand_free(rand);
}

static void test_our_protos_are_shallow(void **state)
{
	(void)state;
	assert_true(api_method_count > 0);
	for (size_t i = 0; i < api_method_count; i++)
		assert_true(unpack_depth_is_bounded(api_methods[i].request));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_utf8_in_depth),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_every_budget),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_our_protos_are_shallow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
