// SPDX-License-Identifier: Apache-2.0
// tests/unit/link/fake_dataplane.c - see fake_dataplane.h.
#include "tests/unit/link/fake_dataplane.h"

#include "proto/shm/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SPIN_S = 10, GARBAGE_BYTES = 65536 };

static int garbage_segment(void)
{
	int fd = memfd_create("garbage", MFD_CLOEXEC);
	uint8_t *bytes = g_malloc(GARBAGE_BYTES);

	for (size_t i = 0; i < GARBAGE_BYTES; i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	assert(write(fd, bytes, GARBAGE_BYTES) == GARBAGE_BYTES);
	g_free(bytes);
	return fd;
}

static void send_welcome(int peer, const struct shm_welcome *welcome, const int *fds, size_t count)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)welcome, .iov_len = sizeof(*welcome)};
	union {
		char buf[CMSG_SPACE(SHM_HANDSHAKE_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (count > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
	}
	assert(sendmsg(peer, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof(*welcome));
}

static void answer(struct fake_dataplane *f, int peer)
{
	struct shm_welcome welcome = {.magic = SHM_MAGIC, .abi_version = SHM_ABI_VERSION};
	int fds[] = {f->memfd, f->event_fd, f->command_fd};

	switch ((enum fake_answer)f->answer) {
	case FAKE_SEGMENT:
		f->peer = peer; // before the client knows: the test may hang up at once then
		send_welcome(peer, &welcome, fds, 3);
		return;
	case FAKE_REFUSAL:
		welcome.status = -EBUSY;
		g_strlcpy(welcome.reason, FAKE_REASON, sizeof(welcome.reason));
		send_welcome(peer, &welcome, NULL, 0);
		break;
	case FAKE_SHORT:
		assert(send(peer, "what", 4, MSG_NOSIGNAL) == 4);
		break;
	case FAKE_NO_DESCRIPTORS:
		send_welcome(peer, &welcome, NULL, 0);
		break;
	case FAKE_TWO_DESCRIPTORS:
		send_welcome(peer, &welcome, fds, 2);
		break;
	case FAKE_GARBAGE:
		fds[0] = garbage_segment();
		send_welcome(peer, &welcome, fds, 3);
		close(fds[0]);
		break;
	}
	close(peer);
}

static gpointer serve(gpointer data)
{
	struct fake_dataplane *f = data;
	int peer;

	while ((peer = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct shm_hello hello;
		char why[SHM_REASON_BYTES];
		if (recv(peer, &hello, sizeof(hello), 0) != sizeof(hello) ||
		    shm_hello_check(&hello, why, sizeof(why)) != 0) {
			close(peer); // the client ended in mid-handshake
			continue;
		}
		answer(f, peer);
		f->served++;
	}
	return NULL;
}

struct fake_dataplane *fake_dataplane_new(const struct shm_limits_config *limits)
{
	struct fake_dataplane *f = g_new0(struct fake_dataplane, 1);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	f->directory = g_dir_make_tmp("sluice-link-XXXXXX", NULL);
	f->path = g_build_filename(f->directory, "dataplane.sock", NULL);
	f->peer = -1;
	f->memfd = shm_segment_create(&f->view, limits, 0x1234567890abcdefULL);
	f->view.header->public_port = 3478;
	f->view.header->wire_mtu = 1500;
	f->view.header->internal_port_first = 40000;
	f->view.header->internal_port_last = 40010;
	f->event_fd = eventfd(0, EFD_CLOEXEC);
	f->command_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	g_strlcpy(addr.sun_path, f->path, sizeof(addr.sun_path));
	assert(f->memfd >= 0 && f->event_fd >= 0 && f->command_fd >= 0);
	assert(bind(f->listener, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	assert(listen(f->listener, 8) == 0);
	f->thread = g_thread_new("fake", serve, f);
	return f;
}

void fake_dataplane_hang_up(struct fake_dataplane *f)
{
	if (f->peer >= 0)
		close(f->peer);
	f->peer = -1;
}

void fake_dataplane_free(struct fake_dataplane *f)
{
	shutdown(f->listener, SHUT_RDWR);
	g_thread_join(f->thread);
	fake_dataplane_hang_up(f);
	shm_segment_detach(&f->view);
	close(f->listener);
	close(f->memfd);
	close(f->event_fd);
	close(f->command_fd);
	g_unlink(f->path);
	g_rmdir(f->directory);
	g_free(f->path);
	g_free(f->directory);
	g_free(f);
}

bool fake_dataplane_pop(struct fake_dataplane *f, struct shm_command *command)
{
	return shm_ring_pop(f->view.commands, SHM_COMMAND_SLOTS, command);
}

void fake_dataplane_wake(struct fake_dataplane *f)
{
	uint64_t one = 1;

	assert(write(f->event_fd, &one, sizeof(one)) == sizeof(one));
}

void fake_dataplane_ack(struct fake_dataplane *f, uint64_t epoch, enum shm_refusal refusal,
			uint32_t op)
{
	struct shm_ack *ack = &f->view.acks[epoch % SHM_ACK_SLOTS];

	atomic_store(&ack->refusal, refusal);
	atomic_store(&ack->op, op);
	atomic_store(&ack->epoch, epoch);
	atomic_store(&f->view.header->applied_epoch, epoch);
	fake_dataplane_wake(f);
}

uint64_t fake_dataplane_apply(struct fake_dataplane *f, uint32_t *op_count)
{
	struct shm_command begin, op;

	if (!fake_dataplane_pop(f, &begin))
		return 0;
	assert(begin.kind == SHM_COMMAND_BEGIN);
	*op_count = begin.op_count;
	for (uint32_t i = 0; i < begin.op_count; i++)
		assert(fake_dataplane_pop(f, &op) && op.kind == SHM_COMMAND_OP);
	fake_dataplane_ack(f, begin.epoch, SHM_REFUSAL_NONE, 0);
	return begin.epoch;
}

void fake_dataplane_event(struct fake_dataplane *f, const struct shm_event *event)
{
	if (!shm_ring_push(f->view.events, SHM_EVENT_SLOTS, event, 1))
		atomic_fetch_add(&f->view.header->events_lost, 1);
	fake_dataplane_wake(f);
}

void fake_dataplane_run_transport(struct fake_dataplane *f, uint32_t index, uint32_t generation,
				  enum shm_transport_phase phase)
{
	struct shm_transport_slot *slot = &f->view.transports[index];
	struct shm_transport_state state = {.generation = generation, .phase = phase};

	shm_snapshot_write(&slot->state_seq, &slot->state, &state, sizeof(state));
}

static gboolean give_up(gpointer data)
{
	*(bool *)data = true;
	return G_SOURCE_CONTINUE;
}

bool fake_dataplane_spin(bool (*done)(void *user), void *user)
{
	bool late = false;
	guint source = g_timeout_add_seconds(SPIN_S, give_up, &late);

	while (!late && !done(user))
		g_main_context_iteration(NULL, TRUE);
	g_source_remove(source);
	return !late;
}
