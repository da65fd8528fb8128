// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_rtp_test.c - RTP packets typed as bytes (RFC 3550 5.1).
#include "tests/unit/rtc/test.h"

#include "proto/rtc/rtp.h"

#include <string.h>

static void fixed_header(void **state)
{
	(void)state;
	const uint8_t packet[] = {0x80, 0xe0, 0x12, 0x34, 0xde, 0xca, 0xfb,
				  0xad, 0xca, 0xfe, 0xba, 0xbe, 0x01, 0x02};
	struct rtp_view v;
	assert_true(rtp_parse(&v, packet, sizeof(packet)));
	assert_int_equal(v.pt, 96);
	assert_true(v.marker);
	assert_int_equal(v.seq, 0x1234);
	assert_int_equal(v.ts, 0xdecafbad);
	assert_int_equal(v.ssrc, 0xcafebabe);
	assert_null(v.ext);
	assert_int_equal(v.header_size, 12);
	assert_ptr_equal(v.payload, packet + 12);
	assert_int_equal(v.payload_size, 2);
}

static void csrcs_extension_and_padding(void **state)
{
	(void)state;
	const uint8_t packet[] = {0xb1, 0x6f, 0, 1, 0,	  0, 0, 2, 0, 0, 0, 3, // V2 P X CC1
				  0,	0,    0, 9, // CSRC
				  0xbe, 0xde, 0, 1, 0x10, 7, 0, 0, // extension, one word
				  0xaa, 0xbb, 0, 2}; // payload, padding 2
	struct rtp_view v;
	assert_true(rtp_parse(&v, packet, sizeof(packet)));
	assert_int_equal(v.pt, 111);
	assert_false(v.marker);
	assert_int_equal(v.csrc_count, 1);
	assert_int_equal(v.ext_profile, 0xbede);
	assert_ptr_equal(v.ext, packet + 20);
	assert_int_equal(v.ext_size, 4);
	assert_int_equal(v.header_size, 24);
	assert_int_equal(v.payload_size, 2);
	assert_int_equal(v.padding_size, 2);
	assert_true(rtp_parse_protected(&v, packet, sizeof(packet)));
	assert_int_equal(v.payload_size, 4);
	for (size_t size = 0; size < 24; size++)
		assert_false(rtp_parse(&v, packet, size));
}

static void padding_only(void **state)
{
	(void)state;
	uint8_t packet[12 + 255] = {0xa0, 97};
	struct rtp_view v;
	packet[sizeof(packet) - 1] = 255;
	assert_true(rtp_parse(&v, packet, sizeof(packet)));
	assert_int_equal(v.payload_size, 0);
	assert_int_equal(v.padding_size, 255);
}

static void malformed(void **state)
{
	(void)state;
	struct rtp_view v;
	uint8_t packet[16] = {0x80, 96};
	assert_true(rtp_parse(&v, packet, sizeof(packet)));
	packet[0] = 0x40; // version 1
	assert_false(rtp_parse(&v, packet, sizeof(packet)));
	packet[0] = 0x82; // two CSRCs do not fit
	assert_false(rtp_parse(&v, packet, sizeof(packet)));
	packet[0] = 0x90; // extension of one word does not fit
	packet[15] = 1;
	assert_false(rtp_parse(&v, packet, sizeof(packet)));
	packet[0] = 0xa0; // padding 0, then more than there is
	packet[15] = 0;
	assert_false(rtp_parse(&v, packet, sizeof(packet)));
	packet[15] = 5;
	assert_false(rtp_parse(&v, packet, sizeof(packet)));
	packet[15] = 4;
	assert_true(rtp_parse(&v, packet, sizeof(packet)));
	assert_false(rtp_parse(&v, packet, 12)); // padding announced, nothing there
	static uint8_t large[0x10000] = {0x80, 96};
	assert_false(rtp_parse(&v, large, sizeof(large)));
	assert_true(rtp_parse(&v, large, sizeof(large) - 1));
}

static void written_header(void **state)
{
	(void)state;
	uint8_t buf[RTP_HEADER_BYTES];
	rtp_write_header(buf, &(struct rtp_header){.ssrc = 0xcafebabe,
						   .ts = 0xdecafbad,
						   .seq = 0x1234,
						   .pt = 96,
						   .marker = true,
						   .extension = true});
	assert_memory_equal(buf, "\x90\xe0\x12\x34\xde\xca\xfb\xad\xca\xfe\xba\xbe", 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_header),	  cmocka_unit_test(csrcs_extension_and_padding),
		cmocka_unit_test(padding_only),	  cmocka_unit_test(malformed),
		cmocka_unit_test(written_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
