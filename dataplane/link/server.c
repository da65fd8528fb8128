// SPDX-License-Identifier: Apache-2.0
//
// dataplane/link/server.c - hands the segment to a control plane, and notices when it has gone.
#include "dataplane/link/server.h"
#include "proto/shm/handshake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	WAITING_MAX = 4, // connections that have not said hello yet
	HELLO_WAIT_US = 1000000,
};

struct waiting {
	int fd; // -1: free
	uint64_t since_us;
};
struct server {
	int listen_fd;
	int control_fd; // -1: nobody attached
	int segment_fd; // borrowed
	int event_fd; // we write
	int command_fd; // the control plane writes
	uint64_t attached_us;
	struct waiting waiting[WAITING_MAX];
	struct sockaddr_un address;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

// True if somebody answers at the address: then it is not ours to take.
static bool somebody_listens(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;

	close_fd(&fd);
	return yes;
}

static void make_directory(const char *path)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path)
		return;
	snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
	mkdir(directory, 0750); // bind() says what is wrong if it could not be made
}

static bool listen_at(struct server *s, const char *path, char *why, size_t why_size)
{
	s->address.sun_family = AF_UNIX;
	snprintf(s->address.sun_path, sizeof(s->address.sun_path), "%s", path);
	if (somebody_listens(&s->address)) {
		snprintf(why, why_size,
			 "socket = \"%s\": another dataplane listens there; end it or name another "
			 "path",
			 path);
		s->address.sun_path[0] = 0;
		return false;
	}
	make_directory(path);
	unlink(path);
	s->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0117); // its keys are for the owner and the group alone
	bool ok = s->listen_fd >= 0 &&
		  bind(s->listen_fd, (struct sockaddr *)&s->address, sizeof(s->address)) == 0 &&
		  listen(s->listen_fd, WAITING_MAX) == 0;
	umask(mask);
	if (!ok)
		snprintf(why, why_size, "socket = \"%s\": cannot listen there: %s", path,
			 strerror(errno));
	return ok;
}

struct server *server_new(const char *path, int segment_fd, char *why, size_t why_size)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		snprintf(why, why_size, "no memory for the control socket");
		return NULL;
	}
	s->listen_fd = s->control_fd = -1;
	s->segment_fd = segment_fd;
	for (int i = 0; i < WAITING_MAX; i++)
		s->waiting[i].fd = -1;
	s->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	s->command_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (s->event_fd < 0 || s->command_fd < 0) {
		snprintf(why, why_size, "cannot make an eventfd: %s", strerror(errno));
		server_free(s);
		return NULL;
	}
	if (!listen_at(s, path, why, why_size)) {
		server_free(s);
		return NULL;
	}
	return s;
}

void server_free(struct server *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < WAITING_MAX; i++)
		close_fd(&s->waiting[i].fd);
	if (s->listen_fd >= 0 && s->address.sun_path[0] != 0)
		unlink(s->address.sun_path);
	close_fd(&s->listen_fd);
	close_fd(&s->control_fd);
	close_fd(&s->event_fd);
	close_fd(&s->command_fd);
	free(s);
}

static bool welcome(int fd, struct shm_welcome *w, const int *fds, size_t count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * SHM_HANDSHAKE_FDS)];
	} control = {0};
	struct iovec iov = {.iov_base = w, .iov_len = sizeof(*w)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (count > 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(*w);
}

static void refuse(int fd, int status, const char *reason)
{
	struct shm_welcome w = {
		.magic = SHM_MAGIC, .abi_version = SHM_ABI_VERSION, .status = status};

	snprintf(w.reason, sizeof(w.reason), "%s", reason);
	welcome(fd, &w, NULL, 0);
}

// A hello has come on 'fd': attaches it, or says why not. Takes the descriptor.
static void answer(struct server *s, int fd, const struct shm_hello *hello, uint64_t now_us)
{
	struct shm_welcome w = {.magic = SHM_MAGIC, .abi_version = SHM_ABI_VERSION};
	const int fds[SHM_HANDSHAKE_FDS] = {s->segment_fd, s->event_fd, s->command_fd};
	char why[SHM_REASON_BYTES];

	if (shm_hello_check(hello, why, sizeof(why)) != 0) {
		refuse(fd, -EPROTO, why);
	} else if (s->control_fd >= 0) {
		refuse(fd, -EBUSY, "another control plane is attached: end it first");
	} else if (welcome(fd, &w, fds, SHM_HANDSHAKE_FDS)) {
		s->control_fd = fd;
		s->attached_us = now_us;
		return;
	}
	close(fd);
}

static void accept_new(struct server *s, uint64_t now_us)
{
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (int i = 0; i < WAITING_MAX; i++) {
		if (s->waiting[i].fd >= 0)
			continue;
		s->waiting[i] = (struct waiting){.fd = fd, .since_us = now_us};
		return;
	}
	refuse(fd, -EBUSY, "too many connections that have not said hello");
	close(fd);
}

static void hear(struct server *s, struct waiting *c, uint64_t now_us)
{
	struct shm_hello hello = {0};
	ssize_t size = recv(c->fd, &hello, sizeof(hello), MSG_DONTWAIT | MSG_TRUNC);

	if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (now_us - c->since_us > HELLO_WAIT_US)
			close_fd(&c->fd);
		return;
	}
	int fd = c->fd;
	c->fd = -1;
	if (size == (ssize_t)sizeof(hello)) {
		answer(s, fd, &hello, now_us);
		return;
	}
	if (size > 0)
		refuse(fd, -EPROTO,
		       "the first message is not a hello of this version's size: run "
		       "both processes from one build");
	close(fd);
}

static void notice_detaching(struct server *s)
{
	char ignored[64];
	ssize_t size = recv(s->control_fd, ignored, sizeof(ignored), MSG_DONTWAIT);

	if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR))
		close_fd(&s->control_fd);
}

void server_poll(struct server *s, uint64_t now_us, bool settled)
{
	// First of all: whoever comes right behind one that left is not refused.
	if (s->control_fd >= 0)
		notice_detaching(s);
	accept_new(s, now_us);
	if (s->control_fd < 0 && !settled)
		return;
	for (int i = 0; i < WAITING_MAX; i++)
		if (s->waiting[i].fd >= 0)
			hear(s, &s->waiting[i], now_us);
}

bool server_attached(const struct server *s, uint64_t *since_us)
{
	if (since_us != NULL)
		*since_us = s->attached_us;
	return s->control_fd >= 0;
}

int server_event_fd(const struct server *s)
{
	return s->event_fd;
}
