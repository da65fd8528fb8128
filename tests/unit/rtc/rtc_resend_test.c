// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_resend_test.c - the history's window, answers to NACKs within their budget,
// RTX.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/bytes.h"
#include "proto/rtc/loss/history.h"
#include "proto/rtc/loss/resend.h"
#include "proto/rtc/loss/rtx.h"
#include "proto/rtc/seq.h"

enum { SLOTS = 64, AGE_US = 1000000 };

static struct history_slot history_slots[SLOTS];

enum { SOURCES = 3 };

// The model: packets in order of arrival; the handle of each is its place here + 1.
struct kept {
	uint32_t source;
	uint64_t index, arrival_us;
};
static struct kept kept[40000];
static size_t kept_first, kept_end;

static size_t model_find(uint32_t source, uint64_t index)
{
	for (size_t i = kept_first; i < kept_end; i++)
		if (kept[i].source == source && kept[i].index == index)
			return i + 1;
	return 0;
}

static void model_put(struct history *h, uint32_t source, uint64_t index, uint64_t now_us)
{
	uintptr_t handle = kept_end + 1;
	uintptr_t released = history_put(h, source, index, handle, now_us);

	if (model_find(source, index) != 0) {
		assert_int_equal(released, handle);
		return;
	}
	assert_int_equal(released, kept_end - kept_first == SLOTS ? ++kept_first : 0);
	kept[kept_end++] = (struct kept){source, index, now_us};
}

static void history_keeps_the_newest_of_all_sources(void **state)
{
	(void)state;
	struct prng random = prng_start(0x48495354);
	struct history h;
	uint64_t now_us = 1;

	history_init(&h, history_slots, SLOTS, AGE_US);
	for (int i = 0; i < 30000; i++) {
		now_us += prng_below(&random, 40000);
		model_put(&h, (uint32_t)prng_below(&random, SOURCES),
			  (uint64_t)i / 20 + prng_below(&random, 30), now_us);
		for (uintptr_t old; (old = history_expire(&h, now_us)) != 0;) {
			assert_true(now_us - kept[kept_first].arrival_us > AGE_US);
			assert_int_equal(old, ++kept_first);
		}
		assert_true(kept_first == kept_end ||
			    now_us - kept[kept_first].arrival_us <= AGE_US);
		if (prng_below(&random, 20) == 0 && h.count != 0)
			assert_int_equal(history_evict(&h), ++kept_first);
		assert_int_equal(h.count, kept_end - kept_first);
		for (uint64_t n = 0; n < 60; n++)
			assert_int_equal(history_find(&h, n % SOURCES, (uint64_t)i / 20 + n),
					 model_find(n % SOURCES, (uint64_t)i / 20 + n));
	}
}

static void history_gives_everything_back(void **state)
{
	(void)state;
	struct history h;

	history_init(&h, history_slots, SLOTS, AGE_US);
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(history_put(&h, 1, i * 1000003, (uintptr_t)i + 1, 0), 0);
	for (uintptr_t i = 1; i <= 10; i++)
		assert_int_equal(history_evict(&h), i);
	assert_int_equal(history_evict(&h), 0);
}

static void a_consumer_is_listened_to_so_often(void **state)
{
	(void)state;
	struct resend r = {0};

	for (unsigned round = 1; round <= 3; round++)
		for (unsigned i = 0; i < 2 * RESEND_ASKS_MAX; i++)
			assert_int_equal(resend_ask(&r, round * RESEND_ASKS_US),
					 i < RESEND_ASKS_MAX);
}

static void a_copy_under_way_is_waited_for(void **state)
{
	(void)state;
	struct resend r = {0};

	assert_false(resend_under_way(&r, 5, 1000, 100000));
	resend_given(&r, 5, 1000);
	assert_true(resend_under_way(&r, 5, 75999, 100000));
	assert_false(resend_under_way(&r, 6, 75999, 100000));
	assert_false(resend_under_way(&r, 5, 76000, 100000)); // three quarters of the round trip
	assert_false(resend_under_way(&r, 5, 1000, 0));
	for (uint64_t i = 6; i < 6 + RESEND_KEPT; i++)
		resend_given(&r, i, 2000);
	assert_false(resend_under_way(&r, 5, 2000, 100000)); // forgotten for newer ones
	assert_true(resend_under_way(&r, 6, 2000, 100000));
}

static void a_storm_costs_its_budget(void **state)
{
	(void)state;
	struct resend_budget b;
	uint64_t bytes = 0;

	resend_budget_init(&b);
	resend_budget_set_rate(&b, 1000000);
	for (uint64_t now = 1; now < 10000000; now += 1000) // 64 packets, 1000 times a second
		for (uint64_t i = 0; i < 64; i++)
			bytes += resend_budget_take(&b, 1000, now) ? 1000 : 0;
	uint64_t share = 1000000 / 8 / 100 * RESEND_SHARE_PERCENT;
	assert_in_range(bytes, 9 * share, 10 * share + share / 4 + 1000);
}

// RFC 4588 4: the RTX payload is the original sequence number, then the original payload.
static void rtx_unwraps_to_the_original(void **state)
{
	(void)state;
	uint8_t packet[] = {0x90, 0xe1, 0x00, 0x05, 1,	  2,	3,    4,    0xca, 0xfe, 0x00, 0x02,
			    0xbe, 0xde, 0x00, 0x01, 0x10, 0x30, 0x00, 0x00, 0x12, 0x34, 0xaa, 0xbb};
	const uint8_t original[] = {0x90, 0xe0, 0x12, 0x34, 1,	  2,	3,    4, 0xca, 0xfe, 0x00,
				    0x01, 0xbe, 0xde, 0x00, 0x01, 0x10, 0x30, 0, 0,    0xaa, 0xbb};
	struct rtp_view v;
	struct rtx_original o = {.ssrc = 0xcafe0001, .pt = 0x60};

	assert_true(rtp_parse(&v, packet, sizeof(packet)));
	assert_true(rtx_unwrap(packet, sizeof(packet), &v, &o));
	assert_memory_equal(packet + RTX_OSN_BYTES, original, sizeof(original));
	assert_true(rtp_parse(&v, packet + RTX_OSN_BYTES, sizeof(original)));
	assert_int_equal(v.seq, 0x1234);
	assert_int_equal(v.payload_size, 2);
}

static void rtx_padding_holds_no_original(void **state)
{
	(void)state;
	uint8_t packet[] = {0xa0, 0x61, 0, 5, 1, 2, 3, 4, 0xca, 0xfe, 0, 2, 0, 0, 0, 4};
	struct rtp_view v;
	struct rtx_original o = {.ssrc = 1, .pt = 96};

	assert_true(rtp_parse(&v, packet, sizeof(packet)));
	assert_false(rtx_unwrap(packet, sizeof(packet), &v, &o));
	assert_int_equal(packet[11], 2);
}

static void an_rtx_index_is_given_out_once(void **state)
{
	(void)state;
	struct rtx_sender s;
	uint64_t a, b;

	rtx_sender_init(&s, 1, 97, 0x7fff);
	assert_true(rtx_sender_take(&s, &a) && rtx_sender_take(&s, &b));
	assert_int_equal(a, 0x7fff);
	assert_int_equal(b, 0x8000);
	s.next = SEQ_INDEX_MAX;
	assert_true(rtx_sender_take(&s, &a));
	assert_false(rtx_sender_take(&s, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(history_keeps_the_newest_of_all_sources),
		cmocka_unit_test(history_gives_everything_back),
		cmocka_unit_test(a_consumer_is_listened_to_so_often),
		cmocka_unit_test(a_copy_under_way_is_waited_for),
		cmocka_unit_test(a_storm_costs_its_budget),
		cmocka_unit_test(rtx_unwraps_to_the_original),
		cmocka_unit_test(rtx_padding_holds_no_original),
		cmocka_unit_test(an_rtx_index_is_given_out_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
