// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/pool.c - the threads handshakes run on, see handshake.h.
//
// Place    under handshake.c.
// Thread   the API's; each pool thread only runs its GMainContext.
// Owns     threads, contexts, the DTLS context.
#include "controlplane/dtls/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

enum { TIMEOUT_DEFAULT_MS = 30 * 1000 };

void handshake_pool_post(GMainContext *context, GSourceFunc run, gpointer data,
			 GDestroyNotify destroy)
{
	GSource *source = g_idle_source_new();

	// One priority for all: GLib then dispatches in the order attached.
	g_source_set_priority(source, G_PRIORITY_DEFAULT);
	g_source_set_callback(source, run, data, destroy);
	g_source_attach(source, context);
	g_source_unref(source);
}

static gpointer thread_main(gpointer data)
{
	struct handshake_thread *t = data;

	g_main_context_push_thread_default(t->context);
	g_main_loop_run(t->loop);
	g_main_context_pop_thread_default(t->context);
	return NULL;
}

static gboolean quit(gpointer loop)
{
	g_main_loop_quit(loop);
	return G_SOURCE_REMOVE;
}

static bool start_thread(struct handshake_pool *pool)
{
	struct handshake_thread *t = &pool->threads[pool->thread_count];
	char name[16];

	t->context = g_main_context_new();
	t->loop = g_main_loop_new(t->context, FALSE);
	snprintf(name, sizeof(name), "handshake-%u", pool->thread_count);
	t->thread = g_thread_try_new(name, thread_main, t, NULL);
	if (t->thread == NULL) {
		g_main_loop_unref(t->loop);
		g_main_context_unref(t->context);
		return false;
	}
	pool->thread_count++;
	return true;
}

int handshake_pool_create(const struct handshake_pool_params *params, GMainContext *api_context,
			  char reason[DTLS_REASON_SIZE], struct handshake_pool **out)
{
	struct handshake_pool *pool;
	int err;

	*out = NULL;
	if (params->threads < 1 || params->threads > POOL_THREADS_MAX) {
		snprintf(reason, DTLS_REASON_SIZE, "%u handshake threads: give 1 to %d",
			 params->threads, POOL_THREADS_MAX);
		return -EINVAL;
	}
	pool = g_new0(struct handshake_pool, 1);
	pool->timeout_ms = params->handshake_timeout_ms != 0 ? params->handshake_timeout_ms
							     : TIMEOUT_DEFAULT_MS;
	pool->api =
		g_main_context_ref(api_context != NULL ? api_context : g_main_context_default());
	err = dtls_context_create(params->certificate, params->suites, reason, &pool->dtls);
	while (err == 0 && pool->thread_count < params->threads) {
		if (!start_thread(pool)) {
			snprintf(reason, DTLS_REASON_SIZE, "cannot start a handshake thread");
			err = -EAGAIN;
		}
	}
	if (err != 0) {
		handshake_pool_destroy(&pool);
		return err;
	}
	*out = pool;
	return 0;
}

void handshake_pool_destroy(struct handshake_pool **out)
{
	struct handshake_pool *pool = *out;

	*out = NULL;
	if (pool == NULL)
		return;
	assert(pool->alive == 0);
	// Behind everything posted so far, closes included.
	for (unsigned i = 0; i < pool->thread_count; i++)
		handshake_pool_post(pool->threads[i].context, quit, pool->threads[i].loop, NULL);
	for (unsigned i = 0; i < pool->thread_count; i++) {
		g_thread_join(pool->threads[i].thread);
		g_main_loop_unref(pool->threads[i].loop);
		g_main_context_unref(pool->threads[i].context);
	}
	dtls_context_destroy(&pool->dtls);
	g_main_context_unref(pool->api);
	g_free(pool);
}

void handshake_pool_counters(struct handshake_pool *pool, struct handshake_counters *out)
{
	for (unsigned i = 0; i < ICE_CANDIDATE_VERDICT_COUNT; i++)
		out->candidates[i] = atomic_load(&pool->candidates[i]);
	for (unsigned i = 0; i < DTLS_DROP_COUNT; i++)
		out->dtls_drops[i] = atomic_load(&pool->dtls_drops[i]);
	out->started = atomic_load(&pool->started);
	out->connected = atomic_load(&pool->connected);
	out->closed_by_peer = atomic_load(&pool->closed_by_peer);
	out->failed = atomic_load(&pool->failed);
}
