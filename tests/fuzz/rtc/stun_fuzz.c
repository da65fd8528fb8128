// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/rtc/stun_fuzz.c - one datagram through the STUN parser, its checks, and an answer to
// it.
#undef NDEBUG
#include "proto/rtc/stun.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Stands in for HMAC-SHA1: touches every byte, and a message is verified by what built it.
static bool sum(void *ctx, const struct stun_part *parts, size_t count, uint8_t mac[STUN_MAC_BYTES])
{
	(void)ctx;
	memset(mac, 0, STUN_MAC_BYTES);
	for (size_t p = 0; p < count; p++)
		for (size_t i = 0; i < parts[p].size; i++)
			mac[i % STUN_MAC_BYTES] ^= (uint8_t)(parts[p].data[i] + i);
	return true;
}

static void check_answers(const struct stun_view *v, const struct stun_hmac *hmac)
{
	uint8_t buf[STUN_MESSAGE_BYTES_MAX];
	struct stun_view answer;
	struct rtc_addr mapped = v->mapped;
	if (mapped.family == RTC_ADDR_NONE)
		mapped.family = RTC_ADDR_V4;
	size_t size = stun_build_success(buf, sizeof(buf), v->transaction, &mapped, hmac);
	assert(size != 0 && stun_parse(&answer, buf, size));
	assert(stun_integrity_ok(&answer, hmac) && stun_fingerprint_ok(&answer));
	assert(rtc_addr_equal(&answer.mapped, &mapped));
	size = stun_build_error(buf, sizeof(buf), v->transaction, STUN_UNKNOWN_ATTRIBUTE,
				v->unknown, v->unknown_count, hmac);
	assert(size != 0 && stun_parse(&answer, buf, size));
	assert(stun_integrity_ok(&answer, hmac) && answer.error_code == STUN_UNKNOWN_ATTRIBUTE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct stun_hmac hmac = {sum, NULL};
	struct stun_view v;
	struct stun_ufrags u;

	if (!stun_parse(&v, data, size))
		return 0;
	assert(v.size == size);
	if (v.username != NULL)
		assert((const uint8_t *)v.username + v.username_size <= data + size);
	if (stun_username_split(&v, &u))
		assert(u.local_size + 1 + u.remote_size == v.username_size);
	stun_fingerprint_ok(&v);
	stun_integrity_ok(&v, &hmac);
	check_answers(&v, &hmac);
	return 0;
}
