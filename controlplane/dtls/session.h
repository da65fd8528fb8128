// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/session.h - one DTLS 1.2 association: datagrams in, datagrams and events out.
//
// Place    dtls/handshake.c feeds it what ICE received and sends what it puts out.
// Thread   one at a time; holds no lock. Callbacks run inside the call that caused them.
// Owns     the SSL object until destroyed: a lost last flight has to be sent again and a
//          close_notify has to be seen, so it outlives the handshake.
// Time     OpenSSL reads its own clock; the caller drives the timer by timeout_us / handle_timeout.
// Trust    what no key protects can't end it: record_filter drops clear-text alerts and whatever
//          cannot belong to this handshake before OpenSSL sees it. Once connected only records of
//          epoch 1 and later count, and only an authenticated alert closes.
// Spec     RFC 6347 (DTLS 1.2), RFC 5764 (use_srtp), RFC 8827 6.5, RFC 8842 (fingerprint first).
#pragma once

#include "controlplane/dtls/certificate.h"
#include "controlplane/dtls/record_filter.h"
#include "controlplane/dtls/srtp_keys.h"

enum {
	DTLS_MTU = 1200, // largest datagram put out
	DTLS_DATAGRAM_SIZE_MAX = 2048, // largest one looked at
};

enum dtls_role {
	DTLS_PASSIVE, // a=setup:passive, we wait for the ClientHello
	DTLS_ACTIVE,
};

struct dtls_session_callbacks {
	void (*output)(void *user, const uint8_t *datagram, size_t size);
	// The remote's certificate matched. 'keys' is wiped when this returns. At most once.
	void (*connected)(void *user, const struct dtls_srtp_keys *keys);
	// The peer said goodbye, authenticated. At most once, only after connected.
	void (*closed)(void *user);
	// At most once, only before connected. Nothing more comes out afterwards.
	void (*failed)(void *user, const char *reason);
};

// What all sessions share: OpenSSL's context with our certificate. Immutable: any thread.
struct dtls_context;
// 'suites' NULL: DTLS_SRTP_SUITES_OFFERED. Borrows nothing. 0 or -EIO with 'reason'.
int dtls_context_create(const struct dtls_certificate *certificate, const char *suites,
			char reason[DTLS_REASON_SIZE], struct dtls_context **out);
void dtls_context_destroy(struct dtls_context **context);

struct dtls_session;

// Borrows 'context' and 'callbacks' until destroyed. 0 or -ENOMEM.
int dtls_session_create(struct dtls_context *context, enum dtls_role role,
			const struct dtls_fingerprint *remote,
			const struct dtls_session_callbacks *callbacks, void *user,
			struct dtls_session **out);
// Not from within a callback. Sends nothing.
void dtls_session_destroy(struct dtls_session **session);

// Sends the ClientHello when active; nothing when passive.
void dtls_session_start(struct dtls_session *session);
void dtls_session_feed(struct dtls_session *session, const uint8_t *datagram, size_t size);

// Microseconds until handle_timeout is due (0: now), -1 if no flight awaits an answer. Changes with
// every start, feed and handle_timeout.
int64_t dtls_session_timeout_us(struct dtls_session *session);
void dtls_session_handle_timeout(struct dtls_session *session);

// Puts out a close_notify if connected; feeding goes on being allowed.
void dtls_session_close(struct dtls_session *session);

// Why there is no connection yet, as far as can be told: for the sentence of a timeout.
void dtls_session_explain(const struct dtls_session *session, char reason[DTLS_REASON_SIZE]);

// Records dropped before OpenSSL, by name.
uint64_t dtls_session_drops(const struct dtls_session *session, enum dtls_drop drop);
