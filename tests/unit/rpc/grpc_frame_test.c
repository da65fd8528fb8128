// SPDX-License-Identifier: Apache-2.0
// tests/unit/rpc/grpc_frame_test.c - messages are found wherever the pieces are cut.
#include "controlplane/rpc/grpc_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

// Three messages: "abc", empty, "defghij".
static const uint8_t stream[] = "\0\0\0\0\3abc"
				"\0\0\0\0\0"
				"\0\0\0\0\7defghij";
enum { STREAM_BYTES = sizeof(stream) - 1 };

static void feed_all(struct grpc_deframer *d, const uint8_t *bytes, size_t n, GString *seen)
{
	while (n > 0) {
		enum grpc_deframe got = grpc_deframer_feed(d, &bytes, &n);

		assert_true(got == GRPC_MORE || got == GRPC_MESSAGE);
		if (got == GRPC_MESSAGE) {
			g_string_append_len(seen, (char *)d->message->data, d->message->len);
			g_string_append_c(seen, '|');
		}
	}
}

static void test_every_pair_of_cuts(void **state)
{
	(void)state;
	for (size_t a = 0; a <= STREAM_BYTES; a++) {
		for (size_t b = a; b <= STREAM_BYTES; b++) {
			struct grpc_deframer d;
			GString *seen = g_string_new(NULL);

			grpc_deframer_init(&d, 7);
			feed_all(&d, stream, a, seen);
			feed_all(&d, stream + a, b - a, seen);
			feed_all(&d, stream + b, STREAM_BYTES - b, seen);
			assert_string_equal(seen->str, "abc||defghij|");
			assert_true(grpc_deframer_is_idle(&d));
			grpc_deframer_clear(&d);
			g_string_free(seen, TRUE);
		}
	}
}

static void test_prefixes_that_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		enum grpc_deframe want;
	} rows[] = {
		{"\0\0\0\0\7", GRPC_MORE},
		{"\0\0\0\0\10", GRPC_TOO_LARGE},
		{"\0\377\377\377\377", GRPC_TOO_LARGE},
		{"\1\0\0\0\0", GRPC_COMPRESSED},
		{"\2\0\0\0\0", GRPC_BAD_FLAGS},
		{"\200\0\0\0\0", GRPC_BAD_FLAGS},
		{"GET /", GRPC_BAD_FLAGS},
		{"\0\0\0\0\0", GRPC_MESSAGE},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const uint8_t *bytes = (const uint8_t *)rows[i].bytes;
		struct grpc_deframer d;
		size_t n = 5;

		grpc_deframer_init(&d, 7);
		assert_int_equal(grpc_deframer_feed(&d, &bytes, &n), rows[i].want);
		assert_int_equal(n, 0);
		grpc_deframer_clear(&d);
	}
}

static void test_a_body_may_not_end_inside_a_message(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < 8; cut++) {
		const uint8_t *bytes = stream;
		struct grpc_deframer d;
		size_t n = cut;

		grpc_deframer_init(&d, 7);
		assert_int_equal(grpc_deframer_feed(&d, &bytes, &n), GRPC_MORE);
		assert_int_equal(grpc_deframer_is_idle(&d), cut == 0);
		grpc_deframer_clear(&d);
	}
}

static void test_trailers_frame(void **state)
{
	GBytes *frame = grpc_frame_trailers("grpc-status: 0\r\n");

	(void)state;
	assert_int_equal(g_bytes_get_size(frame), 5 + 16);
	assert_memory_equal(g_bytes_get_data(frame, NULL), "\200\0\0\0\20grpc-status: 0\r\n", 21);
	g_bytes_unref(frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_pair_of_cuts),
		cmocka_unit_test(test_prefixes_that_are_refused),
		cmocka_unit_test(test_a_body_may_not_end_inside_a_message),
		cmocka_unit_test(test_trailers_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
