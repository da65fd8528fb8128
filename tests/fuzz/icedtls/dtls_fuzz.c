// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/icedtls/dtls_fuzz.c - dtls_session_feed() on hostile datagrams.
//
// Input    1 byte: bit 0 we are the client. Then datagrams, each behind its size in 2 bytes (big
//          endian). A server that has answered nothing must survive all of them, nobody may be
//          connected by them, and a genuine ClientHello must still be answered afterwards.
#include "controlplane/dtls/session.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct end {
	unsigned sent, failed;
	size_t size;
	uint8_t bytes[DTLS_DATAGRAM_SIZE_MAX];
};

static struct dtls_context *context;
static struct dtls_fingerprint fingerprint;

static void on_output(void *user, const uint8_t *datagram, size_t size)
{
	struct end *e = user;

	if (size > DTLS_MTU)
		abort();
	e->sent++;
	e->size = size;
	memcpy(e->bytes, datagram, size);
}

static void on_connected(void *user, const struct dtls_srtp_keys *keys)
{
	(void)user;
	(void)keys;
	abort();
}

static void on_closed(void *user)
{
	(void)user;
	abort();
}

static void on_failed(void *user, const char *reason)
{
	struct end *e = user;

	if (strlen(reason) == 0 || e->failed++ > 0)
		abort();
}

static const struct dtls_session_callbacks callbacks = {on_output, on_connected, on_closed,
							on_failed};

static struct dtls_session *open_session(enum dtls_role role, struct end *e)
{
	struct dtls_session *s;

	memset(e, 0, sizeof(*e));
	if (dtls_session_create(context, role, &fingerprint, &callbacks, e, &s) != 0)
		abort();
	dtls_session_start(s);
	return s;
}

static void set_up(void)
{
	struct dtls_certificate *certificate;
	char reason[DTLS_REASON_SIZE];

	if (dtls_certificate_generate(reason, &certificate) != 0 ||
	    dtls_context_create(certificate, NULL, reason, &context) != 0)
		abort();
	dtls_certificate_fingerprint(certificate, DTLS_SHA256, &fingerprint);
	dtls_certificate_destroy(&certificate);
}

static void feed_all(struct dtls_session *s, const uint8_t *data, size_t size)
{
	while (size >= 2) {
		size_t n = (size_t)data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		n = n < size ? n : size;
		dtls_session_feed(s, data, n);
		data += n;
		size -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dtls_session *s, *client;
	struct end end, client_end;

	if (context == NULL)
		set_up();
	if (size == 0)
		return 0;
	s = open_session(data[0] & 1 ? DTLS_ACTIVE : DTLS_PASSIVE, &end);
	feed_all(s, data + 1, size - 1);
	if ((data[0] & 1) == 0 && end.sent == 0) {
		if (end.failed != 0)
			abort();
		client = open_session(DTLS_ACTIVE, &client_end);
		// A forged beginning may spoil the first try; the client sends it again.
		for (unsigned i = 0; i < 2 && end.sent == 0; i++)
			dtls_session_feed(s, client_end.bytes, client_end.size);
		if (end.sent == 0)
			abort();
		dtls_session_destroy(&client);
	}
	dtls_session_destroy(&s);
	return 0;
}
