// SPDX-License-Identifier: Apache-2.0
// tests/system/relay/epoch_relay.c - stands between both real processes and delays or refuses
// epochs by seed.
//
//   epoch_relay LISTEN DATAPLANE SEED
//
// Place    sluice-controlplane -> [epoch_relay] -> sluice-dataplane, by the contract of proto/shm
//          alone. The control plane gets a segment of the relay's; epochs that are let through are
//          copied into the dataplane's, answers and states are copied back.
// Order    one line on standard input each, answered by one:
//          "plan DELAY REFUSE MS"  per mille of the epochs, and the longest delay; also what "hold"
//                                  has kept back, and "gone" ends
//          "hold"                  from now on epochs wait for the next plan
//          "gone"                  the control plane loses its dataplane, until the next plan, and
//                                  the dataplane all it ran, as if it had ended and come back
//          "records"               answered with what the dataplane runs
//          End of file ends it.
// Refusal  NO_MEMORY, as a dataplane at its limits says it; the dataplane never sees the epoch.
#include "proto/shm/handshake.h"
#include "proto/shm/segment.h"
#include "proto/shm/snapshot.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 2, PER_MILLE = 1000 };

// One side's end of a handshake.
struct side {
	int socket; // -1: not there
	int event_fd, command_fd;
	struct shm_view view;
};

struct relay {
	struct side control, dataplane;
	int listener, segment_fd;
	const char *dataplane_path;
	uint64_t random;
	unsigned delay, refuse, delay_ms; // the plan
	bool hold, gone; // until the next one
	// The epoch under way; the control plane sends one at a time.
	struct shm_command commands[SHM_EPOCH_OPS_MAX + 1];
	uint32_t count; // 0: none
	uint32_t want;
	bool held; // it waits for the next plan
	uint64_t due_ms; // when it goes on
	bool sent;
	uint64_t number; // in the dataplane's counting
	unsigned delayed, refused, passed;
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

// xorshift64*: the same choices for the same seed.
static unsigned choose(struct relay *r, unsigned below)
{
	r->random ^= r->random >> 12;
	r->random ^= r->random << 25;
	r->random ^= r->random >> 27;
	return (unsigned)((r->random * UINT64_C(2685821657736338717) >> 33) % below);
}

static void die(const char *what)
{
	fprintf(stderr, "epoch_relay: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static int open_socket(const char *path, bool listening)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (listening)
		unlink(path);
	if (fd < 0 ||
	    (listening ? bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(fd, 1) != 0
		       : connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0))
		die(path);
	return fd;
}

static void attach_dataplane(struct relay *r)
{
	struct side *d = &r->dataplane;
	struct shm_hello hello;
	struct shm_welcome welcome;
	int fds[SHM_HANDSHAKE_FDS];
	char why[SHM_REASON_BYTES];
	union {
		char buf[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = &welcome, .iov_len = sizeof(welcome)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};

	d->socket = open_socket(r->dataplane_path, false);
	shm_hello_make(&hello);
	if (send(d->socket, &hello, sizeof(hello), 0) != sizeof(hello) ||
	    recvmsg(d->socket, &msg, 0) != sizeof(welcome) || welcome.status != 0 ||
	    CMSG_FIRSTHDR(&msg) == NULL)
		die("handshake with the dataplane");
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fds));
	if (shm_segment_attach(&d->view, fds[0], why, sizeof(why)) != 0) {
		fprintf(stderr, "epoch_relay: %s\n", why);
		exit(EXIT_FAILURE);
	}
	close(fds[0]);
	d->event_fd = fds[1];
	d->command_fd = fds[2];
	r->number = atomic_load(&d->view.header->control_epoch);
}

static void make_segment(struct relay *r)
{
	const struct shm_header *from = r->dataplane.view.header;
	struct side *c = &r->control;

	r->segment_fd = shm_segment_create(&c->view, &r->dataplane.view.limits, from->boot_id);
	c->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	c->command_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->segment_fd < 0 || c->event_fd < 0 || c->command_fd < 0)
		die("segment");
	c->view.header->public_port = from->public_port;
	c->view.header->internal_port_first = from->internal_port_first;
	c->view.header->internal_port_last = from->internal_port_last;
	c->view.header->plain_port_first = from->plain_port_first;
	c->view.header->plain_port_last = from->plain_port_last;
	c->view.header->wire_mtu = from->wire_mtu;
}

static void welcome_control(struct relay *r)
{
	struct shm_hello hello;
	struct shm_welcome welcome = {.magic = SHM_MAGIC, .abi_version = SHM_ABI_VERSION};
	const int fds[SHM_HANDSHAKE_FDS] = {r->segment_fd, r->control.event_fd,
					    r->control.command_fd};
	union {
		char buf[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec iov = {.iov_base = &welcome, .iov_len = sizeof(welcome)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	r->control.socket = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
	if (r->control.socket < 0 ||
	    recv(r->control.socket, &hello, sizeof(hello), 0) != sizeof(hello))
		die("handshake with the control plane");
	*cmsg = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(fds)),
				 .cmsg_level = SOL_SOCKET,
				 .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(cmsg), fds, sizeof(fds));
	if (sendmsg(r->control.socket, &msg, MSG_NOSIGNAL) != sizeof(welcome))
		die("welcome");
}

static void wake(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		die("eventfd");
}

static void tell_control(struct relay *r, const struct shm_event *event)
{
	if (!shm_ring_push(r->control.view.events, SHM_EVENT_SLOTS, event, 1))
		atomic_fetch_add(&r->control.view.header->events_lost, 1);
	wake(r->control.event_fd);
}

static void acknowledge(struct relay *r, uint32_t refusal, uint32_t op)
{
	uint64_t epoch = r->commands[0].epoch;
	struct shm_ack *ack = &r->control.view.acks[epoch % SHM_ACK_SLOTS];
	const struct shm_event event = {
		.kind = SHM_EVENT_EPOCH_ACKED, .value = epoch, .time_us = now_us()};

	atomic_store(&ack->refusal, refusal);
	atomic_store(&ack->op, op);
	atomic_store(&ack->epoch, epoch);
	atomic_store(&r->control.view.header->applied_epoch, epoch);
	r->count = r->want = 0;
	r->sent = false;
	tell_control(r, &event);
}

static void *config_of(const struct shm_view *v, const struct shm_command *c, size_t *size)
{
	switch ((enum shm_record_type)c->record_type) {
	case SHM_RECORD_TRANSPORT:
		*size = sizeof(struct shm_transport_config);
		return &v->transports[c->ref.index].config;
	case SHM_RECORD_TRACK:
		*size = sizeof(struct shm_track_config);
		return &v->tracks[c->ref.index].config;
	case SHM_RECORD_SUBSCRIPTION:
		break;
	}
	*size = sizeof(struct shm_subscription_config);
	return &v->subscriptions[c->ref.index].config;
}

// Hands the epoch on under the dataplane's next number.
static void pass(struct relay *r)
{
	size_t size;

	r->passed++;
	r->sent = true;
	r->number++;
	struct shm_command out[SHM_EPOCH_OPS_MAX + 1];
	for (uint32_t i = 0; i < r->count; i++) {
		out[i] = r->commands[i];
		out[i].epoch = r->number;
		if (i == 0 || out[i].action != SHM_ACTION_APPLY)
			continue;
		const void *from = config_of(&r->control.view, &out[i], &size);
		memcpy(config_of(&r->dataplane.view, &out[i], &size), from, size);
	}
	atomic_store(&r->dataplane.view.header->control_epoch, r->number);
	if (!shm_ring_push(r->dataplane.view.commands, SHM_COMMAND_SLOTS, out, r->count))
		die("the dataplane's command ring is full");
	wake(r->dataplane.command_fd);
}

static void wipe_removed(struct relay *r)
{
	size_t size;

	for (uint32_t i = 1; i < r->count; i++)
		if (r->commands[i].action == SHM_ACTION_REMOVE) {
			void *config = config_of(&r->dataplane.view, &r->commands[i], &size);
			explicit_bzero(config, size);
		}
}

#define COPY(part)                                                                                 \
	do {                                                                                       \
		__typeof__(from->part) copy;                                                       \
		if (shm_snapshot_read(&from->part##_seq, &copy, &from->part, sizeof(copy)))        \
			shm_snapshot_write(&to->part##_seq, &to->part, &copy, sizeof(copy));       \
	} while (0)

// What the dataplane says of its records and itself, as the control plane is to see it.
static void copy_states(struct relay *r)
{
	const struct shm_view *d = &r->dataplane.view, *c = &r->control.view;

	for (uint32_t i = 0; i < d->limits.transports; i++) {
		struct shm_transport_slot *from = &d->transports[i], *to = &c->transports[i];
		COPY(state);
		COPY(stats);
	}
	for (uint32_t i = 0; i < d->limits.tracks; i++) {
		struct shm_track_slot *from = &d->tracks[i], *to = &c->tracks[i];
		COPY(state);
		COPY(stats);
	}
	for (uint32_t i = 0; i < d->limits.subscriptions; i++) {
		struct shm_subscription_slot *from = &d->subscriptions[i];
		struct shm_subscription_slot *to = &c->subscriptions[i];
		COPY(state);
		COPY(stats);
	}
	for (uint32_t i = 0; i <= SHM_WORKERS_MAX; i++) {
		struct shm_worker_slot *from = &d->workers[i], *to = &c->workers[i];
		COPY(stats);
	}
	atomic_store(&c->header->dataplane_heartbeat_us,
		     atomic_load(&d->header->dataplane_heartbeat_us));
	atomic_store(&d->header->control_heartbeat_us,
		     atomic_load(&c->header->control_heartbeat_us));
}

// What becomes of the epoch that has come.
static void decide(struct relay *r)
{
	r->held = r->hold;
	if (r->held)
		return;
	unsigned fate = choose(r, PER_MILLE);
	r->due_ms = now_us() / 1000;
	if (fate < r->refuse) {
		r->refused++;
		acknowledge(r, SHM_REFUSAL_NO_MEMORY, choose(r, r->want - 1));
	} else if (fate < r->refuse + r->delay) {
		r->delayed++;
		r->due_ms += 1 + choose(r, r->delay_ms);
	}
}

static void take_command(struct relay *r)
{
	struct shm_command *c = &r->commands[r->count];

	if (r->sent || (r->count > 0 && r->count == r->want) ||
	    !shm_ring_pop(r->control.view.commands, SHM_COMMAND_SLOTS, c))
		return;
	if (r->count == 0)
		r->want = c->op_count + 1;
	if (++r->count == r->want)
		decide(r);
}

static void take_ack(struct relay *r)
{
	struct shm_ack *ack = &r->dataplane.view.acks[r->number % SHM_ACK_SLOTS];

	if (!r->sent || atomic_load(&ack->epoch) != r->number)
		return;
	uint32_t refusal = atomic_load(&ack->refusal), op = atomic_load(&ack->op);
	if (refusal == SHM_REFUSAL_NONE)
		wipe_removed(r);
	copy_states(r);
	acknowledge(r, refusal, op);
}

static void take_events(struct relay *r)
{
	struct shm_event event;

	while (shm_ring_pop(r->dataplane.view.events, SHM_EVENT_SLOTS, &event))
		if (event.kind != SHM_EVENT_EPOCH_ACKED)
			tell_control(r, &event);
}

static void say_records(const struct relay *r)
{
	const struct shm_view *v = &r->dataplane.view;
	unsigned transports = 0, tracks = 0, subscriptions = 0;

	for (uint32_t i = 0; i < v->limits.transports; i++)
		transports += v->transports[i].state.phase != SHM_PHASE_FREE;
	for (uint32_t i = 0; i < v->limits.tracks; i++)
		tracks += v->tracks[i].state.generation != 0;
	for (uint32_t i = 0; i < v->limits.subscriptions; i++)
		subscriptions += v->subscriptions[i].state.generation != 0;
	printf("{\"transports\": %u, \"tracks\": %u, \"subscriptions\": %u, \"passed\": %u, "
	       "\"delayed\": %u, \"refused\": %u, \"held\": %s}\n",
	       transports, tracks, subscriptions, r->passed, r->delayed, r->refused,
	       r->held ? "true" : "false");
	fflush(stdout);
}

// The control plane has gone, or is to believe that the dataplane has. What it had not been told of
// yet never happened.
static void lose_control(struct relay *r)
{
	struct shm_command c;

	close(r->control.socket);
	r->control.socket = -1;
	while (shm_ring_pop(r->control.view.commands, SHM_COMMAND_SLOTS, &c))
		;
	r->held = false;
	if (!r->sent)
		r->count = r->want = 0;
}

// The dataplane's answer to the epoch it was sent last; its refusal, if any.
static uint32_t await_ack(const struct relay *r)
{
	struct shm_ack *ack = &r->dataplane.view.acks[r->number % SHM_ACK_SLOTS];

	while (atomic_load(&ack->epoch) != r->number)
		usleep(1000);
	return atomic_load(&ack->refusal);
}

static uint32_t add_removal(struct shm_command *out, uint32_t count, enum shm_record_type type,
			    uint32_t index, uint32_t generation)
{
	if (generation == 0 || count > SHM_EPOCH_OPS_MAX)
		return count;
	out[count] = (struct shm_command){.kind = SHM_COMMAND_OP,
					  .record_type = type,
					  .action = SHM_ACTION_REMOVE,
					  .ref = {index, generation}};
	return count + 1;
}

// What runs, what refers to others first. Returns how many commands; [0] is left for the beginning.
static uint32_t list_removals(const struct relay *r, struct shm_command *out)
{
	const struct shm_view *v = &r->dataplane.view;
	uint32_t count = 1;

	for (uint32_t i = 0; i < v->limits.subscriptions; i++)
		count = add_removal(out, count, SHM_RECORD_SUBSCRIPTION, i,
				    v->subscriptions[i].state.generation);
	for (uint32_t i = 0; i < v->limits.tracks; i++)
		count = add_removal(out, count, SHM_RECORD_TRACK, i, v->tracks[i].state.generation);
	for (uint32_t i = 0; i < v->limits.transports; i++)
		if (v->transports[i].state.phase != SHM_PHASE_FREE)
			count = add_removal(out, count, SHM_RECORD_TRANSPORT, i,
					    v->transports[i].state.generation);
	return count;
}

// Removes all that runs, again until nothing is left. An epoch under way is waited for.
static void empty_dataplane(struct relay *r)
{
	struct shm_command out[SHM_EPOCH_OPS_MAX + 1];
	uint32_t count;

	if (r->sent)
		await_ack(r);
	while ((count = list_removals(r, out)) > 1) {
		out[0] = (struct shm_command){.kind = SHM_COMMAND_BEGIN, .op_count = count - 1};
		r->number++;
		for (uint32_t i = 0; i < count; i++)
			out[i].epoch = r->number;
		atomic_store(&r->dataplane.view.header->control_epoch, r->number);
		if (!shm_ring_push(r->dataplane.view.commands, SHM_COMMAND_SLOTS, out, count))
			die("the dataplane's command ring is full");
		wake(r->dataplane.command_fd);
		await_ack(r); // refused for a moment: the next turn asks again
	}
	r->sent = false;
	r->count = r->want = 0;
}

static void obey(struct relay *r, const char *line)
{
	if (sscanf(line, "plan %u %u %u", &r->delay, &r->refuse, &r->delay_ms) == 3) {
		r->hold = r->gone = false;
		if (r->held)
			decide(r);
	} else if (strncmp(line, "hold", 4) == 0) {
		r->hold = true;
	} else if (strncmp(line, "gone", 4) == 0) {
		r->gone = true;
		if (r->control.socket >= 0)
			lose_control(r);
		empty_dataplane(r);
	} else {
		return;
	}
	printf("{}\n");
}

// False at the end of file.
static bool take_order(struct relay *r)
{
	char line[128];

	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	if (strncmp(line, "records", 7) == 0)
		say_records(r);
	else
		obey(r, line);
	fflush(stdout);
	return true;
}

static void drain_fd(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		die("eventfd");
}

// Turns until standard input ends or the dataplane goes.
static void run(struct relay *r)
{
	uint64_t copied_ms = 0;

	for (;;) {
		struct pollfd fds[] = {
			{.fd = STDIN_FILENO, .events = POLLIN},
			{.fd = r->dataplane.socket, .events = POLLIN},
			{.fd = r->control.socket >= 0 ? r->control.socket
			       : r->gone	      ? -1
						      : r->listener,
			 .events = POLLIN},
			{.fd = r->control.command_fd, .events = POLLIN},
			{.fd = r->dataplane.event_fd, .events = POLLIN},
		};
		poll(fds, sizeof(fds) / sizeof(fds[0]), TICK_MS);
		if ((fds[0].revents != 0 && !take_order(r)) || fds[1].revents != 0)
			return;
		if (fds[2].revents != 0 && r->control.socket < 0 && !r->gone) {
			copy_states(r);
			welcome_control(r);
		} else if (fds[2].revents != 0 && r->control.socket >= 0) {
			lose_control(r);
		}
		if (fds[3].revents != 0)
			drain_fd(r->control.command_fd);
		if (fds[4].revents != 0)
			drain_fd(r->dataplane.event_fd);
		while (!r->sent && (r->count == 0 || r->count < r->want) &&
		       !shm_ring_is_empty(r->control.view.commands, SHM_COMMAND_SLOTS))
			take_command(r);
		if (r->count > 0 && r->count == r->want && !r->sent && !r->held &&
		    now_us() / 1000 >= r->due_ms)
			pass(r);
		take_ack(r);
		take_events(r);
		if (now_us() / 1000 >= copied_ms + 50) {
			copied_ms = now_us() / 1000;
			copy_states(r);
		}
	}
}

int main(int argc, char **argv)
{
	static struct relay r = {.control.socket = -1};

	if (argc != 4) {
		fprintf(stderr, "usage: epoch_relay LISTEN DATAPLANE SEED\n");
		return 2;
	}
	r.dataplane_path = argv[2];
	r.random = strtoull(argv[3], NULL, 10) * 2 + 1;
	r.delay_ms = 1;
	setvbuf(stdin, NULL, _IONBF, 0); // poll() sees what is not read yet
	attach_dataplane(&r);
	make_segment(&r);
	r.listener = open_socket(argv[1], true);
	printf("ready\n");
	fflush(stdout);
	run(&r);
	return EXIT_SUCCESS;
}
