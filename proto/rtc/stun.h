// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/stun.h - STUN for ICE: parse into a view, verify, answer, ask.
//
// Place   ingress (checks on transports), consent. Long-term credentials and TCP are not for us.
// Owns    nothing; a view points into the caller's bytes. HMAC-SHA1 comes from the caller.
// Spec    RFC 8489 5, 14 (format, attributes), RFC 8445 7, 16.1 (ICE), RFC 7983.
// Trust   stun_parse() says what the bytes claim. Act on nothing before stun_integrity_ok().
#pragma once

#include "proto/rtc/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STUN_HEADER_BYTES = 20,
	STUN_TRANSACTION_BYTES = 12,
	STUN_MAC_BYTES = 20,
	STUN_USERNAME_BYTES_MAX = 513, // RFC 8489 14.3: fewer than 513 octets; ICE: 256 + 1 + 256
	STUN_UNKNOWN_MAX = 8, // unknown attributes remembered for the answer
	STUN_MESSAGE_BYTES_MAX = 640, // no builder below writes more
};
#define STUN_MAGIC_COOKIE UINT32_C(0x2112a442)

enum stun_class { STUN_REQUEST = 0, STUN_INDICATION = 1, STUN_SUCCESS = 2, STUN_ERROR = 3 };
enum { STUN_METHOD_BINDING = 1 };
enum {
	STUN_BAD_REQUEST = 400,
	STUN_UNAUTHENTICATED = 401,
	STUN_UNKNOWN_ATTRIBUTE = 420,
	STUN_ROLE_CONFLICT = 487,
	STUN_SERVER_ERROR = 500,
};

struct stun_view {
	const uint8_t *buf;
	const uint8_t *transaction; // STUN_TRANSACTION_BYTES
	const char *username; // NULL if absent
	const uint8_t *integrity; // MESSAGE-INTEGRITY attribute, NULL if absent
	const uint8_t *fingerprint; // FINGERPRINT attribute (always the last), NULL if absent
	uint64_t tie_breaker; // with 'controlling' or 'controlled'
	struct rtc_addr mapped; // XOR-MAPPED-ADDRESS; family RTC_ADDR_NONE if absent
	uint32_t priority; // 0 if absent
	uint16_t size;
	uint16_t method;
	uint16_t username_size;
	uint16_t error_code; // 0 if absent
	uint16_t unknown_count; // unknown comprehension-required attributes, also beyond the list
	uint16_t unknown[STUN_UNKNOWN_MAX]; // the first of them
	uint8_t msg_class; // enum stun_class
	bool use_candidate;
	bool controlling; // ICE-CONTROLLING
	bool controlled; // ICE-CONTROLLED
	bool dtls; // DTLS embedded in STUN: more than a check
};

// Parses one datagram. False ('*v' unspecified) unless it is exactly one well-formed message: magic
// cookie, length a multiple of 4 that ends at 'size', every attribute inside, FINGERPRINT last if
// present, known attributes of the right size. Of repeated attributes the first counts; behind
// MESSAGE-INTEGRITY only FINGERPRINT does (RFC 8489 14.5).
bool stun_parse(struct stun_view *v, const uint8_t *buf, size_t size);

// True if FINGERPRINT is present and right.
bool stun_fingerprint_ok(const struct stun_view *v);

struct stun_part {
	const uint8_t *data;
	size_t size;
};
// HMAC-SHA1 over the parts one after the other, under a key that 'ctx' knows (the ICE password).
// Returns false if it could not be computed.
struct stun_hmac {
	bool (*sha1)(void *ctx, const struct stun_part *parts, size_t count,
		     uint8_t mac[STUN_MAC_BYTES]);
	void *ctx;
};

// True if MESSAGE-INTEGRITY is present and right. Compares in constant time.
bool stun_integrity_ok(const struct stun_view *v, const struct stun_hmac *hmac);

// Splits USERNAME of a check sent to us into our ufrag (before the first colon) and the peer's.
struct stun_ufrags {
	const char *local;
	const char *remote;
	uint16_t local_size;
	uint16_t remote_size;
};
// False without USERNAME, colon, or with one side empty.
bool stun_username_split(const struct stun_view *v, struct stun_ufrags *u);

// Builders write a whole Binding message with MESSAGE-INTEGRITY and FINGERPRINT and return its
// size, or 0 if 'room' is too small or the HMAC failed. 'room' of STUN_MESSAGE_BYTES_MAX is always
// enough.
size_t stun_build_success(uint8_t *buf, size_t room,
			  const uint8_t transaction[STUN_TRANSACTION_BYTES],
			  const struct rtc_addr *mapped, const struct stun_hmac *hmac);

// With 420 the attributes of 'unknown' are listed (up to STUN_UNKNOWN_MAX, else 'unknown_count' 0).
size_t stun_build_error(uint8_t *buf, size_t room,
			const uint8_t transaction[STUN_TRANSACTION_BYTES], uint16_t code,
			const uint16_t *unknown, size_t unknown_count,
			const struct stun_hmac *hmac);

struct stun_request {
	const uint8_t *transaction; // STUN_TRANSACTION_BYTES
	const char *remote_ufrag; // goes first in USERNAME
	const char *local_ufrag;
	uint16_t remote_ufrag_size; // both 1..256
	uint16_t local_ufrag_size;
	uint32_t priority;
	uint64_t tie_breaker;
	bool controlling;
	bool use_candidate; // only when controlling
};
// A connectivity or consent check; its HMAC key is the peer's password.
size_t stun_build_request(uint8_t *buf, size_t room, const struct stun_request *r,
			  const struct stun_hmac *hmac);
