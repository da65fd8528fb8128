// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/handshake.c - ICE and DTLS of a transport as session/ sees them, see
// handshake.h.
//
// Place    session/ -> [handshake] -> transport_io on a pool thread.
// Thread   the API's. Calls become posts to the pool thread, events posts back.
// Owns     a reference held by the caller's handle and one by every post on its way; the last one
//          frees. What the pool thread owns (transport_io) is gone before that: close was posted.
#include "controlplane/dtls/handshake.h"

#include "controlplane/dtls/transport_io.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct handshake {
	gatomicrefcount references;
	struct handshake_pool *pool;
	GMainContext *context; // the pool thread's
	GMainContext *api;
	// API thread only
	bool closed, has_remote;
	unsigned candidates; // usable ones of this generation
	handshake_event_fn *on_event;
	void *user;
	struct sockaddr_storage addresses[ICE_ADDRESSES_MAX];
	struct ice_candidate_filter filter;
	// pool thread only
	struct transport_io *io;
};

static struct handshake *hold(struct handshake *h)
{
	g_atomic_ref_count_inc(&h->references);
	return h;
}

static void release(struct handshake *h)
{
	if (!g_atomic_ref_count_dec(&h->references))
		return;
	assert(h->io == NULL);
	g_main_context_unref(h->context);
	g_main_context_unref(h->api);
	g_free(h);
}

struct event_post {
	struct handshake *h;
	struct handshake_event event;
};

static gboolean deliver(gpointer data)
{
	struct event_post *post = data;

	if (!post->h->closed)
		post->h->on_event(post->h->user, &post->event);
	return G_SOURCE_REMOVE;
}

static void event_post_free(gpointer data)
{
	struct event_post *post = data;

	dtls_srtp_keys_wipe(&post->event.keys);
	release(post->h);
	g_free(post);
}

// On the pool thread.
static void on_io_event(void *user, const struct handshake_event *event)
{
	struct handshake *h = user;
	struct event_post *post = g_new0(struct event_post, 1);

	post->h = hold(h);
	post->event = *event;
	handshake_pool_post(h->api, deliver, post, event_post_free);
}

struct command {
	struct handshake *h;
	void (*run)(struct handshake *h, const struct command *c);
	struct ice_agent_params params;
	struct ice_credentials credentials;
	struct dtls_fingerprint fingerprint;
	enum dtls_role role;
	char *line;
};

static gboolean command_run(gpointer data)
{
	struct command *c = data;

	c->run(c->h, c);
	return G_SOURCE_REMOVE;
}

static void command_free(gpointer data)
{
	struct command *c = data;

	ice_credentials_wipe(&c->params.local);
	ice_credentials_wipe(&c->credentials);
	g_free(c->line);
	release(c->h);
	g_free(c);
}

static struct command *command_new(struct handshake *h,
				   void (*run)(struct handshake *h, const struct command *c))
{
	struct command *c = g_new0(struct command, 1);

	c->h = hold(h);
	c->run = run;
	return c;
}

static void command_post(struct command *c)
{
	handshake_pool_post(c->h->context, command_run, c, command_free);
}

static void run_open(struct handshake *h, const struct command *c)
{
	h->io = transport_io_new(h->pool, h->context, on_io_event, h);
	transport_io_open(h->io, &c->params);
}

static void listening(struct handshake *h)
{
	const struct handshake_event event = {.type = HANDSHAKE_LISTENING};

	on_io_event(h, &event);
}

static void run_set_remote(struct handshake *h, const struct command *c)
{
	transport_io_set_remote(h->io, &c->credentials, &c->fingerprint, c->role);
	listening(h);
}

static void run_set_remote_credentials(struct handshake *h, const struct command *c)
{
	transport_io_set_remote_credentials(h->io, &c->credentials);
	listening(h);
}

static void run_add_candidate(struct handshake *h, const struct command *c)
{
	transport_io_add_candidate(h->io, c->line);
}

static void run_restart(struct handshake *h, const struct command *c)
{
	transport_io_restart(h->io, &c->credentials);
}

static void run_close(struct handshake *h, const struct command *c)
{
	(void)c;
	transport_io_close(&h->io);
}

int handshake_new(struct handshake_pool *pool, const struct ice_agent_params *params,
		  handshake_event_fn *on_event, void *user, struct handshake **out)
{
	struct handshake *h;
	struct command *c;

	*out = NULL;
	if (params->address_count == 0 || params->address_count > ICE_ADDRESSES_MAX ||
	    params->port == 0 || strlen(params->local.ufrag) < ICE_LOCAL_UFRAG_LEN_MIN ||
	    strlen(params->local.pwd) < ICE_PWD_LEN_MIN)
		return -EINVAL;
	h = g_new0(struct handshake, 1);
	g_atomic_ref_count_init(&h->references);
	h->pool = pool;
	h->context = g_main_context_ref(pool->threads[pool->next++ % pool->thread_count].context);
	h->api = g_main_context_ref(pool->api);
	h->on_event = on_event;
	h->user = user;
	memcpy(h->addresses, params->addresses, sizeof(h->addresses));
	h->filter = (struct ice_candidate_filter){
		.own = h->addresses,
		.own_count = params->address_count,
		.loopback_allowed = params->loopback_allowed,
	};
	pool->alive++;
	handshake_pool_count(&pool->started, 1);
	c = command_new(h, run_open);
	c->params = *params;
	command_post(c);
	*out = h;
	return 0;
}

int handshake_set_remote(struct handshake *h, const struct ice_credentials *remote,
			 const struct dtls_fingerprint *fingerprint, enum dtls_role our_role)
{
	struct command *c;

	if (h->has_remote)
		return -EALREADY;
	h->has_remote = true;
	c = command_new(h, run_set_remote);
	c->credentials = *remote;
	c->fingerprint = *fingerprint;
	c->role = our_role;
	command_post(c);
	return 0;
}

enum ice_candidate_verdict handshake_add_candidate(struct handshake *h, const char *line)
{
	struct ice_candidate parsed;
	enum ice_candidate_verdict verdict = ice_candidate_parse(line, &h->filter, &parsed);
	struct command *c;

	if (verdict == ICE_CANDIDATE_OK && h->candidates == ICE_REMOTE_CANDIDATES_MAX)
		verdict = ICE_CANDIDATE_TOO_MANY;
	handshake_pool_count(&h->pool->candidates[verdict], 1);
	if (verdict != ICE_CANDIDATE_OK)
		return verdict;
	h->candidates++;
	c = command_new(h, run_add_candidate);
	c->line = g_strdup(line);
	command_post(c);
	return verdict;
}

void handshake_restart(struct handshake *h, const struct ice_credentials *local)
{
	struct command *c = command_new(h, run_restart);

	h->candidates = 0;
	c->credentials = *local;
	command_post(c);
}

void handshake_set_remote_credentials(struct handshake *h, const struct ice_credentials *remote)
{
	struct command *c = command_new(h, run_set_remote_credentials);

	assert(h->has_remote);
	c->credentials = *remote;
	command_post(c);
}

void handshake_close(struct handshake **out)
{
	struct handshake *h = *out;

	*out = NULL;
	if (h == NULL)
		return;
	h->closed = true;
	h->pool->alive--;
	command_post(command_new(h, run_close));
	release(h);
}
