// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/record_filter.c - which DTLS records may reach OpenSSL, see record_filter.h.
//
// Place    first step of dtls/session.c's feed.
// Thread   pure functions on a plain value.
// Owns     nothing.
// Spec     RFC 6347 4.1, 4.2.2; RFC 5246 7.3.
#include "controlplane/dtls/record_filter.h"

#include <assert.h>
#include <string.h>

enum {
	RECORD_HEADER_SIZE = 13,
	FRAGMENT_HEADER_SIZE = 12,
	MESSAGE_SIZE_MAX = 16384, // a chain of certificates still fits
	NO_ALERT = 255,
	// RFC 5288: 8 octets of explicit nonce, 16 of tag, and no message is empty.
	PROTECTED_SIZE_MIN = 8 + 16 + 1,
};

enum content_type {
	CONTENT_CCS = 20,
	CONTENT_ALERT = 21,
	CONTENT_HANDSHAKE = 22,
	CONTENT_DATA = 23,
};

const char *dtls_drop_text(enum dtls_drop drop)
{
	static const char *const text[] = {
#define X(name, words) [DTLS_DROP_##name] = (words),
		DTLS_DROPS(X)
#undef X
	};

	assert(drop < DTLS_DROP_COUNT);
	return text[drop];
}

void dtls_record_filter_init(struct dtls_record_filter *filter, bool active)
{
	*filter = (struct dtls_record_filter){.active = active, .last_clear_alert = NO_ALERT};
}

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

// Where a full handshake with certificates on both sides has each message of the peer's; a server
// that asks for a cookie first has all of its own one later. -1: never in clear text, or never.
static int place_of(bool we_are_client, uint8_t type)
{
	switch (type) {
	case 1: // client_hello
		return we_are_client ? -1 : 0;
	case 2: // server_hello
	case 3: // hello_verify_request
		return we_are_client ? 0 : -1;
	case 11: // certificate
		return 1;
	case 12: // server_key_exchange
		return we_are_client ? 2 : -1;
	case 13: // certificate_request
		return we_are_client ? 3 : -1;
	case 14: // server_hello_done
		return we_are_client ? 4 : -1;
	case 15: // certificate_verify
		return we_are_client ? -1 : 3;
	case 16: // client_key_exchange
		return we_are_client ? -1 : 2;
	default:
		return -1;
	}
}

static bool is_in_place(const struct dtls_record_filter *f, uint8_t type, uint32_t sequence)
{
	int place = place_of(f->active, type);

	if (place < 0)
		return false;
	// A client has nothing to say behind its hello before we answered, and no second hello.
	if (!f->active && f->answered != (place > 0))
		return false;
	if (sequence == (uint32_t)place)
		return true;
	return f->active && type != 3 && sequence == (uint32_t)place + 1;
}

// All fragments of a message have to agree on its size: OpenSSL takes anything else for an attack
// and gives up. Before we have answered anything we begin anew with the newest one instead.
static bool size_agrees(struct dtls_record_filter *f, uint32_t sequence, uint32_t size)
{
	uint32_t *known = &f->message_size[sequence];

	assert(sequence < DTLS_HANDSHAKE_SEQ_MAX);
	if (*known != 0 && *known != size + 1) {
		if (f->active || f->answered || sequence != 0)
			return false;
		f->restart = true;
	}
	*known = size + 1;
	return true;
}

// Returns DTLS_DROP_COUNT if every fragment in the record may pass.
static enum dtls_drop judge_fragments(struct dtls_record_filter *f, const uint8_t *p, size_t left)
{
	if (left == 0)
		return DTLS_DROP_BAD_FRAGMENT;
	while (left > 0) {
		uint32_t size, offset, length, sequence;

		if (left < FRAGMENT_HEADER_SIZE)
			return DTLS_DROP_BAD_FRAGMENT;
		size = be24(p + 1);
		sequence = be16(p + 4);
		offset = be24(p + 6);
		length = be24(p + 9);
		if (length > left - FRAGMENT_HEADER_SIZE || size > MESSAGE_SIZE_MAX ||
		    offset + length > size || (length == 0 && size != 0))
			return DTLS_DROP_BAD_FRAGMENT;
		if (!is_in_place(f, p[0], sequence))
			return DTLS_DROP_OUT_OF_PLACE;
		if (!size_agrees(f, sequence, size))
			return DTLS_DROP_LENGTH_CHANGED;
		p += FRAGMENT_HEADER_SIZE + length;
		left -= FRAGMENT_HEADER_SIZE + length;
	}
	return DTLS_DROP_COUNT;
}

static enum dtls_drop judge_clear(struct dtls_record_filter *f, uint8_t type, const uint8_t *body,
				  size_t size)
{
	if (f->connected)
		return DTLS_DROP_LATE_CLEAR;
	switch (type) {
	case CONTENT_CCS:
		return size == 1 && body[0] == 1 ? DTLS_DROP_COUNT : DTLS_DROP_BAD_CCS;
	case CONTENT_ALERT:
		if (size == 2)
			f->last_clear_alert = body[1];
		return DTLS_DROP_CLEAR_ALERT;
	case CONTENT_HANDSHAKE:
		return judge_fragments(f, body, size);
	default:
		return DTLS_DROP_CLEAR_DATA;
	}
}

// 'record' is complete. Returns DTLS_DROP_COUNT if it may pass.
static enum dtls_drop judge_record(struct dtls_record_filter *f, const uint8_t *record, size_t size)
{
	uint8_t type = record[0];
	uint32_t epoch = be16(record + 3);

	if (epoch == 0)
		return judge_clear(f, type, record + RECORD_HEADER_SIZE, size - RECORD_HEADER_SIZE);
	if (type == CONTENT_DATA)
		return DTLS_DROP_DATA;
	// Nothing renegotiates, so no later epoch ever comes; a second ChangeCipherSpec neither.
	if (epoch != 1 || type == CONTENT_CCS)
		return DTLS_DROP_OUT_OF_PLACE;
	// OpenSSL 3.0 takes one that cannot even be tried for a fault of its own, and is deaf then.
	if (size - RECORD_HEADER_SIZE < PROTECTED_SIZE_MIN)
		return DTLS_DROP_SHORT_PROTECTED;
	return DTLS_DROP_COUNT;
}

static bool is_record(const uint8_t *p, size_t left)
{
	return left > RECORD_HEADER_SIZE && p[0] >= CONTENT_CCS && p[0] <= CONTENT_DATA &&
	       p[1] == 0xfe && (p[2] == 0xff || p[2] == 0xfd) && be16(p + 11) > 0 &&
	       be16(p + 11) <= left - RECORD_HEADER_SIZE;
}

// The number of a clear-text record is nobody's word; those of protected ones are authenticated.
static void number_anew(struct dtls_record_filter *f, uint8_t *record)
{
	uint64_t sequence;

	if (be16(record + 3) != 0)
		return;
	sequence = f->clear_sequence++;
	for (unsigned i = 0; i < 6; i++)
		record[5 + i] = (uint8_t)(sequence >> (40 - 8 * i));
}

size_t dtls_record_filter_run(struct dtls_record_filter *f, const uint8_t *datagram, size_t size,
			      uint8_t *out)
{
	size_t kept = 0, off = 0;

	while (off < size) {
		const uint8_t *record = datagram + off;
		size_t record_size;
		enum dtls_drop drop;

		if (!is_record(record, size - off)) {
			f->drops[DTLS_DROP_NOT_DTLS]++;
			break;
		}
		record_size = RECORD_HEADER_SIZE + be16(record + 11);
		drop = judge_record(f, record, record_size);
		if (drop == DTLS_DROP_COUNT) {
			memcpy(out + kept, record, record_size);
			number_anew(f, out + kept);
			kept += record_size;
		} else {
			f->drops[drop]++;
		}
		off += record_size;
	}
	return kept;
}
