// SPDX-License-Identifier: Apache-2.0
// controlplane/link/client.c - the socket to the dataplane, the mapping, heartbeat and events.

#include "controlplane/link/client_state.h"

#include "controlplane/ops/log.h"
#include "proto/shm/handshake.h"
#include "proto/shm/snapshot.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEARTBEAT_MS = 200, CONNECT_MS = 500, EVENTS_PER_TURN = 256 };

static void complain(struct link_client *c, const char *text)
{
	if (g_strcmp0(c->complaint, text) == 0)
		return;
	g_free(c->complaint);
	c->complaint = g_strdup(text);
	log_warning("link", "dataplane: %s", text);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void remove_source(guint *source)
{
	if (*source != 0)
		g_source_remove(*source);
	*source = 0;
}

static gboolean try_connect(gpointer data);

static void detach(struct link_client *c)
{
	bool was = c->attached;

	c->attached = false;
	remove_source(&c->socket_source);
	remove_source(&c->event_source);
	remove_source(&c->heartbeat_source);
	remove_source(&c->retry_source);
	close_fd(&c->socket);
	close_fd(&c->event_fd);
	close_fd(&c->command_fd);
	link_epochs_gone(c);
	link_slots_clear(c);
	if (!was)
		return;
	log_warning("link", "dataplane: gone; media of its sessions has ended");
	c->callbacks->detached(c->user);
	shm_segment_detach(&c->view);
}

static gboolean on_socket(gint fd, GIOCondition condition, gpointer data)
{
	struct link_client *c = data;
	char byte;

	(void)condition;
	// Nothing is ever said after the handshake: readable means closed.
	if (recv(fd, &byte, 1, MSG_DONTWAIT) > 0)
		return G_SOURCE_CONTINUE;
	c->socket_source = 0;
	detach(c);
	c->connect_source = g_timeout_add(CONNECT_MS, try_connect, c);
	return G_SOURCE_REMOVE;
}

static void pump_events(struct link_client *c)
{
	struct shm_event event;

	for (int i = 0; i < EVENTS_PER_TURN && c->attached; i++) {
		if (!shm_ring_pop(c->view.events, SHM_EVENT_SLOTS, &event))
			return;
		if (event.kind != SHM_EVENT_EPOCH_ACKED)
			c->callbacks->event(c->user, &event);
	}
}

static gboolean on_event(gint fd, GIOCondition condition, gpointer data)
{
	struct link_client *c = data;
	uint64_t count;

	(void)condition;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_warning("link", "dataplane: event descriptor: %s", g_strerror(errno));
	link_epochs_acked(c);
	pump_events(c);
	if (!c->attached)
		return G_SOURCE_CONTINUE;
	uint64_t lost = atomic_load(&c->view.header->events_lost);
	if (lost != c->events_lost) {
		log_warning("link",
			    "dataplane: %" G_GUINT64_FORMAT
			    " events lost; reading its records again",
			    lost - c->events_lost);
		c->events_lost = lost;
		c->callbacks->events_lost(c->user);
	}
	return G_SOURCE_CONTINUE;
}

static gboolean heartbeat(gpointer data)
{
	struct link_client *c = data;

	atomic_store(&c->view.header->control_heartbeat_us, (uint64_t)g_get_monotonic_time());
	// Also a safety net for a wake-up that was lost.
	on_event(c->event_fd, G_IO_IN, c);
	return G_SOURCE_CONTINUE;
}

// Descriptors that came with an answer we cannot use are ours to close.
static void close_received(struct msghdr *msg)
{
	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m != NULL; m = CMSG_NXTHDR(msg, m)) {
		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= m->cmsg_len; at += sizeof(int)) {
			int fd;
			memcpy(&fd, (const char *)m + at, sizeof(fd));
			close(fd);
		}
	}
}

// Receives the welcome and its three descriptors. False with the reason said.
static bool receive_welcome(struct link_client *c, int fds[SHM_HANDSHAKE_FDS])
{
	struct shm_welcome welcome = {0};
	struct iovec iov = {.iov_base = &welcome, .iov_len = sizeof(welcome)};
	union {
		char buf[CMSG_SPACE(SHM_HANDSHAKE_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t size = recvmsg(c->socket, &msg, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *cmsg = size > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (size < 0)
		msg.msg_controllen = 0;
	if (size != sizeof(welcome) || welcome.magic != SHM_MAGIC) {
		complain(c, "it did not answer the handshake");
		close_received(&msg);
		return false;
	}
	welcome.reason[SHM_REASON_BYTES - 1] = '\0';
	if (welcome.status != 0 || cmsg == NULL || cmsg->cmsg_type != SCM_RIGHTS ||
	    cmsg->cmsg_len != CMSG_LEN(SHM_HANDSHAKE_FDS * sizeof(int))) {
		complain(c, welcome.status != 0 ? welcome.reason : "it sent no segment");
		close_received(&msg);
		return false;
	}
	memcpy(fds, CMSG_DATA(cmsg), SHM_HANDSHAKE_FDS * sizeof(int));
	return true;
}

static bool handshake(struct link_client *c)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 2};
	struct shm_hello hello;
	int fds[SHM_HANDSHAKE_FDS];
	char why[SHM_REASON_BYTES];

	c->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	g_strlcpy(addr.sun_path, c->path, sizeof(addr.sun_path));
	if (c->socket < 0 || connect(c->socket, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		complain(c, "not there yet; trying again until it is");
		return false;
	}
	setsockopt(c->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	shm_hello_make(&hello);
	if (send(c->socket, &hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello) ||
	    !receive_welcome(c, fds))
		return false;
	c->event_fd = fds[1];
	c->command_fd = fds[2];
	int err = shm_segment_attach(&c->view, fds[0], why, sizeof(why));
	close(fds[0]);
	if (err != 0)
		complain(c, why);
	return err == 0;
}

static gboolean try_connect(gpointer data)
{
	struct link_client *c = data;

	if (!handshake(c)) {
		close_fd(&c->socket);
		close_fd(&c->event_fd);
		close_fd(&c->command_fd);
		return G_SOURCE_CONTINUE;
	}
	link_slots_scan(c);
	g_unix_set_fd_nonblocking(c->event_fd, TRUE, NULL);
	c->connect_source = 0;
	c->attached = true;
	c->events_lost = atomic_load(&c->view.header->events_lost);
	c->epoch_pushed = MAX(atomic_load(&c->view.header->control_epoch),
			      atomic_load(&c->view.header->applied_epoch));
	g_clear_pointer(&c->complaint, g_free);
	c->socket_source = g_unix_fd_add(c->socket, G_IO_IN | G_IO_HUP | G_IO_ERR, on_socket, c);
	c->event_source = g_unix_fd_add(c->event_fd, G_IO_IN, on_event, c);
	c->heartbeat_source = g_timeout_add(HEARTBEAT_MS, heartbeat, c);
	atomic_store(&c->view.header->control_heartbeat_us, (uint64_t)g_get_monotonic_time());
	log_info("link", "dataplane: attached");
	c->callbacks->attached(c->user);
	return G_SOURCE_REMOVE;
}

struct link_client *link_client_new(const char *socket_path,
				    const struct link_client_callbacks *callbacks, void *user)
{
	struct link_client *c = g_new0(struct link_client, 1);

	c->callbacks = callbacks;
	c->user = user;
	c->path = g_strdup(socket_path);
	c->socket = c->event_fd = c->command_fd = -1;
	g_queue_init(&c->epochs);
	c->connect_source = g_idle_add(try_connect, c);
	return c;
}

void link_client_free(struct link_client **client)
{
	struct link_client *c = *client;

	*client = NULL;
	if (c == NULL)
		return;
	remove_source(&c->connect_source);
	remove_source(&c->socket_source);
	remove_source(&c->event_source);
	remove_source(&c->heartbeat_source);
	remove_source(&c->retry_source);
	link_epochs_gone(c);
	remove_source(&c->finish_source);
	link_slots_clear(c);
	if (c->attached)
		shm_segment_detach(&c->view);
	close_fd(&c->socket);
	close_fd(&c->event_fd);
	close_fd(&c->command_fd);
	g_free(c->complaint);
	g_free(c->path);
	g_free(c);
}

const struct shm_view *link_client_view(const struct link_client *c)
{
	return c->attached ? &c->view : NULL;
}

bool link_transport_state(const struct link_client *c, uint32_t index,
			  struct shm_transport_state *out)
{
	if (c->view.header == NULL || index >= c->view.limits.transports)
		return false;
	struct shm_transport_slot *slot = &c->view.transports[index];
	return shm_snapshot_read(&slot->state_seq, out, &slot->state, sizeof(*out));
}

bool link_track_state(const struct link_client *c, uint32_t index, struct shm_track_state *out)
{
	if (c->view.header == NULL || index >= c->view.limits.tracks)
		return false;
	struct shm_track_slot *slot = &c->view.tracks[index];
	return shm_snapshot_read(&slot->state_seq, out, &slot->state, sizeof(*out));
}

bool link_subscription_state(const struct link_client *c, uint32_t index,
			     struct shm_subscription_state *out)
{
	if (c->view.header == NULL || index >= c->view.limits.subscriptions)
		return false;
	struct shm_subscription_slot *slot = &c->view.subscriptions[index];
	return shm_snapshot_read(&slot->state_seq, out, &slot->state, sizeof(*out));
}

bool link_track_stats(const struct link_client *c, struct shm_ref track,
		      struct shm_encoding_stats out[SHM_ENCODINGS_MAX])
{
	if (c->view.header == NULL || track.generation == 0 || track.index >= c->view.limits.tracks)
		return false;
	struct shm_track_slot *slot = &c->view.tracks[track.index];
	return shm_snapshot_read(&slot->stats_seq, out, slot->stats, sizeof(slot->stats));
}

bool link_subscription_stats(const struct link_client *c, struct shm_ref subscription,
			     struct shm_subscription_stats *out)
{
	if (c->view.header == NULL || subscription.generation == 0 ||
	    subscription.index >= c->view.limits.subscriptions)
		return false;
	struct shm_subscription_slot *slot = &c->view.subscriptions[subscription.index];
	return shm_snapshot_read(&slot->stats_seq, out, &slot->stats, sizeof(*out)) &&
	       out->generation == subscription.generation;
}
