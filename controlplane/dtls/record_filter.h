// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/record_filter.h - which DTLS records of a datagram may reach OpenSSL.
//
// Place    first step of dtls/session.c's feed. OpenSSL ends a handshake on a forged clear-text
//          alert, a fragment that contradicts itself or a message out of place; those stop here.
// Thread   pure functions on a plain value.
// Owns     nothing.
// Spec     RFC 6347 4.1 (record), 4.2.2 (handshake header), RFC 5246 7.3 (order of messages).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DTLS_DROPS(X)                                                                              \
	X(NOT_DTLS, "no DTLS record, or one that leaves its datagram")                             \
	X(OVERSIZED, "datagram larger than any record we accept")                                  \
	X(CLEAR_ALERT, "alert that no key protects")                                               \
	X(CLEAR_DATA, "application data that no key protects")                                     \
	X(BAD_CCS, "ChangeCipherSpec that is not one octet of value 1")                            \
	X(BAD_FRAGMENT, "handshake fragment that contradicts itself")                              \
	X(OUT_OF_PLACE, "handshake message that this peer can't send at this place")               \
	X(LENGTH_CHANGED, "handshake fragment that disagrees on its message's length")             \
	X(SHORT_PROTECTED, "protected record too short for a nonce and a tag")                     \
	X(LATE_CLEAR, "clear-text record after the handshake")                                     \
	X(DATA, "application data: no data channel was negotiated")                                \
	X(FIRST_FLIGHT, "ClientHello that OpenSSL refused")                                        \
	X(AFTER_CLOSE, "record after the end")
enum dtls_drop {
#define X(name, text) DTLS_DROP_##name,
	DTLS_DROPS(X)
#undef X
		DTLS_DROP_COUNT
};
const char *dtls_drop_text(enum dtls_drop drop);

enum { DTLS_HANDSHAKE_SEQ_MAX = 8 }; // more messages than any full handshake of ours has

struct dtls_record_filter {
	bool active; // we are the client
	bool connected; // set by the session: from now on only protected records
	bool answered; // set by the session: our first flight is out
	// The ClientHello being assembled contradicted a newer fragment: forget it and begin anew.
	// Cleared by the session.
	bool restart;
	uint8_t last_clear_alert; // description of the newest one dropped, 255 if none
	uint64_t clear_sequence; // clear-text records are numbered anew: a forged high number would
				 // move OpenSSL's replay window past all genuine ones
	uint32_t message_size[DTLS_HANDSHAKE_SEQ_MAX]; // 0: no fragment seen yet; else size + 1
	uint64_t drops[DTLS_DROP_COUNT];
};

void dtls_record_filter_init(struct dtls_record_filter *filter, bool active);

// Copies the records that may pass into 'out' (room for 'size' bytes). Returns their size, 0 if
// none may; counts what it drops.
size_t dtls_record_filter_run(struct dtls_record_filter *filter, const uint8_t *datagram,
			      size_t size, uint8_t *out);
