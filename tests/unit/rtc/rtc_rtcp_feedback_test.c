// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_rtcp_feedback_test.c - NACK, REMB and extended reports, typed by hand after
// their specifications, and what a peer's reports tell.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/rtcp_build.h"
#include "proto/rtc/rtcp_remb.h"
#include "proto/rtc/rtcp_xr.h"

static uint8_t buf[256];
static struct bytes_writer w;

static struct rtcp_packet read_one(const uint8_t *from, size_t size)
{
	struct rtcp_walk walk;
	struct rtcp_packet p = {.type = 0};

	assert_true(rtcp_check(from, size));
	rtcp_walk_init(&walk, from, size);
	assert_true(rtcp_walk_next(&walk, &p));
	assert_false(rtcp_walk_next(&walk, &(struct rtcp_packet){.type = 0}));
	return p;
}

static void nack_packs_neighbours(void **state)
{
	(void)state;
	const uint16_t seqs[] = {65535, 0, 15, 16, 300};
	const uint8_t expected[] = {0x81, 205,	0,    5,    0, 0,  0, 1, 0,    0,    0, 2,
				    0xff, 0xff, 0x80, 0x01, 0, 16, 0, 0, 0x01, 0x2c, 0, 0};

	bytes_writer_init(&w, buf, sizeof(buf));
	assert_int_equal(rtcp_put_nack(&w, 1, 2, seqs, 5), 5);
	assert_int_equal(w.size, sizeof(expected));
	assert_memory_equal(buf, expected, sizeof(expected));
}

static void nack_takes_what_fits(void **state)
{
	(void)state;
	const uint16_t seqs[] = {1, 100, 200};

	bytes_writer_init(&w, buf, 20);
	assert_int_equal(rtcp_put_nack(&w, 1, 2, seqs, 3), 2);
	struct rtcp_packet p = read_one(buf, w.size);
	struct rtcp_nack nack;
	assert_true(rtcp_read_nack(&p, 1, &nack));
	assert_int_equal(nack.seq, 100);
	assert_false(w.overflow);
	bytes_writer_init(&w, buf, 15);
	assert_int_equal(rtcp_put_nack(&w, 1, 2, seqs, 3), 0);
	assert_true(w.overflow);
	assert_int_equal(w.size, 0);
}

static void remb(void **state)
{
	(void)state;
	// exponent 3, mantissa 0x2ffff: 1572856 bit/s; one SSRC
	const uint8_t bytes[] = {0x8f, 206, 0,	 5,   0, 0,    0,    1,	   0, 0, 0, 0,
				 'R',  'E', 'M', 'B', 1, 0x0e, 0xff, 0xff, 0, 0, 0, 9};
	struct rtcp_packet p = read_one(bytes, sizeof(bytes));
	uint64_t bps;
	uint32_t ssrc;

	assert_true(rtcp_read_remb(&p, &bps));
	assert_int_equal(bps, 0x2ffff << 3);
	assert_true(rtcp_read_remb_ssrc(&p, 0, &ssrc));
	assert_int_equal(ssrc, 9);
	assert_false(rtcp_read_remb_ssrc(&p, 1, &ssrc));
	bytes_writer_init(&w, buf, sizeof(buf));
	rtcp_put_remb(&w, 1, (0x2ffff << 3) + 7, (uint32_t[]){9}, 1);
	assert_int_equal(w.size, sizeof(bytes));
	assert_memory_equal(buf, bytes, sizeof(bytes));
}

static void remb_says_anything(void **state)
{
	(void)state;
	uint8_t bytes[] = {0x8f, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 0, 0, 0, 0};
	struct rtcp_packet p = read_one(bytes, sizeof(bytes));
	uint64_t bps;

	assert_true(rtcp_read_remb(&p, &bps));
	assert_int_equal(bps, 0);
	bytes[17] = 0xff; // exponent 63, mantissa 0x30000: more than 64 bits
	assert_true(rtcp_read_remb(&p, &bps));
	assert_true(bps == UINT64_MAX);
	bytes[17] = 0xfc; // exponent 63, mantissa 1
	bytes[19] = 1;
	assert_true(rtcp_read_remb(&p, &bps));
	assert_true(bps == UINT64_C(1) << 63);
	bytes[16] = 1; // an SSRC that is not there
	assert_false(rtcp_read_remb(&p, &bps));
	bytes[16] = 0;
	bytes[12] = 'X';
	assert_false(rtcp_read_remb(&p, &bps));
}

static void reference_times(void **state)
{
	(void)state;
	const uint8_t bytes[] = {0x80, 207, 0,	  4,	0,    0,    0,	  7,	4,    0,
				 0,    2,   0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44};
	struct rtcp_packet p = read_one(bytes, sizeof(bytes));
	uint32_t ssrc;
	uint64_t ntp;
	struct rtcp_dlrr d;

	assert_true(rtcp_read_rrtr(&p, &ssrc, &ntp));
	assert_int_equal(ssrc, 7);
	assert_true(ntp == UINT64_C(0x1111222233334444));
	assert_false(rtcp_read_dlrr(&p, 0, &d));
	bytes_writer_init(&w, buf, sizeof(buf));
	rtcp_put_rrtr(&w, 7, ntp);
	assert_int_equal(w.size, sizeof(bytes));
	assert_memory_equal(buf, bytes, sizeof(bytes));
}

static void reference_times_are_answered(void **state)
{
	(void)state;
	struct rtcp_xr_responder r = {.pending = false};
	struct rtcp_dlrr d[2];

	assert_false(rtcp_xr_responder_answer(&r, 0, &d[0]));
	rtcp_xr_responder_receive(&r, 7, UINT64_C(0x1111222233334444), 1000000);
	assert_true(rtcp_xr_responder_answer(&r, 2500000, &d[0]));
	assert_int_equal(d[0].last_rr, 0x22223333);
	assert_int_equal(d[0].delay_since_last_rr, 0x18000);
	assert_false(rtcp_xr_responder_answer(&r, 2500000, &d[1]));
	d[1] = (struct rtcp_dlrr){.ssrc = 8, .last_rr = 1, .delay_since_last_rr = 2};
	bytes_writer_init(&w, buf, sizeof(buf));
	rtcp_put_dlrr(&w, 1, d, 2);
	struct rtcp_packet p = read_one(buf, w.size);
	struct rtcp_dlrr got;
	assert_true(rtcp_read_dlrr(&p, 1, &got));
	assert_memory_equal(&got, &d[1], sizeof(got));
	assert_false(rtcp_read_dlrr(&p, 2, &got));
}

static void extended_reports_that_lie(void **state)
{
	(void)state;
	// the block says 8 bytes and has 4
	const uint8_t bytes[] = {0x80, 207, 0, 3, 0, 0, 0, 7, 4, 0, 0, 2, 1, 2, 3, 4};
	struct rtcp_packet p = read_one(bytes, sizeof(bytes));
	uint32_t ssrc;
	uint64_t ntp;

	assert_false(rtcp_read_rrtr(&p, &ssrc, &ntp));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nack_packs_neighbours),
		cmocka_unit_test(nack_takes_what_fits),
		cmocka_unit_test(remb),
		cmocka_unit_test(remb_says_anything),
		cmocka_unit_test(reference_times),
		cmocka_unit_test(reference_times_are_answered),
		cmocka_unit_test(extended_reports_that_lie),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
