// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/pool.h - the threads handshakes run on; within dtls/ only (handshake.h for
// others).
//
// Place    under handshake.c.
// Thread   made and destroyed on the API's thread; counters are atomic, the rest is immutable.
// Owns     threads, their contexts, the DTLS context all sessions share.
#pragma once

#include "controlplane/dtls/handshake.h"

#include <stdatomic.h>

enum { POOL_THREADS_MAX = 16 };

struct handshake_thread {
	GThread *thread;
	GMainContext *context;
	GMainLoop *loop;
};

struct handshake_pool {
	struct handshake_thread threads[POOL_THREADS_MAX];
	unsigned thread_count;
	unsigned next; // thread for the next handshake; API thread only
	unsigned alive; // handshakes not closed yet; API thread only
	unsigned timeout_ms;
	GMainContext *api;
	struct dtls_context *dtls;
	_Atomic uint64_t candidates[ICE_CANDIDATE_VERDICT_COUNT];
	_Atomic uint64_t dtls_drops[DTLS_DROP_COUNT];
	_Atomic uint64_t started, connected, closed_by_peer, failed;
};

// Runs 'run(data)' on 'context', never within this call, in the order of the calls.
void handshake_pool_post(GMainContext *context, GSourceFunc run, gpointer data,
			 GDestroyNotify destroy);

static inline void handshake_pool_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}
