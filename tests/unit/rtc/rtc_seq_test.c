// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_seq_test.c - order and unwrapping of counters (RFC 3711 3.3.1), byte order,
// and the demux classes (RFC 7983, RFC 5761).
#include "tests/unit/rtc/test.h"

#include "proto/rtc/bytes.h"
#include "proto/rtc/demux.h"
#include "proto/rtc/seq.h"

static void newer_wraps(void **state)
{
	(void)state;
	assert_true(seq_newer(1, 0));
	assert_false(seq_newer(0, 1));
	assert_false(seq_newer(7, 7));
	assert_true(seq_newer(0, 0xffff));
	assert_false(seq_newer(0xffff, 0));
	assert_true(seq_newer(0x7fff, 0));
	assert_false(seq_newer(0x8000, 0)); // half the space: neither way
	assert_false(seq_newer(0, 0x8000));
	assert_true(seq_ts_newer(5, UINT32_MAX));
	assert_false(seq_ts_newer(UINT32_MAX, 5));
	assert_false(seq_ts_newer(UINT32_C(0x80000000), 0));
}

static void unwrap_finds_the_nearest(void **state)
{
	(void)state;
	assert_int_equal(seq_unwrap(0, 0), 0);
	assert_int_equal(seq_unwrap(65535, 0), 65536);
	assert_int_equal(seq_unwrap(65536, 65535), 65535);
	assert_int_equal(seq_unwrap(0, 65535), -1);
	assert_int_equal(seq_unwrap(-1, 0), 0);
	assert_int_equal(seq_unwrap(0x12340005, 0x0001), 0x12340001);
}

// The RFC's pseudo code, word for word, with the rollover counter wrapping in 32 bits.
static uint64_t rfc3711_guess(uint64_t highest, uint16_t seq)
{
	uint32_t roc = (uint32_t)(highest >> 16), v;
	int32_t s_l = (int32_t)(highest & 0xffff);
	if (s_l < 32768)
		v = (int32_t)seq - s_l > 32768 ? roc - 1 : roc;
	else
		v = s_l - 32768 > (int32_t)seq ? roc + 1 : roc;
	return ((uint64_t)v << 16) | seq;
}

static void guess_follows_the_rfc(void **state)
{
	(void)state;
	struct prng p = prng_start(0x5e9);
	for (int i = 0; i < 200000; i++) {
		uint64_t highest = prng_next(&p) & SEQ_INDEX_MAX;
		uint16_t seq = (uint16_t)prng_next(&p);
		if (i % 4 == 0) // exactly half a period away: the RFC has its own rule
			seq = (uint16_t)(highest + 0x8000);
		uint64_t index = 0;
		if (highest < 0x10000 || highest > SEQ_INDEX_MAX - 0x10000)
			continue;
		assert_true(seq_index_guess(highest, seq, &index));
		assert_int_equal(index, rfc3711_guess(highest, seq));
	}
}

static void guess_stays_in_48_bits(void **state)
{
	(void)state;
	uint64_t index = 77;
	assert_false(seq_index_guess(0, 0xffff, &index));
	assert_false(seq_index_guess(SEQ_INDEX_MAX, 0, &index));
	assert_int_equal(index, 77);
	assert_true(seq_index_guess(0, 0x8000, &index));
	assert_int_equal(index, 0x8000);
	assert_true(seq_index_guess(SEQ_INDEX_MAX, 0xfffe, &index));
	assert_int_equal(index, SEQ_INDEX_MAX - 1);
}

static void bytes_are_big_endian(void **state)
{
	(void)state;
	const uint8_t in[8] = {0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 0x88};
	uint8_t out[8] = {0};
	assert_int_equal(bytes_be16(in + 1), 0x8203);
	assert_int_equal(bytes_be24(in + 1), 0x820384);
	assert_int_equal(bytes_be32(in + 1), 0x82038405);
	assert_true(bytes_be64(in) == UINT64_C(0x0182038405860788));
	bytes_store_be64(out, UINT64_C(0x0182038405860788));
	assert_memory_equal(in, out, 8);
	bytes_store_be24(out, 0xaabbcc);
	assert_memory_equal(out, "\xaa\xbb\xcc\x84", 4);
}

static void writer_never_leaves_its_room(void **state)
{
	(void)state;
	uint8_t room[4] = {9, 9, 9, 9};
	struct bytes_writer w;
	bytes_writer_init(&w, room, 3);
	bytes_put_be16(&w, 0x0102);
	assert_false(w.overflow);
	bytes_put_be16(&w, 0x0304);
	assert_true(w.overflow);
	bytes_put_u8(&w, 5); // would fit, but a hole must not be closed over
	assert_int_equal(w.size, 2);
	assert_memory_equal(room, "\x01\x02\x09\x09", 4);
	bytes_writer_init(&w, room, 3);
	bytes_put(&w, "abc", 3);
	bytes_put_zero(&w, 0);
	assert_false(w.overflow);
	assert_memory_equal(room, "abc\x09", 4);
}

static enum demux_class expected_class(unsigned first)
{
	if (first <= 3)
		return DEMUX_STUN;
	if (first >= 16 && first <= 19)
		return DEMUX_ZRTP;
	if (first >= 20 && first <= 63)
		return DEMUX_DTLS;
	if (first >= 64 && first <= 79)
		return DEMUX_TURN_CHANNEL;
	return first >= 128 && first <= 191 ? DEMUX_RTP : DEMUX_OTHER;
}

static void demux_by_first_bytes(void **state)
{
	(void)state;
	uint8_t buf[2] = {0, 0};
	assert_int_equal(demux_classify(buf, 0), DEMUX_OTHER);
	for (unsigned first = 0; first < 256; first++) {
		buf[0] = (uint8_t)first;
		assert_int_equal(demux_classify(buf, 1), expected_class(first));
		for (unsigned second = 0; second < 256; second++) {
			buf[1] = (uint8_t)second;
			enum demux_class want = expected_class(first);
			if (want == DEMUX_RTP && second >= 192 && second <= 223)
				want = DEMUX_RTCP;
			assert_int_equal(demux_classify(buf, 2), want);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newer_wraps),
		cmocka_unit_test(unwrap_finds_the_nearest),
		cmocka_unit_test(guess_follows_the_rfc),
		cmocka_unit_test(guess_stays_in_48_bits),
		cmocka_unit_test(bytes_are_big_endian),
		cmocka_unit_test(writer_never_leaves_its_room),
		cmocka_unit_test(demux_by_first_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
