// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/core/server_test.c - one control plane at a time gets the segment; nobody else does.
#include "dataplane/link/events.h"
#include "dataplane/link/server.h"
#include "proto/shm/handshake.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct fixture {
	struct shm_view shm;
	int segment_fd;
	char directory[64];
	char path[80];
	struct server *server;
};

static int setup(void **state)
{
	const struct shm_limits_config limits = {1, 1, 1, 1};
	struct fixture *f = calloc(1, sizeof(*f));
	char why[256];

	strcpy(f->directory, "/tmp/sluice-server-XXXXXX");
	if (mkdtemp(f->directory) == NULL)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/sock", f->directory);
	f->segment_fd = shm_segment_create(&f->shm, &limits, 77);
	f->shm.header->public_port = 3478;
	f->shm.header->internal_port_first = f->shm.header->internal_port_last = 40000;
	f->server = server_new(f->path, f->segment_fd, why, sizeof(why));
	*state = f;
	return f->server != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	server_free(f->server);
	shm_segment_detach(&f->shm);
	close(f->segment_fd);
	int left = access(f->path, F_OK) == 0;
	rmdir(f->directory);
	free(f);
	return left; // the socket file goes with the server
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

// Lets the server work, then takes the answer. Returns the number of descriptors, or -1 at the end.
static int answer(struct fixture *f, int fd, struct shm_welcome *w, int *fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
	} control;
	struct iovec iov = {w, sizeof(*w)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};

	server_poll(f->server, 1000, true);
	if (recvmsg(fd, &msg, MSG_DONTWAIT) != sizeof(*w))
		return -1;
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c == NULL)
		return 0;
	size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(c), count * sizeof(int));
	return (int)count;
}

static int attach(struct fixture *f, struct shm_welcome *w, int *fds, int *count)
{
	struct shm_hello hello;
	int fd = connect_to(f->path);

	shm_hello_make(&hello);
	assert_int_equal(send(fd, &hello, sizeof(hello), 0), sizeof(hello));
	*count = answer(f, fd, w, fds);
	return fd;
}

static void a_control_plane_gets_the_segment(void **state)
{
	struct fixture *f = *state;
	struct shm_event event = {.kind = SHM_EVENT_EPOCH_ACKED, .value = 9}, got;
	struct events events = {.shm = &f->shm, .fd = server_event_fd(f->server)};
	struct shm_welcome w;
	struct shm_view other;
	char why[256];
	int fds[8], count;

	int fd = attach(f, &w, fds, &count);
	assert_int_equal(w.status, 0);
	assert_int_equal(count, SHM_HANDSHAKE_FDS);
	assert_true(server_attached(f->server, NULL));
	assert_int_equal(shm_segment_attach(&other, fds[0], why, sizeof(why)), 0);
	assert_int_equal(other.header->boot_id, 77);
	events_push(&events, &event);
	struct pollfd p = {.fd = fds[1], .events = POLLIN};
	assert_int_equal(poll(&p, 1, 0), 1); // the event woke the second descriptor
	assert_true(shm_ring_pop(other.events, SHM_EVENT_SLOTS, &got));
	assert_int_equal(got.value, 9);
	assert_int_equal(eventfd_write(fds[2], 1), 0);
	shm_segment_detach(&other);
	close(fd);
	server_poll(f->server, 2000, true);
	assert_false(server_attached(f->server, NULL));
	for (int i = 0; i < count; i++)
		close(fds[i]);
}

static void a_second_one_is_refused_until_the_first_is_gone(void **state)
{
	struct fixture *f = *state;
	struct shm_welcome w;
	int fds[8], count;

	int first = attach(f, &w, fds, &count);
	int second = attach(f, &w, fds, &count);
	assert_int_equal(w.status, -EBUSY);
	assert_int_equal(count, 0);
	assert_non_null(strstr(w.reason, "another control plane"));
	assert_true(server_attached(f->server, NULL));
	close(first);
	int third = attach(f, &w, fds, &count);
	assert_int_equal(w.status, 0);
	assert_int_equal(count, SHM_HANDSHAKE_FDS);
	close(second);
	close(third);
}

static void what_the_last_one_pushed_settles_before_the_next_is_answered(void **state)
{
	struct fixture *f = *state;
	struct shm_hello hello;
	struct shm_welcome w;
	int fds[8];
	int fd = connect_to(f->path);

	shm_hello_make(&hello);
	assert_int_equal(send(fd, &hello, sizeof(hello), 0), sizeof(hello));
	server_poll(f->server, 1000, false);
	server_poll(f->server, 500000, false);
	assert_false(server_attached(f->server, NULL));
	assert_int_equal(recv(fd, &w, sizeof(w), MSG_DONTWAIT), -1);
	assert_int_equal(answer(f, fd, &w, fds), SHM_HANDSHAKE_FDS);
	assert_int_equal(w.status, 0);
	// Refusing a second one need not wait.
	int second = connect_to(f->path);
	assert_int_equal(send(second, &hello, sizeof(hello), 0), sizeof(hello));
	server_poll(f->server, 2000, false);
	assert_int_equal(recv(second, &w, sizeof(w), MSG_DONTWAIT), sizeof(w));
	assert_int_equal(w.status, -EBUSY);
	close(second);
	close(fd);
	for (int i = 0; i < SHM_HANDSHAKE_FDS; i++)
		close(fds[i]);
}

static void strangers_get_nothing(void **state)
{
	struct fixture *f = *state;
	struct shm_hello hello;
	struct shm_welcome w;
	int fds[8];

	int fd = connect_to(f->path);
	assert_int_equal(send(fd, "GET / HTTP/1.1", 14, 0), 14);
	assert_int_equal(answer(f, fd, &w, fds), 0);
	assert_int_equal(w.status, -EPROTO);
	close(fd);
	fd = connect_to(f->path);
	shm_hello_make(&hello);
	hello.abi_version++;
	assert_int_equal(send(fd, &hello, sizeof(hello), 0), sizeof(hello));
	assert_int_equal(answer(f, fd, &w, fds), 0);
	assert_int_equal(w.status, -EPROTO);
	assert_non_null(strstr(w.reason, "ABI version"));
	close(fd);
	// One that never speaks is let go, and holds nobody up.
	fd = connect_to(f->path);
	server_poll(f->server, 10000, true);
	server_poll(f->server, 10000 + 1000001, true);
	assert_int_equal(recv(fd, &w, sizeof(w), MSG_DONTWAIT), 0);
	close(fd);
	assert_false(server_attached(f->server, NULL));
}

static void a_path_in_use_is_refused_and_a_dead_one_taken(void **state)
{
	struct fixture *f = *state;
	char why[256] = "";

	assert_null(server_new(f->path, f->segment_fd, why, sizeof(why)));
	assert_non_null(strstr(why, "another dataplane"));
	assert_int_equal(access(f->path, F_OK), 0); // still the first one's
	char dead[96];
	snprintf(dead, sizeof(dead), "%s/dead", f->directory);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	strcpy(a.sun_path, dead);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	struct server *s = server_new(dead, f->segment_fd, why, sizeof(why));
	assert_non_null(s);
	server_free(s);
}

static void a_full_event_ring_loses_by_count(void **state)
{
	struct fixture *f = *state;
	struct events events = {.shm = &f->shm, .fd = server_event_fd(f->server)};
	struct shm_event event = {.kind = SHM_EVENT_EPOCH_ACKED};

	for (int i = 0; i < SHM_EVENT_SLOTS + 5; i++)
		events_push(&events, &event);
	assert_int_equal(atomic_load(&f->shm.header->events_lost), 5);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_control_plane_gets_the_segment),
		T(a_second_one_is_refused_until_the_first_is_gone),
		T(what_the_last_one_pushed_settles_before_the_next_is_answered),
		T(strangers_get_nothing),
		T(a_path_in_use_is_refused_and_a_dead_one_taken),
		T(a_full_event_ring_loses_by_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
