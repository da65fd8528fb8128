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
static struct resend_slot resend_slots[SLOTS];

// The model: what should be kept, by index; handles are index + 1.
static void history_keeps_the_newest(void **state)
{
	(void)state;
	struct prng random = prng_start(0x48495354);
	struct history h;
	static uint64_t kept_us[200000]; // arrival + 1, 0: not kept
	uint64_t next = 1000, now = 0;

	history_init(&h, history_slots, SLOTS, AGE_US);
	for (int i = 0; i < 18000; i++) {
		now += prng_below(&random, 40000);
		uint64_t index = next - prng_below(&random, 10) + prng_below(&random, 10);
		uintptr_t released = history_put(&h, index, (uintptr_t)index + 1, now);
		if (released != index + 1)
			kept_us[index] = now + 1;
		else
			assert_true(kept_us[index] != 0 || index + SLOTS / 2 < h.next);
		if (released != 0 && released != index + 1) {
			assert_true(released + SLOTS <= index + 1);
			kept_us[released - 1] = 0;
		}
		next = index + 1 > next ? index + 1 : next;
		for (uintptr_t old; (old = history_expire(&h, now)) != 0;) {
			assert_true(now - (kept_us[old - 1] - 1) > AGE_US);
			kept_us[old - 1] = 0;
		}
		if (prng_below(&random, 20) == 0 && h.count != 0)
			kept_us[history_evict(&h) - 1] = 0;
		uint32_t count = 0;
		for (uint64_t n = next - 4 * SLOTS; n < next; n++) {
			assert_int_equal(history_find(&h, n), kept_us[n] != 0 ? n + 1 : 0);
			count += kept_us[n] != 0;
		}
		assert_int_equal(h.count, count);
	}
}

static void history_gives_everything_back_after_a_jump(void **state)
{
	(void)state;
	struct history h;

	history_init(&h, history_slots, SLOTS, AGE_US);
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(history_put(&h, i, (uintptr_t)i + 1, 0), 0);
	assert_int_equal(history_put(&h, 1000010, 99, 5), 0);
	assert_int_equal(h.count, 11);
	unsigned bits = 0;
	for (uintptr_t old; (old = history_evict(&h)) != 0;)
		bits += old == 99 ? 1000 : 1;
	assert_int_equal(bits, 1010);
	assert_int_equal(h.count, 0);
}

static void record(struct resend *r, uint64_t index, uint64_t now_us)
{
	uint8_t ext[8] = {0xbe, 0xde, 0, 1, (uint8_t)index};
	struct resend_sent sent = {.index = index,
				   .source_index = index + 7,
				   .source = 3,
				   .size = 1000,
				   .ext = ext,
				   .ext_size = sizeof(ext)};
	resend_record(r, &sent, now_us);
}

static void a_nack_finds_what_was_sent(void **state)
{
	(void)state;
	struct resend r;
	struct resend_budget b;
	const struct resend_slot *s;

	resend_init(&r, resend_slots, SLOTS);
	resend_budget_init(&b);
	assert_int_equal(resend_ask(&r, &b, 0, 1, 0, &s), RESEND_UNKNOWN); // nothing was sent
	for (uint64_t i = 65500; i < 65500 + 2 * SLOTS; i++)
		record(&r, i, 1);
	assert_int_equal(resend_ask(&r, &b, 50, 2, 0, &s), RESEND_SEND); // index 65586
	assert_int_equal(s->index, 65586);
	assert_int_equal(s->source_index, 65593);
	assert_int_equal(s->ext_size, 8);
	assert_int_equal(s->ext[4], (uint8_t)65586);
	assert_int_equal(resend_ask(&r, &b, (uint16_t)65563, 2, 0, &s),
			 RESEND_UNKNOWN); // too long ago
	assert_int_equal(resend_ask(&r, &b, 100, 2, 0, &s), RESEND_UNKNOWN); // in the future
	assert_int_equal(r.unknown, 3);
}

static void a_copy_under_way_is_waited_for(void **state)
{
	(void)state;
	struct resend r;
	struct resend_budget b;
	const struct resend_slot *s;

	resend_init(&r, resend_slots, SLOTS);
	resend_budget_init(&b);
	record(&r, 5, 1);
	assert_int_equal(resend_ask(&r, &b, 5, 1000, 100000, &s), RESEND_SEND);
	assert_int_equal(resend_ask(&r, &b, 5, 75999, 100000, &s), RESEND_TOO_SOON);
	assert_int_equal(resend_ask(&r, &b, 5, 76000, 100000, &s), RESEND_SEND);
	assert_int_equal(s->resends, 2);
}

static void a_storm_costs_its_budget(void **state)
{
	(void)state;
	struct resend r;
	struct resend_budget b;
	const struct resend_slot *s;
	uint64_t bytes = 0;

	resend_init(&r, resend_slots, SLOTS);
	resend_budget_init(&b);
	resend_budget_set_rate(&b, 1000000);
	for (uint64_t now = 1; now < 10000000; now += 1000) // everything, 1000 times a second
		for (uint64_t i = 0; i < SLOTS; i++) {
			record(&r, i, now); // as new each time, so that only the budget holds
			if (resend_ask(&r, &b, (uint16_t)i, now, 0, &s) == RESEND_SEND)
				bytes += s->size;
		}
	uint64_t share = 1000000 / 8 / 100 * RESEND_SHARE_PERCENT;
	assert_in_range(bytes, 9 * share, 10 * share + share / 4 + 1000);
	assert_int_equal(r.answered + r.over_budget, 10000 * SLOTS);
}

static void a_large_extension_block_is_not_kept(void **state)
{
	(void)state;
	struct resend r;
	struct resend_budget b;
	const struct resend_slot *s;
	uint8_t ext[RESEND_EXT_BYTES + 4] = {0};
	struct resend_sent sent = {.index = 1, .size = 100, .ext = ext, .ext_size = sizeof(ext)};

	resend_init(&r, resend_slots, SLOTS);
	resend_budget_init(&b);
	resend_record(&r, &sent, 1);
	assert_int_equal(resend_ask(&r, &b, 1, 2, 0, &s), RESEND_SEND);
	assert_false(s->ext_kept);
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
		cmocka_unit_test(history_keeps_the_newest),
		cmocka_unit_test(history_gives_everything_back_after_a_jump),
		cmocka_unit_test(a_nack_finds_what_was_sent),
		cmocka_unit_test(a_copy_under_way_is_waited_for),
		cmocka_unit_test(a_storm_costs_its_budget),
		cmocka_unit_test(a_large_extension_block_is_not_kept),
		cmocka_unit_test(rtx_unwraps_to_the_original),
		cmocka_unit_test(rtx_padding_holds_no_original),
		cmocka_unit_test(an_rtx_index_is_given_out_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
