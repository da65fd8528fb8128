// SPDX-License-Identifier: Apache-2.0
// tests/unit/link/fake_dataplane.h - the other end of controlplane/link: it makes a segment, speaks
// the handshake, and acknowledges what the test tells it to.
//
// Thread   a thread of its own answers handshakes, since the client waits for them; all else is the
//          test's own thread.
#pragma once

#include "controlplane/link/client.h"
#include "proto/shm/handshake.h"
#include "proto/shm/segment.h"

#include <glib.h>

enum fake_answer {
	FAKE_SEGMENT, // the whole truth
	FAKE_REFUSAL, // a welcome that says why not
	FAKE_SHORT, // four bytes
	FAKE_NO_DESCRIPTORS,
	FAKE_TWO_DESCRIPTORS,
	FAKE_GARBAGE, // a segment of random-looking bytes
};

#define FAKE_REASON "another control plane is attached"

struct fake_dataplane {
	char *directory;
	char *path; // of the socket
	int listener;
	int memfd;
	int event_fd;
	int command_fd;
	struct shm_view view;
	_Atomic int answer; // enum fake_answer
	_Atomic int served; // handshakes answered
	_Atomic int peer; // the attached client's socket; -1: none
	GThread *thread;
};

struct fake_dataplane *fake_dataplane_new(const struct shm_limits_config *limits);
void fake_dataplane_free(struct fake_dataplane *f);
// Closes the attached client's socket, as a dataplane that ends does.
void fake_dataplane_hang_up(struct fake_dataplane *f);

// The next command, or false.
bool fake_dataplane_pop(struct fake_dataplane *f, struct shm_command *command);
void fake_dataplane_ack(struct fake_dataplane *f, uint64_t epoch, enum shm_refusal refusal,
			uint32_t op);
// Takes one whole epoch from the ring and acknowledges it. Gives its number; 0: there is none.
uint64_t fake_dataplane_apply(struct fake_dataplane *f, uint32_t *op_count);
void fake_dataplane_event(struct fake_dataplane *f, const struct shm_event *event);
void fake_dataplane_wake(struct fake_dataplane *f);
// What runs in a slot from now on.
void fake_dataplane_run_transport(struct fake_dataplane *f, uint32_t index, uint32_t generation,
				  enum shm_transport_phase phase);

// Runs the main loop until 'done' says so; false after ten seconds.
bool fake_dataplane_spin(bool (*done)(void *user), void *user);
