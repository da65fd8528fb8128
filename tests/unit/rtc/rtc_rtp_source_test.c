// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_rtp_source_test.c - indices of packets without SRTP: RFC 3550 A.1's cases as a
// table, and on random numbers no index twice.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/rtp_source.h"

enum { ROUNDS = 200000 };

static void table(void **state)
{
	struct rtp_source s;
	uint64_t index;

	(void)state;
	rtp_source_init(&s);
#define TAKEN(n, seq, want)                                                                        \
	if (!rtp_source_receive(&s, (seq), &index) || index != (want))                             \
	fail_msg("case " #n ": index %llu", (unsigned long long)index)
#define REFUSED(n, seq)                                                                            \
	if (rtp_source_receive(&s, (seq), &index))                                                 \
	fail_msg("case " #n " was taken")
	TAKEN(1, 65000, 65000); // any number begins
	REFUSED(2, 65000); // a repeat
	TAKEN(3, 64999, 64999); // late
	TAKEN(4, 65535, 65535);
	TAKEN(5, 0, 65536); // over the edge
	TAKEN(6, 3000, 65536 + 3000); // a gap as large as is believed
	REFUSED(7, 3000 + 3001); // one larger
	REFUSED(8, 3000 + 3003); // not confirmed by another
	TAKEN(9, 3000 + 3004, 2 * 65536 + 3000 + 3004); // by the next one it is
	TAKEN(10, 3000 + 3005, 2 * 65536 + 3000 + 3005);
	REFUSED(11, 100); // long gone: a sender that begins anew looks like it
	TAKEN(12, 101, 3 * 65536 + 101);
	TAKEN(13, 100, 3 * 65536 + 100); // and this one comes late
	REFUSED(14, 100);
#undef TAKEN
#undef REFUSED
}

static void no_index_twice(void **state)
{
	struct prng p = prng_start(17);
	struct rtp_source s;
	uint64_t recent[4096] = {0}; // taken, by index
	uint64_t index;
	uint16_t seq = 0;

	(void)state;
	rtp_source_init(&s);
	for (unsigned i = 0; i < ROUNDS; i++) {
		seq = prng_below(&p, 50) == 0 ? (uint16_t)prng_next(&p)
					      : (uint16_t)(seq + prng_below(&p, 6) - 2);
		if (!rtp_source_receive(&s, seq, &index))
			continue;
		assert_int_equal((uint16_t)index, seq);
		assert_true(index + REPLAY_SPAN > s.highest);
		assert_true(recent[index % 4096] != index + 1);
		recent[index % 4096] = index + 1;
	}
	assert_true(s.highest > 65536); // it did start over
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(no_index_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
