// SPDX-License-Identifier: Apache-2.0
// tests/unit/icedtls/handshake_test.c - whole handshakes between two handles of one pool.
// Place    tests dtls/handshake.c, transport_io.c and pool.c over loopback, with real threads.
#include "controlplane/dtls/handshake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, TYPES = HANDSHAKE_FAILED + 1 };

struct side {
	struct handshake *h;
	struct ice_agent_params params;
	unsigned seen[TYPES];
	unsigned generation; // of the newest ICE_READY
	bool close_in_callback;
	struct handshake_event last[TYPES];
	GThread *thread;
};

static struct dtls_certificate *certificate;
static struct dtls_fingerprint fingerprint;
static struct handshake_pool *pool;

static void on_event(void *user, const struct handshake_event *event)
{
	struct side *s = user;

	assert_non_null(s->h); // nothing comes after close
	assert_ptr_equal(g_thread_self(), s->thread);
	s->seen[event->type]++;
	s->last[event->type] = *event;
	if (event->type == HANDSHAKE_ICE_READY)
		s->generation = event->generation;
	if (s->close_in_callback)
		handshake_close(&s->h);
}

static gboolean give_up(gpointer data)
{
	*(bool *)data = true;
	return G_SOURCE_REMOVE;
}

#define WAIT_UNTIL(condition)                                                                      \
	do {                                                                                       \
		bool late = false;                                                                 \
		guint timer = g_timeout_add(PATIENCE_MS, give_up, &late);                          \
		while (!(condition) && !late)                                                      \
			g_main_context_iteration(NULL, TRUE);                                      \
		if (late)                                                                          \
			fail_msg("gave up waiting for %s", #condition);                            \
		else                                                                               \
			g_source_remove(timer);                                                    \
	} while (0)

static uint16_t free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static void fill_params(struct side *s, const char *address, bool controlling)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&s->params.addresses[0];

	memset(s, 0, sizeof(*s));
	s->thread = g_thread_self();
	assert_int_equal(ice_credentials_generate(&s->params.local), 0);
	in->sin_family = AF_INET;
	assert_int_equal(inet_pton(AF_INET, address, &in->sin_addr), 1);
	s->params.address_count = 1;
	s->params.port = free_port();
	s->params.controlling = controlling;
	s->params.loopback_allowed = true;
}

static void open_side(struct side *s, const char *address, bool controlling)
{
	fill_params(s, address, controlling);
	assert_int_equal(handshake_new(pool, &s->params, on_event, s, &s->h), 0);
}

static void open_pool(unsigned timeout_ms)
{
	struct handshake_pool_params params = {
		.threads = 2,
		.certificate = certificate,
		.handshake_timeout_ms = timeout_ms,
	};
	char reason[DTLS_REASON_SIZE];

	assert_int_equal(handshake_pool_create(&params, NULL, reason, &pool), 0);
}

static enum ice_candidate_verdict add_candidate(struct side *to, const struct side *about)
{
	char line[ICE_CANDIDATE_LINE_MAX];

	assert_int_equal(ice_candidate_format_host(&about->params.addresses[0], about->params.port,
						   0, line, sizeof(line)),
			 0);
	return handshake_add_candidate(to->h, line);
}

static void tell(struct side *to, const struct side *about, enum dtls_role role)
{
	assert_int_equal(handshake_set_remote(to->h, &about->params.local, &fingerprint, role), 0);
	assert_int_equal(add_candidate(to, about), ICE_CANDIDATE_OK);
}

static void meet(struct side *a, struct side *b)
{
	open_side(a, "127.0.0.1", false);
	open_side(b, "127.0.0.2", true);
	// A candidate may trickle in before the answer it belongs to.
	assert_int_equal(add_candidate(a, b), ICE_CANDIDATE_OK);
	tell(b, a, DTLS_ACTIVE);
	tell(a, b, DTLS_PASSIVE);
	WAIT_UNTIL(a->seen[HANDSHAKE_DTLS_CONNECTED] == 1 &&
		   b->seen[HANDSHAKE_DTLS_CONNECTED] == 1);
}

static void connect_and_close_test(void **state)
{
	struct side a, b;
	struct handshake_counters counters;
	const struct sockaddr_in *remote;

	(void)state;
	open_pool(0);
	meet(&a, &b);
	assert_true(a.seen[HANDSHAKE_ICE_CHECKING] > 0 && a.seen[HANDSHAKE_ICE_READY] > 0);
	assert_int_equal(a.seen[HANDSHAKE_LISTENING], 1);
	assert_int_equal(b.seen[HANDSHAKE_LISTENING], 1);
	remote = (const struct sockaddr_in *)&a.last[HANDSHAKE_ICE_READY].remote;
	assert_int_equal(ntohs(remote->sin_port), b.params.port);
	assert_memory_equal(&a.last[HANDSHAKE_DTLS_CONNECTED].keys.local,
			    &b.last[HANDSHAKE_DTLS_CONNECTED].keys.remote,
			    sizeof(struct dtls_srtp_master));
	assert_memory_equal(&a.last[HANDSHAKE_DTLS_CONNECTED].keys.remote,
			    &b.last[HANDSHAKE_DTLS_CONNECTED].keys.local,
			    sizeof(struct dtls_srtp_master));
	assert_int_equal(a.last[HANDSHAKE_DTLS_CONNECTED].keys.suite, DTLS_SRTP_AEAD_AES_128_GCM);
	handshake_close(&b.h);
	assert_null(b.h);
	WAIT_UNTIL(a.seen[HANDSHAKE_CLOSED] == 1);
	assert_int_equal(a.seen[HANDSHAKE_FAILED], 0);
	handshake_pool_counters(pool, &counters);
	assert_int_equal(counters.started, 2);
	assert_int_equal(counters.connected, 2);
	assert_int_equal(counters.closed_by_peer, 1);
	assert_int_equal(counters.candidates[ICE_CANDIDATE_OK], 3);
	handshake_close(&a.h);
	handshake_pool_destroy(&pool);
}

static void restart_test(void **state)
{
	struct side a, b;

	(void)state;
	open_pool(0);
	meet(&a, &b);
	for (unsigned generation = 1; generation <= 2; generation++) {
		assert_int_equal(ice_credentials_generate(&a.params.local), 0);
		assert_int_equal(ice_credentials_generate(&b.params.local), 0);
		handshake_restart(a.h, &a.params.local);
		handshake_restart(b.h, &b.params.local);
		handshake_set_remote_credentials(b.h, &a.params.local);
		handshake_set_remote_credentials(a.h, &b.params.local);
		assert_int_equal(add_candidate(&a, &b), ICE_CANDIDATE_OK);
		assert_int_equal(add_candidate(&b, &a), ICE_CANDIDATE_OK);
		WAIT_UNTIL(a.generation == generation && b.generation == generation);
		assert_int_equal(a.seen[HANDSHAKE_LISTENING], 1 + generation);
		assert_int_equal(b.seen[HANDSHAKE_LISTENING], 1 + generation);
	}
	assert_int_equal(a.seen[HANDSHAKE_DTLS_CONNECTED], 1);
	handshake_close(&a.h);
	WAIT_UNTIL(b.seen[HANDSHAKE_CLOSED] == 1);
	handshake_close(&b.h);
	handshake_pool_destroy(&pool);
}

static void late_answer_test(void **state)
{
	struct side a, b;

	(void)state;
	open_pool(0);
	open_side(&a, "127.0.0.1", false);
	open_side(&b, "127.0.0.2", true);
	tell(&b, &a, DTLS_ACTIVE);
	// Its checks are answered and its ClientHello may come before we know who it is.
	WAIT_UNTIL(b.seen[HANDSHAKE_ICE_READY] > 0);
	tell(&a, &b, DTLS_PASSIVE);
	assert_int_equal(handshake_set_remote(a.h, &b.params.local, &fingerprint, DTLS_PASSIVE),
			 -EALREADY);
	WAIT_UNTIL(a.seen[HANDSHAKE_DTLS_CONNECTED] == 1 && b.seen[HANDSHAKE_DTLS_CONNECTED] == 1);
	handshake_close(&a.h);
	handshake_close(&b.h);
	handshake_pool_destroy(&pool);
}

static void wrong_fingerprint_test(void **state)
{
	struct side a, b;
	struct dtls_fingerprint wrong = fingerprint;

	(void)state;
	wrong.value[31] ^= 1;
	open_pool(0);
	open_side(&a, "127.0.0.1", false);
	open_side(&b, "127.0.0.2", true);
	assert_int_equal(handshake_set_remote(a.h, &b.params.local, &wrong, DTLS_PASSIVE), 0);
	tell(&b, &a, DTLS_ACTIVE);
	WAIT_UNTIL(a.seen[HANDSHAKE_FAILED] == 1);
	assert_non_null(strstr(a.last[HANDSHAKE_FAILED].reason, "fingerprint"));
	assert_int_equal(a.seen[HANDSHAKE_DTLS_CONNECTED], 0);
	handshake_close(&a.h);
	handshake_close(&b.h);
	handshake_pool_destroy(&pool);
}

static void nobody_answers_test(void **state)
{
	struct side a, nobody;

	(void)state;
	open_pool(100);
	open_side(&a, "127.0.0.1", false);
	fill_params(&nobody, "127.0.0.2", true);
	tell(&a, &nobody, DTLS_PASSIVE);
	WAIT_UNTIL(a.seen[HANDSHAKE_FAILED] == 1);
	assert_non_null(strstr(a.last[HANDSHAKE_FAILED].reason, "no ICE path"));
	handshake_close(&a.h);
	handshake_pool_destroy(&pool);
}

static void cannot_bind_test(void **state)
{
	struct side a, b;

	(void)state;
	open_pool(0);
	open_side(&a, "127.0.0.1", false);
	assert_int_equal(add_candidate(&a, &a), ICE_CANDIDATE_OWN);
	fill_params(&b, "192.0.2.1", false);
	assert_int_equal(handshake_new(pool, &b.params, on_event, &b, &b.h), 0);
	WAIT_UNTIL(b.seen[HANDSHAKE_FAILED] == 1);
	assert_non_null(strstr(b.last[HANDSHAKE_FAILED].reason, "192.0.2.1"));
	// A dead handle takes everything and does nothing; whoever waits for it is told.
	handshake_restart(b.h, &a.params.local);
	assert_int_equal(handshake_set_remote(b.h, &a.params.local, &fingerprint, DTLS_ACTIVE), 0);
	assert_int_equal(add_candidate(&b, &a), ICE_CANDIDATE_OK);
	WAIT_UNTIL(b.seen[HANDSHAKE_LISTENING] == 1);
	handshake_close(&b.h);
	b.params.port = 0;
	assert_int_equal(handshake_new(pool, &b.params, on_event, &b, &b.h), -EINVAL);
	handshake_close(&a.h);
	handshake_pool_destroy(&pool);
}

static void close_in_callback_test(void **state)
{
	struct side a, b;

	(void)state;
	open_pool(0);
	open_side(&a, "127.0.0.1", false);
	open_side(&b, "127.0.0.2", true);
	a.close_in_callback = true;
	tell(&b, &a, DTLS_ACTIVE);
	tell(&a, &b, DTLS_PASSIVE);
	WAIT_UNTIL(a.h == NULL);
	handshake_close(&b.h);
	handshake_pool_destroy(&pool);
	while (g_main_context_iteration(NULL, FALSE)) { // events on their way find closed handles
	}
}

static unsigned events(const struct side *s)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < TYPES; i++)
		sum += s->seen[i];
	return sum;
}

static void too_many_candidates_test(void **state)
{
	struct side a, b;

	(void)state;
	open_pool(0);
	open_side(&a, "127.0.0.1", false);
	fill_params(&b, "127.0.0.2", true);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(add_candidate(&a, &b), ICE_CANDIDATE_OK);
	assert_int_equal(add_candidate(&a, &b), ICE_CANDIDATE_TOO_MANY);
	assert_int_equal(handshake_add_candidate(a.h, "nonsense"), ICE_CANDIDATE_MALFORMED);
	handshake_restart(a.h, &b.params.local);
	assert_int_equal(add_candidate(&a, &b), ICE_CANDIDATE_OK);
	handshake_close(&a.h);
	handshake_pool_destroy(&pool);
}

// Opened and closed at once, over and over: nothing may fire, leak or be used after its end.
static void churn_test(void **state)
{
	(void)state;
	open_pool(0);
	for (unsigned i = 0; i < 100; i++) {
		struct side a, b;

		open_side(&a, "127.0.0.1", false);
		open_side(&b, "127.0.0.2", true);
		tell(&b, &a, DTLS_ACTIVE);
		tell(&a, &b, DTLS_PASSIVE);
		WAIT_UNTIL(events(&a) + events(&b) >= i % 7); // each has three at least
		handshake_close(&a.h);
		handshake_close(&b.h);
	}
	handshake_pool_destroy(&pool);
	while (g_main_context_iteration(NULL, FALSE)) {
	}
}

static int setup(void **state)
{
	char reason[DTLS_REASON_SIZE];

	(void)state;
	assert_int_equal(dtls_certificate_generate(reason, &certificate), 0);
	dtls_certificate_fingerprint(certificate, DTLS_SHA256, &fingerprint);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dtls_certificate_destroy(&certificate);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connect_and_close_test),
		cmocka_unit_test(restart_test),
		cmocka_unit_test(late_answer_test),
		cmocka_unit_test(wrong_fingerprint_test),
		cmocka_unit_test(nobody_answers_test),
		cmocka_unit_test(cannot_bind_test),
		cmocka_unit_test(close_in_callback_test),
		cmocka_unit_test(churn_test),
		cmocka_unit_test(too_many_candidates_test),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
