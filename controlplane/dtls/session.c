// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/session.c - one DTLS 1.2 association, see session.h.
//
// Place    dtls/handshake.c -> [session] -> OpenSSL, with record_filter in front.
// Thread   one at a time.
// Owns     the SSL with its BIO.
// Spec     RFC 6347, RFC 5764, RFC 8842.
#include "controlplane/dtls/session.h"

#include "controlplane/dtls/datagram_bio.h"
#include "controlplane/dtls/openssl_parts.h"
#include "controlplane/dtls/session_verify.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum {
	RETRANSMIT_FIRST_US = 200 * 1000, // then doubling; OpenSSL gives up after the twelfth
	RETRANSMIT_MAX_US = 3 * 1000 * 1000,
	NO_ALERT = 255,
};
static const char exporter_label[] = "EXTRACTOR-dtls_srtp"; // RFC 5764 4.2

enum phase {
	PHASE_IDLE, // not started
	PHASE_HANDSHAKE,
	PHASE_CONNECTED,
	PHASE_DEAF, // connected, but OpenSSL gave up: media goes on, only the goodbye is not heard
	PHASE_CLOSED, // the peer's close_notify was seen
	PHASE_FAILED,
};

struct dtls_session {
	struct dtls_context *context;
	SSL *ssl;
	BIO *bio; // the SSL's
	enum dtls_role role;
	enum phase phase;
	bool matched; // the peer's certificate has the fingerprint
	bool mismatched;
	struct dtls_fingerprint remote;
	const struct dtls_session_callbacks *callbacks;
	void *user;
	struct dtls_record_filter filter;
	char refused[96]; // OpenSSL's word on the last ClientHello it refused
};

int dtls_session_verify(X509_STORE_CTX *store, void *unused)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct dtls_session *s = SSL_get_app_data(ssl);
	X509 *x509 = X509_STORE_CTX_get0_cert(store);
	struct dtls_fingerprint got;

	(void)unused;
	if (x509 != NULL && dtls_fingerprint_of(x509, s->remote.hash, &got) == 0 &&
	    dtls_fingerprint_equal(&got, &s->remote)) {
		s->matched = true;
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	s->mismatched = true;
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return 0;
}

static unsigned next_retransmit(SSL *ssl, unsigned current_us)
{
	(void)ssl;
	if (current_us == 0)
		return RETRANSMIT_FIRST_US;
	return current_us > RETRANSMIT_MAX_US / 2 ? RETRANSMIT_MAX_US : current_us * 2;
}

static int make_ssl(struct dtls_session *s)
{
	BIO *bio = dtls_datagram_bio_new();
	SSL *ssl = SSL_new(dtls_context_ssl(s->context));

	if (bio == NULL || ssl == NULL) {
		BIO_free(bio);
		SSL_free(ssl);
		return -ENOMEM;
	}
	SSL_set_bio(ssl, bio, bio);
	SSL_set_app_data(ssl, s);
	SSL_set_mtu(ssl, DTLS_MTU);
	DTLS_set_timer_cb(ssl, next_retransmit);
	if (s->role == DTLS_ACTIVE)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	SSL_free(s->ssl);
	s->ssl = ssl;
	s->bio = bio;
	return 0;
}

int dtls_session_create(struct dtls_context *context, enum dtls_role role,
			const struct dtls_fingerprint *remote,
			const struct dtls_session_callbacks *callbacks, void *user,
			struct dtls_session **out)
{
	struct dtls_session *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (s == NULL)
		return -ENOMEM;
	s->context = context;
	s->role = role;
	s->remote = *remote;
	s->callbacks = callbacks;
	s->user = user;
	dtls_record_filter_init(&s->filter, role == DTLS_ACTIVE);
	if (make_ssl(s) != 0) {
		free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void dtls_session_destroy(struct dtls_session **session)
{
	struct dtls_session *s = *session;

	*session = NULL;
	if (s == NULL)
		return;
	SSL_free(s->ssl);
	free(s);
}

static void put_out(struct dtls_session *s)
{
	uint8_t *datagram;
	size_t size;

	while ((datagram = dtls_datagram_bio_take_output(s->bio, &size)) != NULL) {
		s->filter.answered = true;
		s->callbacks->output(s->user, datagram, size);
		free(datagram);
	}
}

static void fail(struct dtls_session *s, const char *reason)
{
	s->phase = PHASE_FAILED;
	put_out(s); // the alert that tells the peer
	s->callbacks->failed(s->user, reason);
}

static void fail_by_openssl(struct dtls_session *s)
{
	char reason[DTLS_REASON_SIZE];

	if (s->mismatched) {
		ERR_clear_error();
		fail(s, "the peer's DTLS certificate has another fingerprint than its SDP says");
		return;
	}
	snprintf(reason, sizeof(reason), "DTLS handshake failed: %s", dtls_openssl_reason());
	fail(s, reason);
}

// A ClientHello that OpenSSL refused ends nothing: anyone may have sent it. Waits for the next.
static void begin_anew(struct dtls_session *s)
{
	s->filter.drops[DTLS_DROP_FIRST_FLIGHT]++;
	snprintf(s->refused, sizeof(s->refused), "%s", dtls_openssl_reason());
	memset(s->filter.message_size, 0, sizeof(s->filter.message_size));
	if (make_ssl(s) != 0)
		fail(s, "out of memory in a DTLS handshake");
}

static int export_keys(struct dtls_session *s, struct dtls_srtp_keys *keys)
{
	SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(s->ssl);
	uint8_t material[2 * (32 + 14)], key, salt;
	size_t size;
	int err = -ENOTSUP;

	if (profile == NULL || dtls_srtp_suite_sizes((uint16_t)profile->id, &key, &salt) != 0)
		return -ENOTSUP;
	size = 2u * (key + salt);
	if (SSL_export_keying_material(s->ssl, material, size, exporter_label,
				       sizeof(exporter_label) - 1, NULL, 0, 0) == 1)
		err = dtls_srtp_keys_split((uint16_t)profile->id, s->role == DTLS_ACTIVE, material,
					   size, keys);
	OPENSSL_cleanse(material, sizeof(material));
	return err;
}

static void connect(struct dtls_session *s)
{
	struct dtls_srtp_keys keys;

	if (!s->matched) {
		fail(s, "the peer finished its DTLS handshake without a certificate");
		return;
	}
	if (export_keys(s, &keys) != 0) {
		ERR_clear_error();
		fail(s, "the peer offers none of our SRTP suites (use_srtp)");
		return;
	}
	s->phase = PHASE_CONNECTED;
	s->filter.connected = true;
	put_out(s);
	s->callbacks->connected(s->user, &keys);
	dtls_srtp_keys_wipe(&keys);
}

static void drive_handshake(struct dtls_session *s)
{
	int err, result;

	ERR_clear_error();
	result = SSL_do_handshake(s->ssl);
	if (result == 1) {
		connect(s);
		return;
	}
	err = SSL_get_error(s->ssl, result);
	if (err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE)
		return;
	if (s->role == DTLS_PASSIVE && !s->filter.answered)
		begin_anew(s);
	else
		fail_by_openssl(s);
}

// Reads what came after the handshake: repeated last flights, alerts. There is no data to keep.
static void drive_connected(struct dtls_session *s)
{
	uint8_t devnull[256];
	int result;

	do {
		ERR_clear_error();
		result = SSL_read(s->ssl, devnull, sizeof(devnull));
	} while (result > 0);
	result = SSL_get_error(s->ssl, result);
	if ((SSL_get_shutdown(s->ssl) & SSL_RECEIVED_SHUTDOWN) != 0) {
		s->phase = PHASE_CLOSED;
		put_out(s);
		s->callbacks->closed(s->user);
	} else if (result != SSL_ERROR_WANT_READ && result != SSL_ERROR_WANT_WRITE) {
		s->phase = PHASE_DEAF;
	}
	ERR_clear_error();
}

static void drive(struct dtls_session *s)
{
	if (s->phase == PHASE_HANDSHAKE)
		drive_handshake(s);
	if (s->phase == PHASE_CONNECTED)
		drive_connected(s);
	if (s->phase == PHASE_HANDSHAKE || s->phase == PHASE_CONNECTED)
		put_out(s);
}

void dtls_session_start(struct dtls_session *s)
{
	assert(s->phase == PHASE_IDLE);
	s->phase = PHASE_HANDSHAKE;
	if (s->role == DTLS_ACTIVE)
		drive(s);
}

void dtls_session_feed(struct dtls_session *s, const uint8_t *datagram, size_t size)
{
	uint8_t kept[DTLS_DATAGRAM_SIZE_MAX];
	size_t kept_size;

	if (size > sizeof(kept)) {
		s->filter.drops[DTLS_DROP_OVERSIZED]++;
		return;
	}
	if (s->phase != PHASE_HANDSHAKE && s->phase != PHASE_CONNECTED) {
		s->filter.drops[DTLS_DROP_AFTER_CLOSE]++;
		return;
	}
	kept_size = dtls_record_filter_run(&s->filter, datagram, size, kept);
	if (s->filter.restart) {
		s->filter.restart = false;
		if (make_ssl(s) != 0)
			return;
	}
	if (kept_size == 0)
		return;
	dtls_datagram_bio_set_input(s->bio, kept, kept_size);
	drive(s);
	// A restart has replaced the BIO; whichever it is now must not point at our stack.
	dtls_datagram_bio_set_input(s->bio, NULL, 0);
}

int64_t dtls_session_timeout_us(struct dtls_session *s)
{
	struct timeval left;

	if (s->phase != PHASE_HANDSHAKE || DTLSv1_get_timeout(s->ssl, &left) != 1)
		return -1;
	return (int64_t)left.tv_sec * 1000000 + left.tv_usec;
}

void dtls_session_handle_timeout(struct dtls_session *s)
{
	if (s->phase != PHASE_HANDSHAKE)
		return;
	ERR_clear_error();
	if (DTLSv1_handle_timeout(s->ssl) < 0)
		fail_by_openssl(s);
	else
		put_out(s);
}

void dtls_session_close(struct dtls_session *s)
{
	if (s->phase != PHASE_CONNECTED)
		return;
	ERR_clear_error();
	SSL_shutdown(s->ssl);
	ERR_clear_error();
	put_out(s);
}

void dtls_session_explain(const struct dtls_session *s, char reason[DTLS_REASON_SIZE])
{
	if (s->refused[0] != '\0')
		snprintf(reason, DTLS_REASON_SIZE, "its ClientHello was refused: %s", s->refused);
	else if (s->filter.last_clear_alert != NO_ALERT)
		snprintf(reason, DTLS_REASON_SIZE, "it sent the unprotected DTLS alert '%s' (%u)",
			 SSL_alert_desc_string_long(s->filter.last_clear_alert),
			 s->filter.last_clear_alert);
	else if (s->role == DTLS_PASSIVE && !s->filter.answered)
		snprintf(reason, DTLS_REASON_SIZE, "no ClientHello came from it");
	else
		snprintf(reason, DTLS_REASON_SIZE, "it stopped answering in mid-handshake");
}

uint64_t dtls_session_drops(const struct dtls_session *s, enum dtls_drop drop)
{
	assert(drop < DTLS_DROP_COUNT);
	return s->filter.drops[drop];
}
