// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/stun_build.c - writing STUN Binding messages (RFC 8489 14, RFC 8445 7). Contract in
// stun.h.
#include "proto/rtc/stun.h"

#include "proto/rtc/bytes.h"
#include "proto/rtc/stun_wire.h"

#include <assert.h>
#include <string.h>

uint32_t stun_crc32(const uint8_t *data, size_t size)
{
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? UINT32_C(0xedb88320) : 0);
	}
	return ~crc;
}

bool stun_mac(const uint8_t *buf, size_t size, const struct stun_hmac *hmac,
	      uint8_t mac[STUN_MAC_BYTES])
{
	uint8_t head[STUN_HEADER_BYTES];
	memcpy(head, buf, sizeof(head));
	bytes_store_be16(head + 2, (uint16_t)(size - STUN_HEADER_BYTES + STUN_ATTR_HEAD_BYTES +
					      STUN_MAC_BYTES));
	const struct stun_part parts[] = {
		{head, sizeof(head)},
		{buf + STUN_HEADER_BYTES, size - STUN_HEADER_BYTES},
	};
	return hmac->sha1(hmac->ctx, parts, sizeof(parts) / sizeof(parts[0]), mac);
}

// The type of a Binding message of that class (RFC 8489 5).
static uint16_t binding_type(enum stun_class msg_class)
{
	unsigned c = (unsigned)msg_class;
	return (uint16_t)(STUN_METHOD_BINDING | (c & 1) << 4 | (c & 2) << 7);
}

static void start_message(struct bytes_writer *w, uint8_t *buf, size_t room,
			  enum stun_class msg_class, const uint8_t *transaction)
{
	bytes_writer_init(w, buf, room);
	bytes_put_be16(w, binding_type(msg_class));
	bytes_put_be16(w, 0);
	bytes_put_be32(w, STUN_MAGIC_COOKIE);
	bytes_put(w, transaction, STUN_TRANSACTION_BYTES);
}

static void put_attribute_head(struct bytes_writer *w, uint16_t type, size_t size)
{
	bytes_put_be16(w, type);
	bytes_put_be16(w, (uint16_t)size);
}

static void put_padding(struct bytes_writer *w)
{
	bytes_put_zero(w, (4 - w->size % 4) % 4);
}

// Appends MESSAGE-INTEGRITY and FINGERPRINT and sets the length. Returns the message's size, or 0.
static size_t finish_message(struct bytes_writer *w, const struct stun_hmac *hmac)
{
	uint8_t mac[STUN_MAC_BYTES];
	if (w->overflow || !stun_mac(w->start, w->size, hmac, mac))
		return 0;
	put_attribute_head(w, STUN_ATTR_MESSAGE_INTEGRITY, sizeof(mac));
	bytes_put(w, mac, sizeof(mac));
	size_t fingerprint = w->size;
	put_attribute_head(w, STUN_ATTR_FINGERPRINT, 4);
	bytes_put_be32(w, 0);
	if (w->overflow)
		return 0;
	bytes_store_be16(w->start + 2, (uint16_t)(w->size - STUN_HEADER_BYTES));
	bytes_store_be32(w->start + fingerprint + STUN_ATTR_HEAD_BYTES,
			 stun_crc32(w->start, fingerprint) ^ STUN_FINGERPRINT_XOR);
	return w->size;
}

size_t stun_build_success(uint8_t *buf, size_t room,
			  const uint8_t transaction[STUN_TRANSACTION_BYTES],
			  const struct rtc_addr *mapped, const struct stun_hmac *hmac)
{
	struct bytes_writer w;

	assert(mapped->family == RTC_ADDR_V4 || mapped->family == RTC_ADDR_V6);
	size_t ip_size = mapped->family == RTC_ADDR_V4 ? 4 : 16;
	start_message(&w, buf, room, STUN_SUCCESS, transaction);
	put_attribute_head(&w, STUN_ATTR_XOR_MAPPED_ADDRESS, 4 + ip_size);
	bytes_put_be16(&w, ip_size == 4 ? 1 : 2);
	bytes_put_be16(&w, mapped->port ^ (uint16_t)(STUN_MAGIC_COOKIE >> 16));
	uint8_t *ip = bytes_writer_reserve(&w, ip_size);
	for (size_t i = 0; ip != NULL && i < ip_size; i++)
		ip[i] = mapped->ip[i] ^ buf[4 + i]; // cookie, then transaction id
	return finish_message(&w, hmac);
}

static const struct reason {
	uint16_t code;
	uint16_t size;
	const char *text;
} reasons[] = {
#define R(code, text)                                                                              \
	{                                                                                          \
		(code), sizeof(text) - 1, (text)                                                   \
	}
	R(STUN_BAD_REQUEST, "Bad Request"),
	R(STUN_UNAUTHENTICATED, "Unauthenticated"),
	R(STUN_UNKNOWN_ATTRIBUTE, "Unknown Attribute"),
	R(STUN_ROLE_CONFLICT, "Role Conflict"),
	R(STUN_SERVER_ERROR, "Server Error"), // also for any other code
#undef R
};

static const struct reason *reason_of(uint16_t code)
{
	const struct reason *r = reasons;
	while (r->code != code && r->code != STUN_SERVER_ERROR)
		r++;
	return r;
}

size_t stun_build_error(uint8_t *buf, size_t room,
			const uint8_t transaction[STUN_TRANSACTION_BYTES], uint16_t code,
			const uint16_t *unknown, size_t unknown_count, const struct stun_hmac *hmac)
{
	struct bytes_writer w;
	const struct reason *reason = reason_of(code);

	assert(code >= 300 && code <= 699);
	start_message(&w, buf, room, STUN_ERROR, transaction);
	put_attribute_head(&w, STUN_ATTR_ERROR_CODE, 4u + reason->size);
	bytes_put_be16(&w, 0);
	bytes_put_u8(&w, (uint8_t)(code / 100));
	bytes_put_u8(&w, (uint8_t)(code % 100));
	bytes_put(&w, reason->text, reason->size);
	put_padding(&w);
	if (unknown_count > STUN_UNKNOWN_MAX)
		unknown_count = STUN_UNKNOWN_MAX;
	if (unknown_count != 0)
		put_attribute_head(&w, STUN_ATTR_UNKNOWN_ATTRIBUTES, 2 * unknown_count);
	for (size_t i = 0; i < unknown_count; i++)
		bytes_put_be16(&w, unknown[i]);
	put_padding(&w);
	return finish_message(&w, hmac);
}

static void put_username(struct bytes_writer *w, const struct stun_request *r)
{
	put_attribute_head(w, STUN_ATTR_USERNAME,
			   (size_t)r->remote_ufrag_size + 1 + r->local_ufrag_size);
	bytes_put(w, r->remote_ufrag, r->remote_ufrag_size);
	bytes_put_u8(w, ':');
	bytes_put(w, r->local_ufrag, r->local_ufrag_size);
	put_padding(w);
}

size_t stun_build_request(uint8_t *buf, size_t room, const struct stun_request *r,
			  const struct stun_hmac *hmac)
{
	struct bytes_writer w;

	assert(r->remote_ufrag_size >= 1 && r->remote_ufrag_size <= 256);
	assert(r->local_ufrag_size >= 1 && r->local_ufrag_size <= 256);
	assert(r->controlling || !r->use_candidate);
	start_message(&w, buf, room, STUN_REQUEST, r->transaction);
	put_username(&w, r);
	put_attribute_head(&w, STUN_ATTR_PRIORITY, 4);
	bytes_put_be32(&w, r->priority);
	put_attribute_head(
		&w, r->controlling ? STUN_ATTR_ICE_CONTROLLING : STUN_ATTR_ICE_CONTROLLED, 8);
	bytes_put_be64(&w, r->tie_breaker);
	if (r->use_candidate)
		put_attribute_head(&w, STUN_ATTR_USE_CANDIDATE, 0);
	return finish_message(&w, hmac);
}
