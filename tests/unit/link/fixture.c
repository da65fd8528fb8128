// SPDX-License-Identifier: Apache-2.0
// tests/unit/link/fixture.c - see fixture.h.
#include "tests/unit/link/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void on_attached(void *user)
{
	((struct fixture *)user)->attached++;
}

static void on_detached(void *user)
{
	struct fixture *f = user;

	f->detached++;
	g_string_append_c(f->told, 'd');
}

static void on_event(void *user, const struct shm_event *event)
{
	struct fixture *f = user;

	f->events++;
	f->last_event = *event;
}

static void on_events_lost(void *user)
{
	((struct fixture *)user)->events_lost++;
}

static const struct link_client_callbacks callbacks = {
	.attached = on_attached,
	.detached = on_detached,
	.event = on_event,
	.events_lost = on_events_lost,
};

static bool is_attached(void *user)
{
	const struct fixture *f = user;

	return link_client_view(f->client) != NULL;
}

void fixture_attach(struct fixture *f)
{
	f->client = link_client_new(f->fake->path, &callbacks, f);
	assert_true(fake_dataplane_spin(is_attached, f));
}

int fixture_set_up(void **state)
{
	static const struct shm_limits_config limits = {
		.transports = FIXTURE_TRANSPORTS,
		.tracks = FIXTURE_TRACKS,
		.subscriptions = FIXTURE_SUBSCRIPTIONS,
		.workers = 1,
	};
	struct fixture *f = g_new0(struct fixture, 1);

	f->fake = fake_dataplane_new(&limits);
	f->told = g_string_new(NULL);
	fixture_attach(f);
	*state = f;
	return 0;
}

int fixture_tear_down(void **state)
{
	struct fixture *f = *state;

	link_client_free(&f->client);
	fake_dataplane_free(f->fake);
	g_string_free(f->told, TRUE);
	g_free(f);
	return 0;
}

void fixture_done(void *user, const struct link_result *result)
{
	static const char letter[] = {
		[LINK_APPLIED] = 'a', [LINK_REFUSED] = 'r', [LINK_GONE] = 'g'};
	struct fixture *f = user;

	f->last = *result;
	g_string_append_c(f->told, letter[result->kind]);
}

struct wanted {
	const struct fixture *f;
	size_t answers;
};

static bool enough(void *user)
{
	const struct wanted *w = user;

	return w->f->told->len >= w->answers;
}

void fixture_await(struct fixture *f, size_t answers)
{
	struct wanted w = {.f = f, .answers = answers};

	assert_true(fake_dataplane_spin(enough, &w));
}

void fixture_apply(struct fixture *f, struct shm_ref ref)
{
	struct link_epoch *e = link_epoch_new(f->client);
	struct shm_transport_config config = {.internal_port = 40001, .send_master = "secret"};

	link_epoch_transport(e, ref, &config);
	link_epoch_submit(e, fixture_done, f);
}

void fixture_remove(struct fixture *f, struct shm_ref ref)
{
	struct link_epoch *e = link_epoch_new(f->client);

	link_epoch_remove(e, SHM_RECORD_TRANSPORT, ref);
	link_epoch_submit(e, fixture_done, f);
}
