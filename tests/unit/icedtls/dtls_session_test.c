// SPDX-License-Identifier: Apache-2.0
// tests/unit/icedtls/dtls_session_test.c - DTLS handshakes over lossy and hostile channels.
// Place    tests dtls/session.c with record_filter.c and datagram_bio.c below it.
#include "tests/unit/icedtls/dtls_channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEEDS = 100, MINUTE_US = 60 * 1000 * 1000 };

static struct dtls_certificate *certificate[2];
static struct dtls_fingerprint fingerprint[2]; // 0: the active side's
static struct dtls_context *context[2];
static struct channel channel;

static int setup(void **state)
{
	char reason[DTLS_REASON_SIZE];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(dtls_certificate_generate(reason, &certificate[i]), 0);
		dtls_certificate_fingerprint(certificate[i], DTLS_SHA256, &fingerprint[i]);
		assert_int_equal(dtls_context_create(certificate[i], NULL, reason, &context[i]), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		dtls_context_destroy(&context[i]);
		dtls_certificate_destroy(&certificate[i]);
	}
	return 0;
}

static struct channel *open_channel(uint64_t seed)
{
	channel_open(&channel, seed, context[0], context[1], &fingerprint[1], &fingerprint[0]);
	return &channel;
}

static void start(struct channel *c)
{
	dtls_session_start(c->passive.session);
	dtls_session_start(c->active.session);
}

static void assert_connected(struct channel *c, uint64_t seed)
{
	if (c->active.connected != 1 || c->passive.connected != 1 || c->active.failed != 0 ||
	    c->passive.failed != 0)
		fail_msg("seed %llu: connected %u/%u failed %u/%u '%s' '%s'",
			 (unsigned long long)seed, c->active.connected, c->passive.connected,
			 c->active.failed, c->passive.failed, c->active.reason, c->passive.reason);
	assert_int_equal(c->active.keys.suite, c->passive.keys.suite);
	assert_memory_equal(&c->active.keys.local, &c->passive.keys.remote,
			    sizeof(c->active.keys.local));
	assert_memory_equal(&c->active.keys.remote, &c->passive.keys.local,
			    sizeof(c->active.keys.local));
	assert_memory_not_equal(&c->active.keys.local, &c->active.keys.remote,
				sizeof(c->active.keys.local));
	assert_true(c->active.largest <= DTLS_MTU && c->passive.largest <= DTLS_MTU);
}

static void plain_handshake_test(void **state)
{
	struct channel *c = open_channel(1);

	(void)state;
	start(c);
	channel_run(c, MINUTE_US);
	assert_connected(c, 1);
	assert_int_equal(c->active.keys.suite, DTLS_SRTP_AEAD_AES_128_GCM);
	assert_int_equal(c->active.keys.local.key_size, 16);
	assert_int_equal(c->active.keys.local.salt_size, 12);
	// Nothing was lost, so nothing was sent twice: three flights of a datagram or two.
	assert_true(c->active.sent <= 4 && c->passive.sent <= 4);
	channel_close(c);
}

static void suites_test(void **state)
{
	static const struct {
		const char *offered;
		enum dtls_srtp_suite want;
		uint8_t key, salt;
	} cases[] = {
		{"SRTP_AEAD_AES_128_GCM", DTLS_SRTP_AEAD_AES_128_GCM, 16, 12},
		{"SRTP_AEAD_AES_256_GCM", DTLS_SRTP_AEAD_AES_256_GCM, 32, 12},
		{"SRTP_AES128_CM_SHA1_80", DTLS_SRTP_AES128_CM_HMAC_SHA1_80, 16, 14},
	};
	char reason[DTLS_REASON_SIZE];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct dtls_context *client;
		struct channel *c = &channel;

		assert_int_equal(
			dtls_context_create(certificate[0], cases[i].offered, reason, &client), 0);
		channel_open(c, i + 1, client, context[1], &fingerprint[1], &fingerprint[0]);
		start(c);
		channel_run(c, MINUTE_US);
		assert_connected(c, i);
		assert_int_equal(c->passive.keys.suite, cases[i].want);
		assert_int_equal(c->passive.keys.local.key_size, cases[i].key);
		assert_int_equal(c->passive.keys.local.salt_size, cases[i].salt);
		channel_close(c);
		dtls_context_destroy(&client);
	}
}

static void no_common_suite_test(void **state)
{
	struct dtls_context *client, *server;
	struct channel *c = &channel;
	char reason[DTLS_REASON_SIZE];

	(void)state;
	assert_int_equal(
		dtls_context_create(certificate[0], "SRTP_AEAD_AES_256_GCM", reason, &client), 0);
	assert_int_equal(
		dtls_context_create(certificate[1], "SRTP_AES128_CM_SHA1_80", reason, &server), 0);
	channel_open(c, 1, client, server, &fingerprint[1], &fingerprint[0]);
	start(c);
	channel_run(c, MINUTE_US);
	assert_int_equal(c->active.connected + c->passive.connected, 0);
	assert_int_equal(c->active.failed, 1);
	assert_non_null(strstr(c->active.reason, "SRTP"));
	channel_close(c);
	dtls_context_destroy(&client);
	dtls_context_destroy(&server);
}

static void all_hashes_test(void **state)
{
	(void)state;
	for (int hash = DTLS_SHA256; hash <= DTLS_SHA512; hash++) {
		struct dtls_fingerprint a, p;
		struct channel *c = &channel;

		dtls_certificate_fingerprint(certificate[0], (enum dtls_hash)hash, &a);
		dtls_certificate_fingerprint(certificate[1], (enum dtls_hash)hash, &p);
		channel_open(c, 1, context[0], context[1], &p, &a);
		start(c);
		channel_run(c, MINUTE_US);
		assert_connected(c, (uint64_t)hash);
		channel_close(c);
	}
}

static void wrong_fingerprint_test(void **state)
{
	struct channel *c = &channel;

	(void)state;
	channel_open(c, 1, context[0], context[1], &fingerprint[1], &fingerprint[1]);
	start(c);
	channel_run(c, MINUTE_US);
	assert_int_equal(c->passive.connected, 0);
	assert_int_equal(c->passive.failed, 1);
	assert_non_null(strstr(c->passive.reason, "fingerprint"));
	assert_int_equal(c->active.connected, 0);
	channel_close(c);

	channel_open(c, 1, context[0], context[1], &fingerprint[0], &fingerprint[0]);
	start(c);
	channel_run(c, MINUTE_US);
	assert_int_equal(c->active.failed, 1);
	assert_non_null(strstr(c->active.reason, "fingerprint"));
	assert_int_equal(c->active.connected + c->passive.connected, 0);
	channel_close(c);
}

static void close_and_check(struct channel *c, struct channel_end *from, struct channel_end *to)
{
	c->loss_ppm = 0;
	dtls_session_close(from->session);
	channel_run(c, MINUTE_US);
	assert_int_equal(to->closed, 1);
	assert_int_equal(to->failed, 0);
}

static void lossy_channel_test(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct channel *c = open_channel(seed);

		c->loss_ppm = 250000;
		c->losses_left = 12;
		c->duplicate_ppm = 200000;
		c->jitter_us = 300000;
		start(c);
		channel_run(c, MINUTE_US);
		assert_connected(c, seed);
		close_and_check(c, seed & 1 ? &c->active : &c->passive,
				seed & 1 ? &c->passive : &c->active);
		channel_close(c);
	}
}

static unsigned swallowed;

// Keeps the passive side's last flight (it starts with ChangeCipherSpec) back twice.
static bool lose_last_flight(struct channel *c, struct channel_end *to, const uint8_t *bytes,
			     size_t size)
{
	(void)size;
	if (to != &c->active || bytes[0] != 20 || swallowed == 2)
		return true;
	swallowed++;
	return false;
}

static void lost_last_flight_test(void **state)
{
	struct channel *c = open_channel(1);

	(void)state;
	swallowed = 0;
	c->tap = lose_last_flight;
	start(c);
	channel_run(c, MINUTE_US);
	assert_int_equal(swallowed, 2);
	assert_connected(c, 1);
	close_and_check(c, &c->active, &c->passive);
	channel_close(c);
}

static void close_notify_both_ways_test(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct channel *c = open_channel(i + 1);

		start(c);
		channel_run(c, MINUTE_US);
		assert_connected(c, i);
		close_and_check(c, i ? &c->active : &c->passive, i ? &c->passive : &c->active);
		channel_close(c);
	}
}

static uint8_t hello[CHANNEL_DATAGRAM_MAX];
static size_t hello_size;

static bool catch_hello(struct channel *c, struct channel_end *to, const uint8_t *bytes,
			size_t size)
{
	if (to != &c->passive || bytes[13] != 1)
		return true;
	memcpy(hello, bytes, size);
	hello_size = size;
	return false;
}

// One fragment of the caught ClientHello as a datagram of its own (RFC 6347 4.2.3).
static size_t fragment(uint8_t *out, unsigned index, size_t offset, size_t size)
{
	memcpy(out, hello, 25);
	out[10] = (uint8_t)index;
	out[11] = (uint8_t)((size + 12) >> 8);
	out[12] = (uint8_t)(size + 12);
	out[19] = 0;
	out[20] = (uint8_t)(offset >> 8);
	out[21] = (uint8_t)offset;
	out[22] = 0;
	out[23] = (uint8_t)(size >> 8);
	out[24] = (uint8_t)size;
	memcpy(out + 25, hello + 25 + offset, size);
	return 25 + size;
}

static void feed_fragment(struct channel *c, unsigned index, unsigned count)
{
	uint8_t datagram[CHANNEL_DATAGRAM_MAX];
	size_t body = hello_size - 25, from = body * index / count, to = body * (index + 1) / count;

	dtls_session_feed(c->passive.session, datagram, fragment(datagram, index, from, to - from));
}

static void fragmented_hello_test(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 24; order++) {
		struct channel *c = open_channel(order + 1);
		unsigned left[4] = {0, 1, 2, 3}, code = order;

		c->tap = catch_hello;
		start(c);
		assert_true(hello_size > 25);
		for (unsigned n = 4; n > 0; n--) {
			unsigned pick = code % n, index = left[pick];

			code /= n;
			memmove(&left[pick], &left[pick + 1], (3 - pick) * sizeof(left[0]));
			feed_fragment(c, index, 4);
			if (n > 1) { // and twice
				feed_fragment(c, index, 4);
				assert_int_equal(c->passive.sent, 0);
			}
		}
		c->tap = NULL;
		assert_true(c->passive.sent > 0);
		channel_run(c, MINUTE_US);
		assert_connected(c, order);
		channel_close(c);
	}
}

static void record(struct channel *c, uint8_t *p, uint8_t type, unsigned epoch, const uint8_t *body,
		   size_t size)
{
	p[0] = type;
	p[1] = 0xfe;
	p[2] = channel_random(c) & 1 ? 0xfd : 0xff;
	p[3] = 0;
	p[4] = (uint8_t)epoch;
	for (unsigned i = 5; i < 11; i++)
		p[i] = (uint8_t)channel_random(c); // mostly far ahead
	p[11] = (uint8_t)(size >> 8);
	p[12] = (uint8_t)size;
	memcpy(p + 13, body, size);
}

static void forge(struct channel *c, struct channel_end *to)
{
	static const uint8_t fatal_alert[] = {2, 40}, close_notify[] = {1, 0}, ccs[] = {1},
			     bad_ccs[] = {2}, half_alert[] = {2};
	uint8_t junk[64], p[128];
	size_t size = channel_random(c) % sizeof(junk);

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (uint8_t)channel_random(c);
	dtls_session_feed(to->session, junk, size);
#define FORGE(type, epoch, body, n)                                                                \
	do {                                                                                       \
		record(c, p, type, epoch, body, n);                                                \
		dtls_session_feed(to->session, p, 13 + (n));                                       \
	} while (0)
	FORGE(21, 0, fatal_alert, 2);
	FORGE(21, 0, close_notify, 2);
	FORGE(21, 0, half_alert, 1);
	FORGE(21, 1, fatal_alert, 2);
	FORGE(21, 1, junk, 26);
	FORGE(21, 2, fatal_alert, 2);
	FORGE(20, 0, bad_ccs, 1);
	FORGE(20, 0, junk, size);
	FORGE(20, 1, ccs, 1);
	FORGE(22, 0, junk, size);
	FORGE(22, 1, junk, size);
	FORGE(22, 1, junk, 60);
	FORGE(23, 0, junk, 10);
	FORGE(23, 1, junk, 60);
	FORGE(24, 0, junk, 10);
	FORGE(22, 0, junk, 0);
	memset(junk, 0, 12);
	for (unsigned type = 0; type < 25; type++) { // each message at a place it can't have
		junk[0] = (uint8_t)type;
		junk[5] = 7;
		FORGE(22, 0, junk, 12);
	}
	junk[0] = 11;
	junk[2] = 0xff; // a fragment of nothing
	junk[5] = 1;
	FORGE(22, 0, junk, 12);
#undef FORGE
}

static void attack_both(struct channel *c)
{
	forge(c, &c->active);
	forge(c, &c->passive);
}

static void forged_ccs(struct channel *c)
{
	static const uint8_t ccs[] = {1};
	uint8_t p[14];

	record(c, p, 20, 0, ccs, 1);
	dtls_session_feed(c->active.session, p, sizeof(p));
	dtls_session_feed(c->passive.session, p, sizeof(p));
}

static void attacked(void (*attack)(struct channel *c), bool lossy)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct channel *c = open_channel(seed);

		c->attack = attack;
		c->jitter_us = 50000;
		if (lossy) {
			c->loss_ppm = 200000;
			c->losses_left = 8;
		}
		start(c);
		attack(c);
		channel_run(c, MINUTE_US);
		assert_connected(c, seed);
		for (unsigned i = 0; i < 20; i++)
			attack(c);
		assert_int_equal(c->active.closed + c->passive.closed, 0);
		close_and_check(c, &c->active, &c->passive);
		channel_close(c);
	}
}

static void garbage_between_flights_test(void **state)
{
	(void)state;
	attacked(attack_both, false);
	attacked(attack_both, true);
}

static void forged_change_cipher_spec_test(void **state)
{
	(void)state;
	attacked(forged_ccs, false);
}

static void refused_hello_is_no_end_test(void **state)
{
	struct channel *c = open_channel(1);
	uint8_t forged[CHANNEL_DATAGRAM_MAX];

	(void)state;
	c->tap = catch_hello;
	start(c);
	c->tap = NULL;
	memcpy(forged, hello, hello_size);
	forged[26] = 0xff; // client_version: DTLS 1.0
	dtls_session_feed(c->passive.session, forged, hello_size);
	memcpy(forged, hello, hello_size);
	memset(forged + 25 + 34, 0xff, hello_size - 25 - 34); // lengths that lead nowhere
	dtls_session_feed(c->passive.session, forged, hello_size);
	// A first fragment that claims another length: the true one has to win.
	fragment(forged, 0, 0, 100);
	forged[16] ^= 1;
	dtls_session_feed(c->passive.session, forged, 125);
	assert_int_equal(c->passive.sent, 0);
	assert_int_equal(c->passive.failed, 0);
	assert_true(dtls_session_drops(c->passive.session, DTLS_DROP_FIRST_FLIGHT) >= 1);
	dtls_session_feed(c->passive.session, hello, hello_size);
	channel_run(c, MINUTE_US);
	assert_connected(c, 1);
	channel_close(c);
}

static bool lose_all(struct channel *c, struct channel_end *to, const uint8_t *bytes, size_t size)
{
	(void)c;
	(void)to;
	(void)bytes;
	(void)size;
	return false;
}

static void silence_fails_test(void **state)
{
	struct channel *c = open_channel(1);
	char why[DTLS_REASON_SIZE];

	(void)state;
	c->tap = lose_all;
	start(c);
	channel_run(c, 10 * (uint64_t)MINUTE_US);
	assert_int_equal(c->active.failed, 1);
	assert_int_equal(c->passive.failed, 0); // waits: the owner's deadline decides
	assert_true(c->active.sent >= 10);
	dtls_session_explain(c->passive.session, why);
	assert_non_null(strstr(why, "no ClientHello"));
	channel_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_handshake_test),
		cmocka_unit_test(suites_test),
		cmocka_unit_test(no_common_suite_test),
		cmocka_unit_test(all_hashes_test),
		cmocka_unit_test(wrong_fingerprint_test),
		cmocka_unit_test(lossy_channel_test),
		cmocka_unit_test(lost_last_flight_test),
		cmocka_unit_test(close_notify_both_ways_test),
		cmocka_unit_test(fragmented_hello_test),
		cmocka_unit_test(garbage_between_flights_test),
		cmocka_unit_test(forged_change_cipher_spec_test),
		cmocka_unit_test(refused_hello_is_no_end_test),
		cmocka_unit_test(silence_fails_test),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
