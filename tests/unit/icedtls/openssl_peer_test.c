// SPDX-License-Identifier: Apache-2.0
// tests/unit/icedtls/openssl_peer_test.c - the openssl command as our DTLS peer.
// Place    tests dtls/session.c against a program that is not ours: it fragments its ClientHello by
//          itself (small MTU) and prints the keying material that ours has to equal.
#include "controlplane/dtls/openssl_parts.h"
#include "controlplane/dtls/session.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, MATERIAL_SIZE = 2 * (16 + 12) };

static struct {
	int fd;
	struct sockaddr_in peer;
	unsigned connected, hello_datagrams;
	char material[2 * MATERIAL_SIZE + 1];
	char reason[DTLS_REASON_SIZE];
} server;

static void on_output(void *user, const uint8_t *datagram, size_t size)
{
	(void)user;
	sendto(server.fd, datagram, size, 0, (struct sockaddr *)&server.peer, sizeof(server.peer));
}

static size_t print_hex(char *out, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		snprintf(out + 2 * i, 3, "%02X", bytes[i]);
	return 2 * size;
}

// Put together again in the order of RFC 5764 4.2: the client is the remote.
static void on_connected(void *user, const struct dtls_srtp_keys *k)
{
	char *p = server.material;

	(void)user;
	server.connected++;
	p += print_hex(p, k->remote.key, k->remote.key_size);
	p += print_hex(p, k->local.key, k->local.key_size);
	p += print_hex(p, k->remote.salt, k->remote.salt_size);
	print_hex(p, k->local.salt, k->local.salt_size);
}

static void on_closed(void *user)
{
	(void)user;
}

static void on_failed(void *user, const char *reason)
{
	(void)user;
	snprintf(server.reason, sizeof(server.reason), "%s", reason);
}

static const struct dtls_session_callbacks callbacks = {on_output, on_connected, on_closed,
							on_failed};

static uint16_t bind_server(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t size = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server.fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(server.fd, (struct sockaddr *)&a, &size), 0);
	return ntohs(a.sin_port);
}

static void write_pem(const struct dtls_certificate *c, const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, dtls_certificate_x509(c)), 1);
	assert_int_equal(
		PEM_write_PrivateKey(file, dtls_certificate_key(c), NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
}

// It runs until 'input' ends.
static FILE *start_client(uint16_t port, const char *pem, int input)
{
	char alpn[200], command[1024];

	// A name this long takes the ClientHello over the MTU.
	memset(alpn, 'x', sizeof(alpn) - 1);
	alpn[sizeof(alpn) - 1] = '\0';
	snprintf(command, sizeof(command),
		 "openssl s_client -dtls1_2 -mtu 256 -connect 127.0.0.1:%u -cert %s "
		 "-key %s -alpn %s -use_srtp SRTP_AEAD_AES_128_GCM "
		 "-keymatexport EXTRACTOR-dtls_srtp -keymatexportlen %d 2>&1 <&%d",
		 port, pem, pem, alpn, MATERIAL_SIZE, input);
	return popen(command, "r");
}

static void receive(struct dtls_session *s)
{
	uint8_t datagram[DTLS_DATAGRAM_SIZE_MAX];
	socklen_t size = sizeof(server.peer);
	ssize_t n;

	while ((n = recvfrom(server.fd, datagram, sizeof(datagram), 0,
			     (struct sockaddr *)&server.peer, &size)) > 0) {
		server.hello_datagrams += n > 13 && datagram[0] == 22 && datagram[13] == 1;
		dtls_session_feed(s, datagram, (size_t)n);
	}
}

// Serves until the client has printed its keying material into 'line'.
static void serve(struct dtls_session *s, FILE *client, char *line, size_t line_size)
{
	struct pollfd fds[2] = {{.fd = server.fd, .events = POLLIN},
				{.fd = fileno(client), .events = POLLIN}};

	for (;;) {
		int64_t us = dtls_session_timeout_us(s);
		int n = poll(fds, 2, us < 0 ? PATIENCE_MS : (int)(us / 1000 + 1));

		if (n == 0 && us < 0)
			fail_msg("no word from the openssl command");
		if (n == 0)
			dtls_session_handle_timeout(s);
		if (fds[0].revents != 0)
			receive(s);
		if (fds[1].revents != 0) {
			if (fgets(line, (int)line_size, client) == NULL)
				fail_msg("openssl ended: '%s'", server.reason);
			if (strstr(line, "Keying material: ") != NULL)
				return;
		}
	}
}

static void same_keys_test(void **state)
{
	char pem[] = "/tmp/openssl_peer_test.XXXXXX", reason[DTLS_REASON_SIZE], line[1024];
	struct dtls_certificate *theirs, *ours;
	struct dtls_context *context;
	struct dtls_fingerprint f;
	struct dtls_session *s;
	FILE *client;
	int fd, input[2];

	(void)state;
	fd = mkstemp(pem);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(dtls_certificate_generate(reason, &theirs), 0);
	assert_int_equal(dtls_certificate_generate(reason, &ours), 0);
	assert_int_equal(dtls_context_create(ours, NULL, reason, &context), 0);
	dtls_certificate_fingerprint(theirs, DTLS_SHA256, &f);
	write_pem(theirs, pem);
	assert_int_equal(dtls_session_create(context, DTLS_PASSIVE, &f, &callbacks, NULL, &s), 0);
	dtls_session_start(s);
	assert_int_equal(pipe(input), 0);
	assert_int_equal(fcntl(input[1], F_SETFD, FD_CLOEXEC), 0);
	client = start_client(bind_server(), pem, input[0]);
	assert_non_null(client);
	setvbuf(client, NULL, _IONBF, 0); // or poll would miss what stdio holds
	serve(s, client, line, sizeof(line));
	assert_int_equal(server.connected, 1);
	assert_true(server.hello_datagrams >= 2);
	assert_non_null(strstr(line, server.material));
	close(input[0]);
	close(input[1]);
	pclose(client);
	dtls_session_destroy(&s);
	dtls_context_destroy(&context);
	dtls_certificate_destroy(&ours);
	dtls_certificate_destroy(&theirs);
	close(server.fd);
	unlink(pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_keys_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
