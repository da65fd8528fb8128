// SPDX-License-Identifier: Apache-2.0
// tests/unit/link/fixture.h - a client attached to a fake dataplane, and what it was told.
#pragma once

#include "tests/unit/link/fake_dataplane.h"

enum { FIXTURE_TRANSPORTS = 4, FIXTURE_TRACKS = 4, FIXTURE_SUBSCRIPTIONS = 4096 };

struct fixture {
	struct fake_dataplane *fake;
	struct link_client *client;
	unsigned attached, detached, events, events_lost;
	struct shm_event last_event;
	GString *told; // one letter for each answer: a(pplied), r(efused), g(one); d(etached)
	struct link_result last;
};

// cmocka set-up and tear-down; the client is attached and '*state' the fixture.
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

void fixture_attach(struct fixture *f); // another client, after the first was freed
void fixture_done(void *user, const struct link_result *result); // for link_epoch_submit
// Runs the main loop until 'told' has that length.
void fixture_await(struct fixture *f, size_t answers);
// An epoch that applies or removes one transport.
void fixture_apply(struct fixture *f, struct shm_ref ref);
void fixture_remove(struct fixture *f, struct shm_ref ref);
