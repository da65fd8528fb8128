// SPDX-License-Identifier: Apache-2.0
// tests/unit/dataplane/record_check_test.c - records that are right but for one field, and noise.
// The limits are those of proto/shm/abi.h and of the RFCs it names.
#include "dataplane/link/record_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum {
	PORT_FIRST = 40000,
	PORT_LAST = 40010,
	PUBLIC_PORT = 3478,
	PLAIN_FIRST = 30000,
	PLAIN_LAST = 30010,
	NOISE_ROUNDS = 20000,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct shm_transport_config transport(void)
{
	struct shm_transport_config c = {
		.generation = 1,
		.flags = SHM_TRANSPORT_ICE_LITE | SHM_TRANSPORT_ESTABLISHED,
		.internal_port = PORT_FIRST,
		.suite = SHM_SUITE_AEAD_AES_128_GCM,
		.rtcp_ssrc = 1,
		.selected_remote = {.family = RTC_ADDR_V4, .port = 1},
		.selected_local = {.family = RTC_ADDR_V4, .port = 1},
	};

	c.credentials[0] = (struct shm_credentials){
		.local_ufrag_size = 8,
		.local_pwd_size = 24,
		.remote_ufrag_size = 4,
		.remote_pwd_size = 22,
	};
	return c;
}

static struct shm_transport_config plain(bool latch)
{
	struct shm_transport_config c = {
		.generation = 1,
		.flags = SHM_TRANSPORT_PLAIN | SHM_TRANSPORT_ESTABLISHED,
		.rtcp_ssrc = 1,
		.selected_remote = {.family = RTC_ADDR_V6, .port = 1},
		.selected_local = {.family = RTC_ADDR_V6, .port = PUBLIC_PORT},
	};

	if (latch) {
		c.flags |= SHM_TRANSPORT_LATCH;
		c.selected_remote.family = RTC_ADDR_NONE;
		c.selected_local.port = PLAIN_FIRST;
	}
	return c;
}

static bool plain_ok(const struct shm_transport_config *c)
{
	return record_plain_ok(c, PUBLIC_PORT, PLAIN_FIRST, PLAIN_LAST);
}

#define WRONG(latch, what)                                                                         \
	do {                                                                                       \
		struct shm_transport_config c = plain(latch);                                      \
		what;                                                                              \
		if (plain_ok(&c))                                                                  \
			fail_msg("taken with " #what);                                             \
	} while (0)

static void plain_transports(void **state)
{
	struct shm_transport_config fixed = plain(false), latching = plain(true);

	(void)state;
	assert_true(plain_ok(&fixed));
	assert_true(plain_ok(&latching));
	assert_false(record_transport_ok(&fixed, PORT_FIRST, PORT_LAST));
	fixed = transport();
	assert_false(plain_ok(&fixed));
	WRONG(false, c.flags &= ~(uint32_t)SHM_TRANSPORT_ESTABLISHED);
	WRONG(false, c.flags |= SHM_TRANSPORT_ICE_LITE);
	WRONG(false, c.rtcp_ssrc = 0);
	WRONG(false, c.internal_port = PORT_FIRST);
	WRONG(false, c.suite = 2);
	WRONG(false, c.credentials[1].local_ufrag_size = 8);
	WRONG(false, c.inactivity_ms = SHM_INACTIVITY_MS_MAX + 1);
	WRONG(false, c.selected_remote.port = 0);
	WRONG(false, c.selected_remote.family = RTC_ADDR_V4);
	WRONG(false, c.selected_local.port = PLAIN_FIRST);
	WRONG(true, c.selected_local.port = PUBLIC_PORT);
	WRONG(true, c.selected_local.port = PLAIN_LAST + 1);
	WRONG(true, c.selected_local.family = RTC_ADDR_NONE);
	WRONG(true, c.selected_remote.family = RTC_ADDR_V6);
}
#undef WRONG

static struct shm_track_config track(void)
{
	struct shm_track_config c = {
		.kind = SHM_KIND_VIDEO,
		.codec_count = 2,
		.encoding_count = 2,
		.mid = "0",
		.codecs = {{.pt = 0, .codec = SHM_CODEC_VP8, .clock_rate = 90000},
			   {.pt = 127, .codec = SHM_CODEC_AV1, .clock_rate = 90000}},
		.encodings = {{.ssrc = 1}, {.ssrc = 0, .rid = "h"}},
	};

	return c;
}

static struct shm_subscription_config subscription(void)
{
	struct shm_subscription_config c = {
		.ssrc = 1,
		.pt_count = 1,
		.sequence_start = 0x7fff,
		.pts = {{.from = 127, .to = 127}},
	};

	return c;
}

// Each row overwrites bytes of a good record at an offset; 'ok' is what should be said then.
struct row {
	size_t offset;
	size_t size;
	uint32_t value;
	bool ok;
};

#define ROW(type, member, value, ok)                                                               \
	{                                                                                          \
		offsetof(struct type, member), sizeof(((struct type *)0)->member), value, ok       \
	}

static void change(void *record, const struct row *row)
{
	assert_true(row->size <= sizeof(row->value));
	memcpy((uint8_t *)record + row->offset, &row->value, row->size); // little-endian
}

static void test_transport(void **state)
{
	static const struct row rows[] = {
		ROW(shm_transport_config, flags, 1 << 3, false),
		ROW(shm_transport_config, flags, UINT32_MAX, false),
		ROW(shm_transport_config, flags, SHM_TRANSPORT_ICE_CONTROLLING, true),
		ROW(shm_transport_config, internal_port, PORT_FIRST - 1, false),
		ROW(shm_transport_config, internal_port, PORT_LAST, true),
		ROW(shm_transport_config, internal_port, PORT_LAST + 1, false),
		ROW(shm_transport_config, suite, 0, false),
		ROW(shm_transport_config, suite, 2, false), // AES_CM_128_HMAC_SHA1_32
		ROW(shm_transport_config, suite, SHM_SUITE_AES_CM_128_HMAC_SHA1_80, true),
		ROW(shm_transport_config, suite, SHM_SUITE_AEAD_AES_256_GCM, true),
		ROW(shm_transport_config, rtcp_ssrc, 0, false),
		ROW(shm_transport_config, credentials[0].local_ufrag_size, 7, false),
		ROW(shm_transport_config, credentials[0].local_ufrag_size, 32, true),
		ROW(shm_transport_config, credentials[0].local_ufrag_size, 33, false),
		ROW(shm_transport_config, credentials[0].local_pwd_size, 21, false),
		ROW(shm_transport_config, credentials[0].local_pwd_size, 33, false),
		ROW(shm_transport_config, credentials[0].remote_ufrag_size, 3, false),
		ROW(shm_transport_config, credentials[0].remote_ufrag_size, 256, true),
		ROW(shm_transport_config, credentials[0].remote_ufrag_size, 257, false),
		ROW(shm_transport_config, credentials[0].remote_ufrag_size, 0, false),
		ROW(shm_transport_config, credentials[0].remote_pwd_size, 0, false),
		ROW(shm_transport_config, credentials[0].remote_pwd_size, UINT16_MAX, false),
		ROW(shm_transport_config, credentials[1].local_ufrag_size, 1, false),
		ROW(shm_transport_config, credentials[1].local_ufrag_size, UINT16_MAX, false),
		ROW(shm_transport_config, selected_remote.family, RTC_ADDR_NONE, false),
		ROW(shm_transport_config, selected_remote.family, RTC_ADDR_V6, false),
		ROW(shm_transport_config, selected_remote.family, 77, false),
		ROW(shm_transport_config, selected_local.family, RTC_ADDR_V6, false),
	};
	struct shm_transport_config c = transport();

	(void)state;
	assert_true(record_transport_ok(&c, PORT_FIRST, PORT_LAST));
	for (size_t i = 0; i < COUNT(rows); i++) {
		c = transport();
		change(&c, &rows[i]);
		if (record_transport_ok(&c, PORT_FIRST, PORT_LAST) != rows[i].ok)
			fail_msg("row %zu", i);
	}
	// Before it has keys the peer's side may be unknown.
	c = transport();
	c.flags = 0;
	c.suite = SHM_SUITE_NONE;
	c.selected_remote.family = c.selected_local.family = RTC_ADDR_NONE;
	c.credentials[0].remote_ufrag_size = c.credentials[0].remote_pwd_size = 0;
	assert_true(record_transport_ok(&c, PORT_FIRST, PORT_LAST));
	c.flags = SHM_TRANSPORT_ESTABLISHED;
	assert_false(record_transport_ok(&c, PORT_FIRST, PORT_LAST));
}

static void test_track(void **state)
{
	static const struct row rows[] = {
		ROW(shm_track_config, kind, 0, false),
		ROW(shm_track_config, kind, 3, false),
		ROW(shm_track_config, muted, 1, true),
		ROW(shm_track_config, muted, 2, false),
		ROW(shm_track_config, codec_count, 0, false),
		ROW(shm_track_config, codec_count, SHM_CODECS_MAX + 1, false),
		ROW(shm_track_config, codec_count, 255, false),
		ROW(shm_track_config, encoding_count, 0, false),
		ROW(shm_track_config, encoding_count, SHM_ENCODINGS_MAX + 1, false),
		ROW(shm_track_config, codecs[0].pt, 128, false),
		ROW(shm_track_config, codecs[0].pt, 127, false), // twice
		ROW(shm_track_config, codecs[0].codec, SHM_CODEC_NONE, false),
		ROW(shm_track_config, codecs[0].codec, SHM_CODEC_COUNT, false),
		ROW(shm_track_config, codecs[1].clock_rate, 0, false),
		ROW(shm_track_config, encodings[1].ssrc, 1, false), // twice
		ROW(shm_track_config, encodings[1].ssrc, 2, true),
		ROW(shm_track_config, encodings[1].rid[0], 0, false), // nothing to know it by
		ROW(shm_track_config, mid[0], 0, false),
	};
	struct shm_track_config c = track();

	(void)state;
	assert_true(record_track_ok(&c));
	for (size_t i = 0; i < COUNT(rows); i++) {
		c = track();
		change(&c, &rows[i]);
		if (record_track_ok(&c) != rows[i].ok)
			fail_msg("row %zu", i);
	}
}

static void test_subscription(void **state)
{
	static const struct row rows[] = {
		ROW(shm_subscription_config, ssrc, 0, false),
		ROW(shm_subscription_config, paused, 1, true),
		ROW(shm_subscription_config, paused, 2, false),
		ROW(shm_subscription_config, sequence_start, 0x8000, false),
		ROW(shm_subscription_config, pt_count, 0, false),
		ROW(shm_subscription_config, pt_count, SHM_CODECS_MAX, true),
		ROW(shm_subscription_config, pt_count, SHM_CODECS_MAX + 1, false),
		ROW(shm_subscription_config, pts[0].from, 128, false),
		ROW(shm_subscription_config, pts[0].to, 128, false),
		ROW(shm_subscription_config, pts[1].to, 128, true), // not in use
	};
	struct shm_subscription_config c = subscription();

	(void)state;
	assert_true(record_subscription_ok(&c));
	for (size_t i = 0; i < COUNT(rows); i++) {
		c = subscription();
		change(&c, &rows[i]);
		if (record_subscription_ok(&c) != rows[i].ok)
			fail_msg("row %zu", i);
	}
}

// Bytes of all kinds: whatever is said, nothing outside the record is looked at (ASan, UBSan).
static void test_noise(void **state)
{
	struct shm_transport_config t;
	struct shm_track_config k;
	struct shm_subscription_config s;
	uint32_t x = 2463534242; // xorshift32, Marsaglia 2003
	unsigned accepted = 0;

	(void)state;
	for (int round = 0; round < NOISE_ROUNDS; round++) {
		t = transport();
		k = track();
		s = subscription();
		for (int i = 0; i < 3; i++) {
			x ^= x << 13, x ^= x >> 17, x ^= x << 5;
			((uint8_t *)&t)[x % offsetof(struct shm_transport_config, receive_ext)] =
				(uint8_t)(x >> 24);
			((uint8_t *)&k)[x % sizeof(k)] = (uint8_t)(x >> 24);
			((uint8_t *)&s)[x % sizeof(s)] = (uint8_t)(x >> 24);
		}
		accepted += record_transport_ok(&t, PORT_FIRST, PORT_LAST);
		accepted += record_track_ok(&k);
		accepted += record_subscription_ok(&s);
	}
	// Some of it hits fields that are checked, some does not.
	assert_in_range(accepted, 1, 3 * NOISE_ROUNDS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_transports), cmocka_unit_test(test_transport),
		cmocka_unit_test(test_track),	    cmocka_unit_test(test_subscription),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
