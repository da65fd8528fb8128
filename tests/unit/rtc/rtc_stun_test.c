// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_stun_test.c - STUN against RFC 5769's messages, with OpenSSL's HMAC-SHA1.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/bytes.h"
#include "proto/rtc/stun.h"
#include "tests/vectors/hex.h"
#include "tests/vectors/stun_rfc5769.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static bool hmac_sha1(void *ctx, const struct stun_part *parts, size_t count, uint8_t mac[20])
{
	uint8_t all[2048];
	size_t size = 0;
	for (size_t i = 0; i < count; i++) {
		assert_true(size + parts[i].size <= sizeof(all));
		memcpy(all + size, parts[i].data, parts[i].size);
		size += parts[i].size;
	}
	unsigned got = 0;
	return HMAC(EVP_sha1(), ctx, (int)strlen(ctx), all, size, mac, &got) != NULL && got == 20;
}

static char password[] = RFC5769_PASSWORD;
static char wrong[] = "VOkJxbRl1RmTxUk/WvJxBu";
static const struct stun_hmac right_key = {hmac_sha1, password};
static const struct stun_hmac wrong_key = {hmac_sha1, wrong};

static void sample_request(void **state)
{
	(void)state;
	uint8_t buf[256];
	size_t size = hex_bytes(RFC5769_REQUEST, buf, sizeof(buf));
	struct stun_view v;
	struct stun_ufrags u;
	assert_true(stun_parse(&v, buf, size));
	assert_int_equal(v.msg_class, STUN_REQUEST);
	assert_int_equal(v.method, STUN_METHOD_BINDING);
	assert_int_equal(v.priority, 0x6e0001ff);
	assert_true(v.controlled && !v.controlling);
	assert_true(v.tie_breaker == UINT64_C(0x932ff9b151263b36));
	assert_int_equal(v.username_size, 9);
	assert_memory_equal(v.username, "evtj:h6vY", 9);
	assert_int_equal(v.unknown_count, 0); // SOFTWARE may be ignored
	assert_int_equal(v.mapped.family, RTC_ADDR_NONE);
	assert_true(stun_username_split(&v, &u));
	assert_int_equal(u.local_size, 4);
	assert_memory_equal(u.local, "evtj", 4);
	assert_int_equal(u.remote_size, 4);
	assert_memory_equal(u.remote, "h6vY", 4);
	assert_true(stun_fingerprint_ok(&v));
	assert_true(stun_integrity_ok(&v, &right_key));
	assert_false(stun_integrity_ok(&v, &wrong_key));
}

static void sample_responses(void **state)
{
	(void)state;
	static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, 0x12, 0x34, 0x56, 0x78,
				       0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77};
	uint8_t buf[256];
	struct stun_view v;
	size_t size = hex_bytes(RFC5769_RESPONSE_V4, buf, sizeof(buf));
	assert_true(stun_parse(&v, buf, size));
	assert_int_equal(v.msg_class, STUN_SUCCESS);
	assert_int_equal(v.mapped.family, RTC_ADDR_V4);
	assert_int_equal(v.mapped.port, 32853);
	assert_memory_equal(v.mapped.ip, "\xc0\x00\x02\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_true(stun_fingerprint_ok(&v) && stun_integrity_ok(&v, &right_key));
	size = hex_bytes(RFC5769_RESPONSE_V6, buf, sizeof(buf));
	assert_true(stun_parse(&v, buf, size));
	assert_int_equal(v.mapped.family, RTC_ADDR_V6);
	assert_int_equal(v.mapped.port, 32853);
	assert_memory_equal(v.mapped.ip, v6, 16);
	assert_true(stun_fingerprint_ok(&v) && stun_integrity_ok(&v, &right_key));
}

static void every_flipped_bit_is_noticed(void **state)
{
	(void)state;
	uint8_t good[256], buf[256];
	struct stun_view v;
	size_t size = hex_bytes(RFC5769_REQUEST, good, sizeof(good));
	for (size_t bit = 0; bit < 8 * size; bit++) {
		memcpy(buf, good, size);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (!stun_parse(&v, buf, size))
			continue;
		assert_false(stun_fingerprint_ok(&v) && stun_integrity_ok(&v, &right_key));
		if (bit / 8 < 76) // in front of MESSAGE-INTEGRITY
			assert_false(stun_integrity_ok(&v, &right_key));
	}
	for (size_t cut = 0; cut < size; cut++)
		assert_false(stun_parse(&v, good, cut));
}

static size_t message(uint8_t *buf, const char *attributes)
{
	static const char head[] = "000100002112a442000102030405060708090a0b";
	size_t size = hex_bytes(head, buf, 20);
	size += hex_bytes(attributes, buf + 20, 1000);
	bytes_store_be16(buf + 2, (uint16_t)(size - 20));
	return size;
}

static bool parses(struct stun_view *v, const char *attributes)
{
	static uint8_t buf[1024];
	return stun_parse(v, buf, message(buf, attributes));
}

static void malformed(void **state)
{
	(void)state;
	struct stun_view v;
	assert_true(parses(&v, ""));
	assert_false(parses(&v, "0006")); // half a head
	assert_false(parses(&v, "00060005aabbccdd")); // runs over the end
	assert_false(parses(&v, "00240003aabbcc00")); // PRIORITY of 3
	assert_false(parses(&v, "00250004aabbccdd")); // USE-CANDIDATE with a value
	assert_false(parses(&v, "802a0004aabbccdd")); // ICE-CONTROLLING of 4
	assert_false(parses(&v, "002000080002a147e112a643")); // IPv6 in 8 bytes
	assert_false(parses(&v, "00090004000002ff")); // ERROR-CODE 2xx
	assert_false(parses(&v, "0009000200000000")); // ERROR-CODE too short
	assert_false(parses(&v, "00080004aabbccdd")); // MESSAGE-INTEGRITY of 4
	assert_false(parses(&v, "80280004aabbccdd802200010a000000")); // FINGERPRINT not last
	uint8_t buf[64];
	size_t size = message(buf, "");
	buf[4] ^= 1; // magic cookie
	assert_false(stun_parse(&v, buf, size));
	buf[4] ^= 1;
	buf[0] = 0x40;
	assert_false(stun_parse(&v, buf, size));
}

static void unknown_attributes_are_listed(void **state)
{
	(void)state;
	struct stun_view v;
	assert_true(parses(&v, "7fff0000"
			       "80550000" // may be ignored
			       "00030004aabbccdd"));
	assert_int_equal(v.unknown_count, 2);
	assert_int_equal(v.unknown[0], 0x7fff);
	assert_int_equal(v.unknown[1], 0x0003);
	// behind MESSAGE-INTEGRITY nothing counts
	assert_true(parses(&v, "000800140000000000000000000000000000000000000000"
			       "7fff00000025000000240004aabbccdd"));
	assert_int_equal(v.unknown_count, 0);
	assert_false(v.use_candidate);
	assert_int_equal(v.priority, 0);
	assert_true(parses(&v, "7ff100007ff200007ff300007ff400007ff500007ff600007ff700007ff80000"
			       "7ff900007ffa0000"));
	assert_int_equal(v.unknown_count, 10);
	assert_int_equal(v.unknown[STUN_UNKNOWN_MAX - 1], 0x7ff8);
}

static void the_first_of_repeated_attributes_counts(void **state)
{
	(void)state;
	struct stun_view v;
	assert_true(parses(&v, "00240004000000010024000400000002"
			       "802a00080000000000000003802900080000000000000004"
			       "00060001610000000006000162000000"));
	assert_int_equal(v.priority, 1);
	assert_true(v.controlling && !v.controlled && v.tie_breaker == 3);
	assert_memory_equal(v.username, "a", 1);
}

static void dtls_in_stun_is_seen(void **state)
{
	(void)state;
	struct stun_view v;
	assert_true(parses(&v, "c0700004aabbccdd"));
	assert_true(v.dtls);
	assert_true(parses(&v, "c0570004aabbccdd"));
	assert_false(v.dtls);
}

static void usernames_split_at_the_first_colon(void **state)
{
	(void)state;
	struct stun_view v;
	struct stun_ufrags u;
	assert_true(parses(&v, "00060005613a623a63000000")); // a:b:c
	assert_true(stun_username_split(&v, &u));
	assert_true(u.local_size == 1 && u.remote_size == 3);
	static const char *const bad[] = {"", "00060000", "0006000161000000", "00060002613a0000",
					  "000600023a610000"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(parses(&v, bad[i]));
		assert_false(stun_username_split(&v, &u));
	}
}

static void types_encode_class_and_method(void **state)
{
	(void)state;
	static const struct {
		uint16_t type, method;
		uint8_t msg_class;
	} cases[] = {{0x0001, 1, STUN_REQUEST},	    {0x0011, 1, STUN_INDICATION},
		     {0x0101, 1, STUN_SUCCESS},	    {0x0111, 1, STUN_ERROR},
		     {0x3eef, 0xfff, STUN_REQUEST}, {0x0113, 3, STUN_ERROR}};
	uint8_t buf[64];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stun_view v;
		size_t size = message(buf, "");
		bytes_store_be16(buf, cases[i].type);
		assert_true(stun_parse(&v, buf, size));
		assert_int_equal(v.method, cases[i].method);
		assert_int_equal(v.msg_class, cases[i].msg_class);
	}
}

static const uint8_t transaction[12] = {0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
					0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};

static void built_success(void **state)
{
	(void)state;
	uint8_t buf[STUN_MESSAGE_BYTES_MAX], sample[256];
	struct stun_view v;
	struct rtc_addr a = {.ip = {192, 0, 2, 1}, .port = 32853, .family = RTC_ADDR_V4};
	size_t size = stun_build_success(buf, sizeof(buf), transaction, &a, &right_key);
	assert_int_equal(size, 20 + 12 + 24 + 8);
	hex_bytes(RFC5769_RESPONSE_V4, sample, sizeof(sample));
	assert_memory_equal(buf + 20, sample + 36, 12); // the RFC's XOR-MAPPED-ADDRESS
	assert_true(stun_parse(&v, buf, size));
	assert_int_equal(v.msg_class, STUN_SUCCESS);
	assert_memory_equal(v.transaction, transaction, 12);
	assert_true(stun_fingerprint_ok(&v) && stun_integrity_ok(&v, &right_key));
	for (size_t room = 0; room < size; room++)
		assert_int_equal(stun_build_success(buf, room, transaction, &a, &right_key), 0);
	hex_bytes(RFC5769_RESPONSE_V6, sample, sizeof(sample));
	assert_true(stun_parse(&v, sample, 92));
	struct rtc_addr six = v.mapped;
	size = stun_build_success(buf, sizeof(buf), transaction, &six, &right_key);
	assert_memory_equal(buf + 20, sample + 36, 24);
	assert_true(stun_parse(&v, buf, size));
	assert_true(rtc_addr_equal(&v.mapped, &six));
}

static void built_error(void **state)
{
	(void)state;
	uint8_t buf[STUN_MESSAGE_BYTES_MAX];
	struct stun_view v;
	const uint16_t unknown[] = {0x7fff, 0x0003, 0x0004};
	size_t size = stun_build_error(buf, sizeof(buf), transaction, STUN_UNKNOWN_ATTRIBUTE,
				       unknown, 3, &right_key);
	// ERROR-CODE 420 "Unknown Attribute", 3 bytes of padding; UNKNOWN-ATTRIBUTES with 3, padded
	assert_memory_equal(buf, "\x01\x11", 2);
	assert_memory_equal(buf + 20, "\x00\x09\x00\x15\x00\x00\x04\x14Unknown Attribute\0\0\0",
			    28);
	assert_memory_equal(buf + 48, "\x00\x0a\x00\x06\x7f\xff\x00\x03\x00\x04\0\0", 12);
	assert_true(stun_parse(&v, buf, size));
	assert_int_equal(v.error_code, 420);
	assert_true(stun_fingerprint_ok(&v) && stun_integrity_ok(&v, &right_key));
	size = stun_build_error(buf, sizeof(buf), transaction, STUN_ROLE_CONFLICT, NULL, 0,
				&right_key);
	assert_memory_equal(buf + 20, "\x00\x09\x00\x11\x00\x00\x04\x57Role Conflict\0\0\0", 24);
	assert_true(stun_parse(&v, buf, size));
	assert_int_equal(v.error_code, 487);
	assert_int_equal(v.msg_class, STUN_ERROR);
}

static void built_request(void **state)
{
	(void)state;
	uint8_t buf[STUN_MESSAGE_BYTES_MAX];
	struct stun_view v;
	struct stun_request r = {
		.transaction = transaction,
		.remote_ufrag = "evtj",
		.remote_ufrag_size = 4,
		.local_ufrag = "h6vY",
		.local_ufrag_size = 4,
		.priority = 0x6e0001ff,
		.tie_breaker = UINT64_C(0x932ff9b151263b36),
	};
	size_t size = stun_build_request(buf, sizeof(buf), &r, &right_key);
	assert_true(stun_parse(&v, buf, size));
	assert_int_equal(v.msg_class, STUN_REQUEST);
	assert_memory_equal(v.username, "evtj:h6vY", 9);
	assert_true(v.controlled && !v.use_candidate && v.tie_breaker == r.tie_breaker);
	assert_int_equal(v.priority, r.priority);
	assert_true(stun_fingerprint_ok(&v) && stun_integrity_ok(&v, &right_key));
	static char longest[256];
	memset(longest, 'u', sizeof(longest));
	r.remote_ufrag = r.local_ufrag = longest;
	r.remote_ufrag_size = r.local_ufrag_size = 256;
	r.controlling = r.use_candidate = true;
	size = stun_build_request(buf, sizeof(buf), &r, &right_key);
	assert_true(size != 0 && stun_parse(&v, buf, size));
	assert_true(v.controlling && v.use_candidate);
	assert_int_equal(v.username_size, 513);
}

static bool hmac_fails(void *ctx, const struct stun_part *parts, size_t count, uint8_t mac[20])
{
	(void)ctx, (void)parts, (void)count, (void)mac;
	return false;
}

static void a_failing_hmac_builds_and_verifies_nothing(void **state)
{
	(void)state;
	uint8_t buf[256];
	struct stun_view v;
	const struct stun_hmac fails = {hmac_fails, NULL};
	struct rtc_addr a = {.port = 1, .family = RTC_ADDR_V4};
	assert_int_equal(stun_build_success(buf, sizeof(buf), transaction, &a, &fails), 0);
	size_t size = hex_bytes(RFC5769_REQUEST, buf, sizeof(buf));
	assert_true(stun_parse(&v, buf, size));
	assert_false(stun_integrity_ok(&v, &fails));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sample_request),
		cmocka_unit_test(sample_responses),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(malformed),
		cmocka_unit_test(unknown_attributes_are_listed),
		cmocka_unit_test(the_first_of_repeated_attributes_counts),
		cmocka_unit_test(dtls_in_stun_is_seen),
		cmocka_unit_test(usernames_split_at_the_first_colon),
		cmocka_unit_test(types_encode_class_and_method),
		cmocka_unit_test(built_success),
		cmocka_unit_test(built_error),
		cmocka_unit_test(built_request),
		cmocka_unit_test(a_failing_hmac_builds_and_verifies_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
