// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/stun.c - parsing and verifying STUN (RFC 8489 5, 14; RFC 8445 16.1). Contract in
// stun.h.
#include "proto/rtc/stun.h"

#include "proto/rtc/bytes.h"
#include "proto/rtc/stun_wire.h"

#include <string.h>

static bool is_known(uint16_t type)
{
	switch (type) {
	case STUN_ATTR_MAPPED_ADDRESS:
	case STUN_ATTR_USERNAME:
	case STUN_ATTR_MESSAGE_INTEGRITY:
	case STUN_ATTR_ERROR_CODE:
	case STUN_ATTR_UNKNOWN_ATTRIBUTES:
	case STUN_ATTR_REALM:
	case STUN_ATTR_NONCE:
	case STUN_ATTR_MESSAGE_INTEGRITY_SHA256:
	case STUN_ATTR_XOR_MAPPED_ADDRESS:
	case STUN_ATTR_PRIORITY:
	case STUN_ATTR_USE_CANDIDATE:
		return true;
	default:
		return type >= STUN_ATTR_OPTIONAL_MIN;
	}
}

static bool read_mapped(struct stun_view *v, const uint8_t *value, uint16_t size)
{
	uint8_t mask[16];
	struct rtc_addr addr = {0};

	size_t ip_size = 0;
	if (size == 8 && value[1] == 1)
		ip_size = 4;
	else if (size == 20 && value[1] == 2)
		ip_size = 16;
	if (ip_size == 0)
		return false;
	memcpy(mask, v->buf + 4, sizeof(mask)); // cookie, then transaction id
	for (size_t i = 0; i < ip_size; i++)
		addr.ip[i] = value[4 + i] ^ mask[i];
	addr.port = bytes_be16(value + 2) ^ (uint16_t)(STUN_MAGIC_COOKIE >> 16);
	addr.family = ip_size == 4 ? RTC_ADDR_V4 : RTC_ADDR_V6;
	if (v->mapped.family == RTC_ADDR_NONE)
		v->mapped = addr;
	return true;
}

static bool read_error_code(struct stun_view *v, const uint8_t *value, uint16_t size)
{
	if (size < 4 || (value[2] & 0x07) < 3 || (value[2] & 0x07) > 6 || value[3] > 99)
		return false;
	if (v->error_code == 0)
		v->error_code = (uint16_t)((value[2] & 0x07) * 100 + value[3]);
	return true;
}

static bool read_role(struct stun_view *v, const uint8_t *value, uint16_t size, bool controlling)
{
	if (size != 8)
		return false;
	if (v->controlling || v->controlled)
		return true;
	v->tie_breaker = bytes_be64(value);
	v->controlling = controlling;
	v->controlled = !controlling;
	return true;
}

static void note_unknown(struct stun_view *v, uint16_t type)
{
	if (is_known(type))
		return;
	if (v->unknown_count < STUN_UNKNOWN_MAX)
		v->unknown[v->unknown_count] = type;
	v->unknown_count++;
}

// One attribute in front of MESSAGE-INTEGRITY. False if it is known and wrong.
static bool read_attribute(struct stun_view *v, uint16_t type, const uint8_t *value, uint16_t size)
{
	switch (type) {
	case STUN_ATTR_USERNAME:
		if (size > STUN_USERNAME_BYTES_MAX)
			return false;
		if (v->username == NULL) {
			v->username = (const char *)value;
			v->username_size = size;
		}
		return true;
	case STUN_ATTR_PRIORITY:
		if (size == 4 && v->priority == 0)
			v->priority = bytes_be32(value);
		return size == 4;
	case STUN_ATTR_USE_CANDIDATE:
		v->use_candidate = true;
		return size == 0;
	case STUN_ATTR_ICE_CONTROLLED:
		return read_role(v, value, size, false);
	case STUN_ATTR_ICE_CONTROLLING:
		return read_role(v, value, size, true);
	case STUN_ATTR_XOR_MAPPED_ADDRESS:
		return read_mapped(v, value, size);
	case STUN_ATTR_ERROR_CODE:
		return read_error_code(v, value, size);
	case STUN_ATTR_MESSAGE_INTEGRITY:
		v->integrity = value - STUN_ATTR_HEAD_BYTES;
		return size == STUN_MAC_BYTES;
	case STUN_ATTR_DTLS:
	case STUN_ATTR_DTLS_ACK:
		v->dtls = true;
		return true;
	default:
		note_unknown(v, type);
		return true;
	}
}

static bool read_attributes(struct stun_view *v, size_t size)
{
	size_t off = STUN_HEADER_BYTES;
	while (off < size) {
		if (v->fingerprint != NULL || size - off < STUN_ATTR_HEAD_BYTES)
			return false;
		const uint8_t *value = v->buf + off + STUN_ATTR_HEAD_BYTES;
		uint16_t type = bytes_be16(v->buf + off);
		uint16_t value_size = bytes_be16(v->buf + off + 2);
		size_t padded = ((size_t)value_size + 3) & ~(size_t)3;
		if (padded > size - off - STUN_ATTR_HEAD_BYTES)
			return false;
		if (type == STUN_ATTR_FINGERPRINT) {
			if (value_size != 4)
				return false;
			v->fingerprint = v->buf + off;
		} else if (v->integrity == NULL && !read_attribute(v, type, value, value_size)) {
			return false;
		}
		off += STUN_ATTR_HEAD_BYTES + padded;
	}
	return true;
}

bool stun_parse(struct stun_view *v, const uint8_t *buf, size_t size)
{
	if (size < STUN_HEADER_BYTES || size > UINT16_MAX || size % 4 != 0 || (buf[0] & 0xc0) != 0)
		return false;
	if (bytes_be32(buf + 4) != STUN_MAGIC_COOKIE ||
	    bytes_be16(buf + 2) != size - STUN_HEADER_BYTES)
		return false;
	uint16_t type = bytes_be16(buf);
	*v = (struct stun_view){
		.buf = buf,
		.size = (uint16_t)size,
		.transaction = buf + 8,
		// RFC 8489 5: the class bits lie between the method's.
		.msg_class = (uint8_t)((type >> 4 & 1) | (type >> 7 & 2)),
		.method = (uint16_t)((type & 0x0f) | (type >> 1 & 0x70) | (type >> 2 & 0xf80)),
	};
	return read_attributes(v, size);
}

bool stun_fingerprint_ok(const struct stun_view *v)
{
	if (v->fingerprint == NULL)
		return false;
	uint32_t crc = stun_crc32(v->buf, (size_t)(v->fingerprint - v->buf));
	return bytes_be32(v->fingerprint + STUN_ATTR_HEAD_BYTES) == (crc ^ STUN_FINGERPRINT_XOR);
}

bool stun_integrity_ok(const struct stun_view *v, const struct stun_hmac *hmac)
{
	uint8_t mac[STUN_MAC_BYTES];
	if (v->integrity == NULL || !stun_mac(v->buf, (size_t)(v->integrity - v->buf), hmac, mac))
		return false;
	uint8_t differ = 0;
	for (size_t i = 0; i < STUN_MAC_BYTES; i++)
		differ |= mac[i] ^ v->integrity[STUN_ATTR_HEAD_BYTES + i];
	return differ == 0;
}

bool stun_username_split(const struct stun_view *v, struct stun_ufrags *u)
{
	if (v->username == NULL || v->username_size == 0)
		return false;
	const char *colon = memchr(v->username, ':', v->username_size);
	if (colon == NULL)
		return false;
	*u = (struct stun_ufrags){
		.local = v->username,
		.local_size = (uint16_t)(colon - v->username),
		.remote = colon + 1,
		.remote_size = (uint16_t)(v->username + v->username_size - colon - 1),
	};
	return u->local_size != 0 && u->remote_size != 0;
}
