// SPDX-License-Identifier: Apache-2.0
// tests/unit/icedtls/agent_test.c - two agents find each other over loopback.
// Place    tests ice/agent.c with the real libnice and real sockets.
#include "controlplane/ice/agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000 };

struct side {
	struct ice_agent *agent;
	struct ice_agent_params params;
	unsigned checking, ready, selected, datagrams;
	char last[64];
	struct sockaddr_storage local, remote;
};

static GMainContext *context;

static void on_state(void *user, enum ice_agent_state state)
{
	struct side *s = user;

	s->checking += state == ICE_AGENT_CHECKING;
	s->ready += state == ICE_AGENT_READY;
}

static void on_selected(void *user, const struct sockaddr_storage *local,
			const struct sockaddr_storage *remote)
{
	struct side *s = user;

	s->selected++;
	s->local = *local;
	s->remote = *remote;
}

static void on_datagram(void *user, const uint8_t *data, size_t size)
{
	struct side *s = user;

	s->datagrams++;
	assert_true(size < sizeof(s->last));
	memcpy(s->last, data, size);
	s->last[size] = '\0';
}

static const struct ice_agent_callbacks callbacks = {
	.state = on_state,
	.selected = on_selected,
	.datagram = on_datagram,
};

static gboolean give_up(gpointer data)
{
	*(bool *)data = true;
	return G_SOURCE_REMOVE;
}

#define WAIT_UNTIL(condition)                                                                      \
	do {                                                                                       \
		bool late = false;                                                                 \
		GSource *timer = g_timeout_source_new(PATIENCE_MS);                                \
		g_source_set_callback(timer, give_up, &late, NULL);                                \
		g_source_attach(timer, context);                                                   \
		while (!(condition) && !late)                                                      \
			g_main_context_iteration(context, TRUE);                                   \
		g_source_destroy(timer);                                                           \
		g_source_unref(timer);                                                             \
		if (late)                                                                          \
			fail_msg("gave up waiting for %s", #condition);                            \
	} while (0)

static struct sockaddr_storage loopback(const char *text)
{
	struct sockaddr_storage a = {0};

	if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&a)->sin6_addr) == 1)
		a.ss_family = AF_INET6;
	else if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&a)->sin_addr) == 1)
		a.ss_family = AF_INET;
	return a;
}

// A port that was free a moment ago; the kernel's choice.
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

static void open_side(struct side *s, const char *address, bool controlling)
{
	char reason[ICE_REASON_SIZE] = "";

	memset(s, 0, sizeof(*s));
	assert_int_equal(ice_credentials_generate(&s->params.local), 0);
	s->params.port = free_port();
	s->params.addresses[0] = loopback(address);
	s->params.address_count = 1;
	s->params.controlling = controlling;
	s->params.loopback_allowed = true;
	if (ice_agent_create(context, &s->params, &callbacks, s, reason, &s->agent) != 0)
		fail_msg("%s", reason);
}

static void tell(struct side *to, const struct side *about)
{
	char line[ICE_CANDIDATE_LINE_MAX];

	assert_int_equal(ice_agent_set_remote_credentials(to->agent, &about->params.local), 0);
	assert_int_equal(ice_candidate_format_host(&about->params.addresses[0], about->params.port,
						   0, line, sizeof(line)),
			 0);
	assert_int_equal(ice_agent_add_candidate(to->agent, line), ICE_CANDIDATE_OK);
}

static uint16_t port_of(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET ? ((const struct sockaddr_in *)a)->sin_port
					     : ((const struct sockaddr_in6 *)a)->sin6_port);
}

static void exchange(struct side *a, struct side *b, const char *words)
{
	unsigned before = b->datagrams;

	assert_int_equal(ice_agent_send(a->agent, (const uint8_t *)words, strlen(words)), 0);
	WAIT_UNTIL(b->datagrams > before);
	assert_string_equal(b->last, words);
}

static void meet(const char *address_a, const char *address_b)
{
	struct side a, b;

	open_side(&a, address_a, false);
	open_side(&b, address_b, true);
	assert_int_equal(ice_agent_send(a.agent, (const uint8_t *)"x", 1), -EAGAIN);
	tell(&a, &b);
	tell(&b, &a);
	WAIT_UNTIL(a.ready > 0 && b.ready > 0);
	assert_true(a.checking > 0 && a.selected > 0 && b.selected > 0);
	assert_int_equal(port_of(&a.local), a.params.port);
	assert_int_equal(port_of(&a.remote), b.params.port);
	exchange(&a, &b, "from a");
	exchange(&b, &a, "from b");
	ice_agent_destroy(&a.agent);
	ice_agent_destroy(&b.agent);
	assert_null(a.agent);
}

static void meet_ipv4_test(void **state)
{
	(void)state;
	meet("127.0.0.1", "127.0.0.2");
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

// One port range gives both families the same internal port.
static void both_families_one_port_test(void **state)
{
	struct side a = {0};
	char reason[ICE_REASON_SIZE] = "";

	(void)state;
	if (!has_ipv6()) {
		print_message("no IPv6 on this host\n");
		skip();
	}
	assert_int_equal(ice_credentials_generate(&a.params.local), 0);
	a.params.port = free_port();
	a.params.addresses[0] = loopback("127.0.0.1");
	a.params.addresses[1] = loopback("::1");
	a.params.address_count = 2;
	if (ice_agent_create(context, &a.params, &callbacks, &a, reason, &a.agent) != 0)
		fail_msg("%s", reason);
	ice_agent_destroy(&a.agent);
}

// The client side of a lite server: it learns nothing of us but our checks.
static void peer_reflexive_only_test(void **state)
{
	struct side server, client;

	(void)state;
	open_side(&server, "127.0.0.1", false);
	open_side(&client, "127.0.0.2", true);
	assert_int_equal(ice_agent_set_remote_credentials(server.agent, &client.params.local), 0);
	assert_int_equal(ice_agent_add_candidate(server.agent,
						 "candidate:1 1 udp 1 some-name.local 9 typ host"),
			 ICE_CANDIDATE_NAME);
	tell(&client, &server);
	WAIT_UNTIL(server.ready > 0 && client.ready > 0);
	assert_int_equal(port_of(&server.remote), client.params.port);
	exchange(&client, &server, "hello");
	assert_int_equal(ice_agent_candidates_seen(server.agent, ICE_CANDIDATE_NAME), 1);
	ice_agent_destroy(&server.agent);
	ice_agent_destroy(&client.agent);
}

// Checks come before the answer does.
static void checks_before_credentials_test(void **state)
{
	struct side server, client;

	(void)state;
	open_side(&server, "127.0.0.1", false);
	open_side(&client, "127.0.0.2", true);
	tell(&client, &server);
	WAIT_UNTIL(client.checking > 0);
	for (unsigned i = 0; i < 20; i++)
		g_main_context_iteration(context, TRUE);
	assert_int_equal(ice_agent_set_remote_credentials(server.agent, &client.params.local), 0);
	WAIT_UNTIL(server.ready > 0 && client.ready > 0);
	ice_agent_destroy(&server.agent);
	ice_agent_destroy(&client.agent);
}

static void restart_test(void **state)
{
	struct side a, b;
	unsigned a_before, b_before;

	(void)state;
	open_side(&a, "127.0.0.1", false);
	open_side(&b, "127.0.0.2", true);
	tell(&a, &b);
	tell(&b, &a);
	WAIT_UNTIL(a.ready > 0 && b.ready > 0);
	for (unsigned round = 0; round < 3; round++) {
		a_before = a.selected;
		b_before = b.selected;
		assert_int_equal(ice_credentials_generate(&a.params.local), 0);
		assert_int_equal(ice_credentials_generate(&b.params.local), 0);
		assert_int_equal(ice_agent_restart(a.agent, &a.params.local), 0);
		exchange(&a, &b, "while restarting"); // on the old pair
		assert_int_equal(ice_agent_restart(b.agent, &b.params.local), 0);
		tell(&b, &a);
		tell(&a, &b);
		WAIT_UNTIL(a.selected > a_before && b.selected > b_before);
		assert_int_equal(port_of(&a.local), a.params.port);
		exchange(&a, &b, "again");
		exchange(&b, &a, "and back");
	}
	ice_agent_destroy(&a.agent);
	ice_agent_destroy(&b.agent);
}

static void port_taken_test(void **state)
{
	struct side a, b = {0};
	char reason[ICE_REASON_SIZE] = "";

	(void)state;
	open_side(&a, "127.0.0.1", false);
	b.params = a.params;
	assert_int_equal(ice_agent_create(context, &b.params, &callbacks, &b, reason, &b.agent),
			 -EADDRNOTAVAIL);
	assert_null(b.agent);
	assert_non_null(strstr(reason, "127.0.0.1"));
	// One of two addresses is not this host's.
	b.params.port = free_port();
	b.params.addresses[1] = loopback("192.0.2.1");
	b.params.address_count = 2;
	assert_int_equal(ice_agent_create(context, &b.params, &callbacks, &b, reason, &b.agent),
			 -EADDRNOTAVAIL);
	assert_non_null(strstr(reason, "192.0.2.1"));
	b.params.address_count = 0;
	assert_int_equal(ice_agent_create(context, &b.params, &callbacks, &b, reason, &b.agent),
			 -EINVAL);
	ice_agent_destroy(&a.agent);
}

static int setup(void **state)
{
	(void)state;
	context = g_main_context_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (g_main_context_iteration(context, FALSE)) {
	}
	g_main_context_unref(context);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(meet_ipv4_test),
		cmocka_unit_test(both_families_one_port_test),
		cmocka_unit_test(peer_reflexive_only_test),
		cmocka_unit_test(checks_before_credentials_test),
		cmocka_unit_test(restart_test),
		cmocka_unit_test(port_taken_test),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
