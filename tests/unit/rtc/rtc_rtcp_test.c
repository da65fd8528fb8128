// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_rtcp_test.c - RTCP typed as bytes (RFC 3550 6, RFC 4585, RFC 5104), read and
// built.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/rtcp_build.h"

#include <string.h>

static const uint8_t sender_report[] = {
	0x81, 200,  0,	  12, // one block
	0xca, 0xfe, 0xba, 0xbe, 0xe9, 0x11, 0x22, 0x33, // SSRC, NTP seconds
	0x80, 0,    0,	  0,	0,    1,    2,	  3, // NTP fraction, RTP time
	0,    0,    0,	  5,	0,    0,    1,	  0, // 5 packets, 256 bytes
	0xde, 0xad, 0xbe, 0xef, 0x40, 0xff, 0xff, 0xfe, // about deadbeef: 1/4 lost, -2 in all
	0,    1,    0x12, 0x34, 0,    0,    0,	  9, // highest, jitter
	0x11, 0x22, 0x33, 0x44, 0,    1,    0x80, 0, // LSR, DLSR 1.5 s
};
static const struct rtcp_report_block block = {
	.ssrc = 0xdeadbeef,
	.fraction_lost = 0x40,
	.cumulative_lost = -2,
	.extended_highest = 0x11234,
	.jitter = 9,
	.last_sr = 0x11223344,
	.delay_since_last_sr = 0x18000,
};
static const struct rtcp_sr sr_values = {
	.ssrc = 0xcafebabe,
	.ntp = UINT64_C(0xe911223380000000),
	.ts = 0x010203,
	.packets = 5,
	.bytes = 256,
};

static struct rtcp_packet only(const uint8_t *buf, size_t size)
{
	struct rtcp_walk w;
	struct rtcp_packet p, more;
	assert_true(rtcp_check(buf, size));
	rtcp_walk_init(&w, buf, size);
	assert_true(rtcp_walk_next(&w, &p));
	assert_false(rtcp_walk_next(&w, &more));
	assert_false(w.malformed);
	return p;
}

static void sender_report_read(void **state)
{
	(void)state;
	struct rtcp_packet p = only(sender_report, sizeof(sender_report));
	struct rtcp_sr sr;
	struct rtcp_report_block b;
	uint32_t ssrc;
	assert_true(rtcp_read_sr(&p, &sr));
	assert_true(sr.ssrc == sr_values.ssrc && sr.ntp == sr_values.ntp && sr.ts == sr_values.ts);
	assert_true(sr.packets == 5 && sr.bytes == 256);
	assert_true(rtcp_read_report_block(&p, 0, &b));
	assert_int_equal(b.ssrc, block.ssrc);
	assert_int_equal(b.fraction_lost, block.fraction_lost);
	assert_int_equal(b.cumulative_lost, block.cumulative_lost);
	assert_int_equal(b.extended_highest, block.extended_highest);
	assert_int_equal(b.jitter, block.jitter);
	assert_int_equal(b.last_sr, block.last_sr);
	assert_int_equal(b.delay_since_last_sr, block.delay_since_last_sr);
	assert_false(rtcp_read_report_block(&p, 1, &b));
	assert_false(rtcp_read_rr(&p, &ssrc));
}

static void sender_report_built(void **state)
{
	(void)state;
	uint8_t buf[64];
	struct bytes_writer w;
	bytes_writer_init(&w, buf, sizeof(buf));
	rtcp_put_sr(&w, &sr_values, &block, 1);
	assert_false(w.overflow);
	assert_int_equal(w.size, sizeof(sender_report));
	assert_memory_equal(buf, sender_report, sizeof(sender_report));
}

static void compound_built_and_walked(void **state)
{
	(void)state;
	static const uint8_t want[] = {
		0x80, 201,  0,	  1,	0,    0,    0,	  1, // RR, no block
		0x81, 202,  0,	  3,	0,    0,    0,	  1, // SDES, one chunk
		1,    4,    'a',  'b',	'c',  'd',  0,	  0, // CNAME abcd, end, padding
		0x82, 203,  0,	  2,	0,    0,    0,	  1, // BYE of two
		0,    0,    0,	  2, //
		0x81, 206,  0,	  2,	0,    0,    0,	  1, // PLI
		0xaa, 0xbb, 0xcc, 0xdd, //
		0x84, 206,  0,	  4,	0,    0,    0,	  1, // FIR: media source 0
		0,    0,    0,	  0,	0xaa, 0xbb, 0xcc, 0xdd, // entry
		7,    0,    0,	  0,
	};
	static const uint8_t types[] = {RTCP_RR, RTCP_SDES, RTCP_BYE, RTCP_PSFB, RTCP_PSFB};
	uint8_t buf[sizeof(want)];
	struct bytes_writer w;
	bytes_writer_init(&w, buf, sizeof(buf));
	rtcp_put_rr(&w, 1, NULL, 0);
	rtcp_put_sdes_cname(&w, 1, "abcd", 4);
	rtcp_put_bye(&w, (const uint32_t[]){1, 2}, 2);
	rtcp_put_pli(&w, 1, 0xaabbccdd);
	rtcp_put_fir(&w, 1, 0xaabbccdd, 7);
	assert_false(w.overflow);
	assert_int_equal(w.size, sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
	assert_true(rtcp_check(buf, sizeof(buf)));

	struct rtcp_walk walk;
	struct rtcp_packet p;
	size_t count = 0;
	rtcp_walk_init(&walk, buf, sizeof(buf));
	while (rtcp_walk_next(&walk, &p)) {
		assert_true(count < sizeof(types));
		assert_int_equal(p.type, types[count++]);
	}
	assert_int_equal(count, sizeof(types));
	for (size_t cut = 1; cut < sizeof(buf); cut++) { // only whole packets pass
		bool whole = cut == 8 || cut == 24 || cut == 36 || cut == 48;
		assert_int_equal(rtcp_check(buf, cut), whole);
	}
}

static void cname_always_ends_in_zero(void **state)
{
	(void)state;
	for (size_t size = 1; size <= 255; size++) {
		uint8_t buf[300];
		char cname[255];
		struct bytes_writer w;
		memset(buf, 0xff, sizeof(buf));
		memset(cname, 'x', sizeof(cname));
		bytes_writer_init(&w, buf, sizeof(buf));
		rtcp_put_sdes_cname(&w, 1, cname, size);
		assert_false(w.overflow);
		assert_int_equal(w.size % 4, 0);
		assert_int_equal(buf[10 + size], 0);
		assert_true(w.size - 10 - size <= 4);
		assert_true(rtcp_check(buf, w.size));
	}
}

static void feedback_read(void **state)
{
	(void)state;
	static const uint8_t nack[] = {0x81, 205, 0, 4, 0,    0,    0, 1, 0,	0,
				       0,    2,	  0, 9, 0x80, 0x01, 1, 0, 0x00, 0x00};
	struct rtcp_packet p = only(nack, sizeof(nack));
	struct rtcp_nack n;
	struct rtcp_feedback f;
	struct rtcp_fir fir;
	uint32_t ssrc;
	assert_true(rtcp_read_feedback(&p, &f));
	assert_true(f.sender_ssrc == 1 && f.media_ssrc == 2 && f.fci_size == 8);
	assert_true(rtcp_read_nack(&p, 0, &n));
	assert_true(n.seq == 9 && n.following == 0x8001);
	assert_true(rtcp_read_nack(&p, 1, &n));
	assert_true(n.seq == 256 && n.following == 0);
	assert_false(rtcp_read_nack(&p, 2, &n));
	assert_false(rtcp_read_pli(&p, &ssrc));
	assert_false(rtcp_read_fir(&p, 0, &fir));
	static const uint8_t pli[] = {0x81, 206, 0, 2, 0, 0, 0, 1, 0xaa, 0xbb, 0xcc, 0xdd};
	p = only(pli, sizeof(pli));
	assert_true(rtcp_read_pli(&p, &ssrc));
	assert_int_equal(ssrc, 0xaabbccdd);
	static const uint8_t two[] = {0x84, 206, 0, 6, 0, 0, 0, 1, 0, 0, 0,    0, 0, 0,
				      0,    5,	 1, 0, 0, 0, 0, 0, 0, 6, 0xff, 0, 0, 0};
	p = only(two, sizeof(two));
	assert_true(rtcp_read_fir(&p, 1, &fir));
	assert_true(fir.ssrc == 6 && fir.seq == 255);
	assert_false(rtcp_read_fir(&p, 2, &fir));
}

static void malformed(void **state)
{
	(void)state;
#define BAD(...)                                                                                   \
	do {                                                                                       \
		static const uint8_t bytes[] = {__VA_ARGS__};                                      \
		if (rtcp_check(bytes, sizeof(bytes)))                                              \
			fail_msg("line %d: accepted", __LINE__);                                   \
	} while (0)
	assert_false(rtcp_check(sender_report, 0));
	BAD(0x80, 201, 0);
	BAD(0x40, 201, 0, 1, 0, 0, 0, 1); // version 1
	BAD(0x80, 201, 0, 2, 0, 0, 0, 1); // longer than the datagram
	BAD(0x81, 201, 0, 1, 0, 0, 0, 1); // a block that is not there
	BAD(0x80, 200, 0, 1, 0, 0, 0, 1); // SR without sender info
	BAD(0x82, 203, 0, 1, 0, 0, 0, 1); // BYE of two, one there
	BAD(0x81, 203, 0, 2, 0, 0, 0, 1, 4, 'a', 'b', 'c'); // reason over the end
	BAD(0x81, 202, 0, 2, 0, 0, 0, 1, 1, 2, 'a', 'b'); // SDES without its end
	BAD(0x81, 202, 0, 2, 0, 0, 0, 1, 1, 9, 'a', 0); // item over the end
	BAD(0x81, 206, 0, 1, 0, 0, 0, 1); // PLI without media source
	BAD(0xa0, 201, 0, 1, 0, 0, 0, 0); // padding of 0
	BAD(0xa0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 12); // more padding than body
	BAD(0xa1, 202, 0, 3, 0, 0, 0, 1, 1, 2, 'a', 'b', 0, 0, 0, 3); // the item's end is padding
#undef BAD
	static const uint8_t padded[] = {0xa0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4};
	struct rtcp_packet p = only(padded, sizeof(padded));
	assert_int_equal(p.body_size, 4);
	// Chromium pads by single bytes, and not only the last packet
	static const uint8_t loose[] = {0xa0, 201, 0,	 2,   0, 0, 0, 1, 0, 0,
					0,    3,   0x80, 201, 0, 1, 0, 0, 0, 1};
	assert_true(rtcp_check(loose, sizeof(loose)));
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
	(void)state;
	uint8_t buf[20];
	struct bytes_writer w;
	bytes_writer_init(&w, buf, sizeof(buf));
	rtcp_put_rr(&w, 1, NULL, 0);
	rtcp_put_fir(&w, 1, 2, 3);
	assert_true(w.overflow);
	assert_int_equal(w.size, 8);
}

static void lost_is_clamped_to_24_bits(void **state)
{
	(void)state;
	uint8_t buf[64];
	struct bytes_writer w;
	struct rtcp_report_block b = {.cumulative_lost = INT32_MAX};
	bytes_writer_init(&w, buf, sizeof(buf));
	rtcp_put_rr(&w, 1, &b, 1);
	assert_memory_equal(buf + 13, "\x7f\xff\xff", 3);
	b.cumulative_lost = INT32_MIN;
	bytes_writer_init(&w, buf, sizeof(buf));
	rtcp_put_rr(&w, 1, &b, 1);
	assert_memory_equal(buf + 13, "\x80\x00\x00", 3);
}

static void ntp_counts_from_1900(void **state)
{
	(void)state;
	assert_true(rtcp_ntp_from_unix_us(0) == UINT64_C(2208988800) << 32);
	assert_true(rtcp_ntp_from_unix_us(500000) == ((UINT64_C(2208988800) << 32) | 0x80000000u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sender_report_read),
		cmocka_unit_test(sender_report_built),
		cmocka_unit_test(compound_built_and_walked),
		cmocka_unit_test(cname_always_ends_in_zero),
		cmocka_unit_test(feedback_read),
		cmocka_unit_test(malformed),
		cmocka_unit_test(what_does_not_fit_is_left_out_whole),
		cmocka_unit_test(lost_is_clamped_to_24_bits),
		cmocka_unit_test(ntp_counts_from_1900),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
