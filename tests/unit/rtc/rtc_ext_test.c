// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_ext_test.c - header extensions in both forms, and a consumer's own block.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/rtp_ext.h"

#include <string.h>

static struct rtp_view view(uint16_t profile, const void *body, uint16_t size)
{
	return (struct rtp_view){.ext = body, .ext_size = size, .ext_profile = profile};
}

static void one_byte_form(void **state)
{
	(void)state;
	// RFC 8285 4.2: id 1 of 2 bytes, padding, id 4 of 1 byte, padding
	const uint8_t body[] = {0x11, 0xaa, 0xbb, 0x00, 0x00, 0x40, 0xcc, 0x00};
	struct rtp_view v = view(0xbede, body, sizeof(body));
	struct rtp_ext_iter it;
	struct rtp_ext_item item;
	rtp_ext_iter_init(&it, &v);
	assert_true(rtp_ext_next(&it, &item));
	assert_int_equal(item.id, 1);
	assert_int_equal(item.size, 2);
	assert_ptr_equal(item.data, body + 1);
	assert_true(rtp_ext_next(&it, &item));
	assert_int_equal(item.id, 4);
	assert_int_equal(item.size, 1);
	assert_ptr_equal(item.data, body + 6);
	assert_false(rtp_ext_next(&it, &item));
	assert_false(it.malformed);
	assert_true(rtp_ext_find(&v, 4, &item));
	assert_false(rtp_ext_find(&v, 3, &item));
}

static void two_byte_form(void **state)
{
	(void)state;
	const uint8_t body[] = {0x01, 0x00, 0x02, 0x01, 0xaa, 0x00, 0xc8, 0x01, 0xbb, 0x00, 0, 0};
	struct rtp_view v = view(0x1005, body, sizeof(body)); // appbits 5
	struct rtp_ext_item item;
	assert_true(rtp_ext_find(&v, 1, &item));
	assert_int_equal(item.size, 0);
	assert_true(rtp_ext_find(&v, 2, &item));
	assert_int_equal(item.data[0], 0xaa);
	assert_true(rtp_ext_find(&v, 200, &item));
	assert_int_equal(item.data[0], 0xbb);
}

static void processing_stops(void **state)
{
	(void)state;
	struct rtp_ext_item item;
	const uint8_t fifteen[] = {0xf0, 0xaa, 0x10, 0xbb};
	struct rtp_view v = view(0xbede, fifteen, 4);
	assert_false(rtp_ext_find(&v, 1, &item));
	const uint8_t zero_with_length[] = {0x01, 0, 0, 0x10, 0xbb, 0, 0, 0};
	v = view(0xbede, zero_with_length, 8);
	assert_false(rtp_ext_find(&v, 1, &item));
	const uint8_t fine[] = {0x10, 0xbb, 0, 0};
	v = view(0xbede, fine, 4);
	assert_true(rtp_ext_find(&v, 1, &item));
	v = view(0xabcd, fine, 4); // some other profile
	assert_false(rtp_ext_find(&v, 1, &item));
	v = view(0xbede, NULL, 0);
	assert_false(rtp_ext_find(&v, 1, &item));
}

static void elements_over_the_end(void **state)
{
	(void)state;
	const uint8_t one[] = {0x10, 0xaa, 0x23, 0xbb};
	const uint8_t two[] = {0x01, 0x01, 0xaa, 0x02};
	struct rtp_view v[] = {view(0xbede, one, 4), view(0x1000, two, 4)};
	for (int i = 0; i < 2; i++) {
		struct rtp_ext_iter it;
		struct rtp_ext_item item;
		rtp_ext_iter_init(&it, &v[i]);
		assert_true(rtp_ext_next(&it, &item));
		assert_int_equal(item.id, 1);
		assert_false(rtp_ext_next(&it, &item));
		assert_true(it.malformed);
		assert_false(rtp_ext_next(&it, &item));
	}
}

static void collected_by_the_senders_numbers(void **state)
{
	(void)state;
	const uint8_t body[] = {0x30, 'a', 0x30, 'b',  0x22, 1, 2, 3,
				0x51, 0,   9,	 0x60, 0x88, 0, 0, 0};
	struct rtp_view v = view(0xbede, body, sizeof(body));
	struct rtp_ext_map map = {.id = {[RTP_EXT_MID] = 3,
					 [RTP_EXT_ABS_SEND_TIME] = 2,
					 [RTP_EXT_AUDIO_LEVEL] = 5, // 2 bytes: cannot be one
					 [RTP_EXT_VIDEO_ORIENTATION] = 6}};
	struct rtp_ext_set set;
	rtp_ext_collect(&set, &v, &map);
	assert_ptr_equal(set.data[RTP_EXT_MID], body + 1); // the first counts
	assert_int_equal(set.size[RTP_EXT_ABS_SEND_TIME], 3);
	assert_null(set.data[RTP_EXT_AUDIO_LEVEL]);
	assert_int_equal(set.data[RTP_EXT_VIDEO_ORIENTATION][0], 0x88);
	assert_null(set.data[RTP_EXT_RID]);
}

static const struct rtp_ext_own own = {
	.mid = "1", .mid_size = 1, .abs_send_time = 0x010203, .twcc_seq = 0xbeef};

static void consumers_block_in_one_byte_form(void **state)
{
	(void)state;
	const uint8_t level = 0x55, rid = 'h';
	struct rtp_ext_set in = {0};
	in.data[RTP_EXT_AUDIO_LEVEL] = &level;
	in.size[RTP_EXT_AUDIO_LEVEL] = 1;
	in.data[RTP_EXT_RID] = &rid;
	in.size[RTP_EXT_RID] = 1;
	// even a consumer that numbered rid gets none
	struct rtp_ext_map map = {.id = {[RTP_EXT_MID] = 4,
					 [RTP_EXT_RID] = 10,
					 [RTP_EXT_ABS_SEND_TIME] = 2,
					 [RTP_EXT_TRANSPORT_WIDE_CC] = 3,
					 [RTP_EXT_AUDIO_LEVEL] = 1}};
	const uint8_t want[] = {0xbe, 0xde, 0x00, 0x03, 0x22, 1,    2,	 3,
				0x31, 0xbe, 0xef, 0x10, 0x55, 0x40, '1', 0};
	uint8_t buf[RTP_EXT_BLOCK_BYTES_MAX];
	struct rtp_ext_built built;
	assert_true(rtp_ext_build(&built, buf, sizeof(buf), &in, &map, &own));
	assert_int_equal(built.size, sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
	assert_int_equal(built.abs_send_time_offset, 5);
	assert_int_equal(built.twcc_offset, 9);
	assert_int_equal(built.mid_offset, 14);
	assert_int_equal(built.left_out, 0);
	for (size_t room = 0; room < sizeof(want); room++)
		assert_false(rtp_ext_build(&built, buf, room, &in, &map, &own));
	assert_true(rtp_ext_build(&built, buf, sizeof(want), &in, &map, &own));
}

static void nothing_negotiated_is_no_block(void **state)
{
	(void)state;
	struct rtp_ext_set in = {0};
	struct rtp_ext_map map = {0};
	uint8_t buf[8];
	struct rtp_ext_built built;
	assert_true(rtp_ext_build(&built, buf, sizeof(buf), &in, &map, &own));
	assert_int_equal(built.size, 0);
	assert_int_equal(built.twcc_offset, 0);
}

static void high_ids_need_the_two_byte_form(void **state)
{
	(void)state;
	struct rtp_ext_set in = {0};
	struct rtp_ext_map map = {.id = {[RTP_EXT_MID] = 4, [RTP_EXT_TRANSPORT_WIDE_CC] = 200}};
	const uint8_t want[] = {0x10, 0x00, 0x00, 0x02, 200, 2, 0xbe, 0xef, 4, 1, '1', 0};
	uint8_t buf[RTP_EXT_BLOCK_BYTES_MAX];
	struct rtp_ext_built built;
	assert_true(rtp_ext_build(&built, buf, sizeof(buf), &in, &map, &own));
	assert_int_equal(built.size, sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
	assert_int_equal(built.twcc_offset, 6);
	assert_int_equal(built.mid_offset, 10);
}

static void long_values_need_leave_to_mix(void **state)
{
	(void)state;
	uint8_t descriptor[255] = {0x77};
	struct rtp_ext_set in = {0};
	in.data[RTP_EXT_DEPENDENCY_DESCRIPTOR] = descriptor;
	in.size[RTP_EXT_DEPENDENCY_DESCRIPTOR] = 17;
	struct rtp_ext_map map = {.id = {[RTP_EXT_MID] = 4, [RTP_EXT_DEPENDENCY_DESCRIPTOR] = 5}};
	uint8_t buf[RTP_EXT_BLOCK_BYTES_MAX];
	struct rtp_ext_built built;
	assert_true(rtp_ext_build(&built, buf, sizeof(buf), &in, &map, &own));
	assert_int_equal(built.left_out, 1);
	assert_memory_equal(buf,
			    "\xbe\xde\x00\x01\x40"
			    "1\x00\x00",
			    8);
	map.allow_mixed = 1;
	assert_true(rtp_ext_build(&built, buf, sizeof(buf), &in, &map, &own));
	assert_int_equal(built.left_out, 0);
	assert_memory_equal(buf, "\x10\x00\x00\x06\x05\x11\x77", 7);
	assert_memory_equal(buf + 4 + 2 + 17, "\x04\x01\x31\x00\x00", 5);
	in.size[RTP_EXT_DEPENDENCY_DESCRIPTOR] = 16; // fits the one-byte form again
	assert_true(rtp_ext_build(&built, buf, sizeof(buf), &in, &map, &own));
	assert_memory_equal(buf, "\xbe\xde\x00\x05\x5f\x77", 6);
	assert_memory_equal(buf + 4 + 1 + 16, "\x40\x31\x00", 3);
}

static void the_largest_block_fits_its_limit(void **state)
{
	(void)state;
	uint8_t value[255] = {0};
	struct rtp_ext_set in;
	struct rtp_ext_map map;
	for (unsigned kind = 0; kind < RTP_EXT_COUNT; kind++) {
		map.id[kind] = (uint8_t)(100 + kind);
		in.data[kind] = value;
		in.size[kind] = 1;
	}
	in.size[RTP_EXT_PLAYOUT_DELAY] = 3;
	in.size[RTP_EXT_ABS_CAPTURE_TIME] = 16;
	in.size[RTP_EXT_DEPENDENCY_DESCRIPTOR] = 255;
	struct rtp_ext_own most = own;
	most.mid = "0123456789abcdef0123456789abcdef";
	most.mid_size = RTP_EXT_MID_BYTES_MAX;
	uint8_t buf[RTP_EXT_BLOCK_BYTES_MAX];
	struct rtp_ext_built built;
	assert_true(rtp_ext_build(&built, buf, sizeof(buf), &in, &map, &most));
	// 34 mid, 5 time, 4 number, 3 level, 3 orientation, 5 delay, 18 capture, 257 descriptor
	assert_int_equal(built.size, 4 + 329 + 3); // and 3 of padding
}

static void abs_send_time_is_6_18(void **state)
{
	(void)state;
	assert_int_equal(rtp_ext_abs_send_time(0), 0);
	assert_int_equal(rtp_ext_abs_send_time(1000000), 1 << 18);
	assert_int_equal(rtp_ext_abs_send_time(500000), 1 << 17);
	assert_int_equal(rtp_ext_abs_send_time(UINT64_C(64000000)), 0);
	assert_int_equal(rtp_ext_abs_send_time(UINT64_C(65250000)), (1 << 18) + (1 << 16));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_byte_form),
		cmocka_unit_test(two_byte_form),
		cmocka_unit_test(processing_stops),
		cmocka_unit_test(elements_over_the_end),
		cmocka_unit_test(collected_by_the_senders_numbers),
		cmocka_unit_test(consumers_block_in_one_byte_form),
		cmocka_unit_test(nothing_negotiated_is_no_block),
		cmocka_unit_test(high_ids_need_the_two_byte_form),
		cmocka_unit_test(long_values_need_leave_to_mix),
		cmocka_unit_test(the_largest_block_fits_its_limit),
		cmocka_unit_test(abs_send_time_is_6_18),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
