// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/transport_io.c - ICE agent and DTLS session of one transport, glued together.
//
// Place    handshake.c -> [transport_io] -> ice/agent + dtls/session.
// Thread   the pool thread of its context.
// Owns     agent, session, timers, queued datagrams.
// Spec     RFC 8445, RFC 8842 (DTLS starts once ICE has a pair), RFC 7983 (first byte).
#include "controlplane/dtls/transport_io.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
	EARLY_DATAGRAMS_MAX = 8, // received before the peer's SDP: a ClientHello and its repetition
	UNSENT_DATAGRAMS_MAX = 16, // put out before a pair was selected: one flight
	DTLS_FIRST_BYTE_MIN = 20,
	DTLS_FIRST_BYTE_MAX = 63,
};

struct transport_io {
	struct handshake_pool *pool;
	GMainContext *context;
	transport_io_event_fn *on_event;
	void *user;
	struct ice_agent *agent;
	struct dtls_session *session; // NULL until the peer's fingerprint is known
	enum dtls_role role;
	GSource *retransmit, *deadline;
	GQueue early, unsent; // GBytes
	GQueue candidates; // lines
	unsigned generation;
	bool has_remote; // credentials of this generation
	bool has_pair, started, connected, over;
	bool announced; // the newest pair of this generation was
	struct sockaddr_storage local, remote;
	uint64_t drops_counted[DTLS_DROP_COUNT];
};

static void emit(struct transport_io *io, struct handshake_event *event)
{
	event->generation = io->generation;
	io->on_event(io->user, event);
}

static void stop_timer(GSource **timer)
{
	if (*timer == NULL)
		return;
	g_source_destroy(*timer);
	g_source_unref(*timer);
	*timer = NULL;
}

static void start_timer(struct transport_io *io, GSource **timer, guint ms, GSourceFunc run)
{
	stop_timer(timer);
	*timer = g_timeout_source_new(ms);
	g_source_set_callback(*timer, run, io, NULL);
	g_source_attach(*timer, io->context);
}

static void fail(struct transport_io *io, const char *reason)
{
	struct handshake_event event = {.type = HANDSHAKE_FAILED};

	if (io->over || io->connected)
		return;
	io->over = true;
	stop_timer(&io->retransmit);
	stop_timer(&io->deadline);
	snprintf(event.reason, sizeof(event.reason), "%s", reason);
	handshake_pool_count(&io->pool->failed, 1);
	emit(io, &event);
}

static void keep(GQueue *queue, unsigned max, const uint8_t *data, size_t size)
{
	if (g_queue_get_length(queue) < max)
		g_queue_push_tail(queue, g_bytes_new(data, size));
}

static void count_drops(struct transport_io *io)
{
	for (unsigned i = 0; i < DTLS_DROP_COUNT; i++) {
		uint64_t now = dtls_session_drops(io->session, (enum dtls_drop)i);

		if (now == io->drops_counted[i])
			continue;
		handshake_pool_count(&io->pool->dtls_drops[i], now - io->drops_counted[i]);
		io->drops_counted[i] = now;
	}
}

static gboolean on_retransmit(gpointer data);

// After everything that may have moved the session's timer.
static void settle(struct transport_io *io)
{
	int64_t us = dtls_session_timeout_us(io->session);

	count_drops(io);
	if (us < 0 || io->over)
		stop_timer(&io->retransmit);
	else
		start_timer(io, &io->retransmit, (guint)((us + 999) / 1000), on_retransmit);
}

static gboolean on_retransmit(gpointer data)
{
	struct transport_io *io = data;

	dtls_session_handle_timeout(io->session);
	settle(io);
	return G_SOURCE_REMOVE;
}

static void on_output(void *user, const uint8_t *datagram, size_t size)
{
	struct transport_io *io = user;

	if (!io->has_pair)
		keep(&io->unsent, UNSENT_DATAGRAMS_MAX, datagram, size);
	else
		ice_agent_send(io->agent, datagram, size); // lost: the flight is sent again
}

static void on_connected(void *user, const struct dtls_srtp_keys *keys)
{
	struct transport_io *io = user;
	struct handshake_event event = {.type = HANDSHAKE_DTLS_CONNECTED, .keys = *keys};

	io->connected = true;
	stop_timer(&io->deadline);
	handshake_pool_count(&io->pool->connected, 1);
	emit(io, &event);
	dtls_srtp_keys_wipe(&event.keys);
}

static void on_closed(void *user)
{
	struct transport_io *io = user;
	struct handshake_event event = {.type = HANDSHAKE_CLOSED};

	handshake_pool_count(&io->pool->closed_by_peer, 1);
	emit(io, &event);
}

static void on_failed(void *user, const char *reason)
{
	fail(user, reason);
}

static const struct dtls_session_callbacks session_callbacks = {
	.output = on_output,
	.connected = on_connected,
	.closed = on_closed,
	.failed = on_failed,
};

static void start_session(struct transport_io *io)
{
	GBytes *bytes;

	// The active side waits for a pair: its first flight's timer would run for nothing.
	if (io->session == NULL || io->started || (io->role == DTLS_ACTIVE && !io->has_pair))
		return;
	io->started = true;
	dtls_session_start(io->session);
	while ((bytes = g_queue_pop_head(&io->early)) != NULL) {
		dtls_session_feed(io->session, g_bytes_get_data(bytes, NULL),
				  g_bytes_get_size(bytes));
		g_bytes_unref(bytes);
	}
	settle(io);
}

static void on_agent_state(void *user, enum ice_agent_state state)
{
	struct transport_io *io = user;
	struct handshake_event event = {.type = HANDSHAKE_ICE_CHECKING};

	// FAILED ends nothing: a late check of the peer's revives the agent, and if none comes the
	// deadline says so. READY is told with its pair.
	if (state == ICE_AGENT_CHECKING && !io->over)
		emit(io, &event);
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	return memcmp(a, b, sizeof(*a)) == 0; // both zeroed before they were filled in
}

static void on_selected(void *user, const struct sockaddr_storage *local,
			const struct sockaddr_storage *remote)
{
	struct transport_io *io = user;
	struct handshake_event event = {.type = HANDSHAKE_ICE_READY};
	GBytes *bytes;

	if (io->over ||
	    (io->announced && same_address(local, &io->local) && same_address(remote, &io->remote)))
		return;
	io->has_pair = io->announced = true;
	io->local = event.local = *local;
	io->remote = event.remote = *remote;
	emit(io, &event);
	while ((bytes = g_queue_pop_head(&io->unsent)) != NULL) {
		ice_agent_send(io->agent, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
		g_bytes_unref(bytes);
	}
	start_session(io);
}

static void on_datagram(void *user, const uint8_t *data, size_t size)
{
	struct transport_io *io = user;

	if (size == 0 || data[0] < DTLS_FIRST_BYTE_MIN || data[0] > DTLS_FIRST_BYTE_MAX)
		return;
	if (!io->started) {
		if (size <= DTLS_DATAGRAM_SIZE_MAX)
			keep(&io->early, EARLY_DATAGRAMS_MAX, data, size);
		return;
	}
	dtls_session_feed(io->session, data, size);
	settle(io);
}

static const struct ice_agent_callbacks agent_callbacks = {
	.state = on_agent_state,
	.selected = on_selected,
	.datagram = on_datagram,
};

struct transport_io *transport_io_new(struct handshake_pool *pool, GMainContext *context,
				      transport_io_event_fn *on_event, void *user)
{
	struct transport_io *io = g_new0(struct transport_io, 1);

	io->pool = pool;
	io->context = context;
	io->on_event = on_event;
	io->user = user;
	return io;
}

void transport_io_open(struct transport_io *io, const struct ice_agent_params *params)
{
	char reason[ICE_REASON_SIZE];

	if (ice_agent_create(io->context, params, &agent_callbacks, io, reason, &io->agent) != 0)
		fail(io, reason);
}

static gboolean on_deadline(gpointer data)
{
	struct transport_io *io = data;
	char reason[ICE_REASON_SIZE], why[DTLS_REASON_SIZE];

	if (!io->has_pair) {
		snprintf(reason, sizeof(reason),
			 "no ICE path to the peer within %u ms (%" G_GUINT64_FORMAT
			 " usable candidates)",
			 io->pool->timeout_ms,
			 ice_agent_candidates_seen(io->agent, ICE_CANDIDATE_OK));
	} else {
		dtls_session_explain(io->session, why);
		snprintf(reason, sizeof(reason), "no DTLS with the peer within %u ms: %.100s",
			 io->pool->timeout_ms, why);
	}
	fail(io, reason);
	return G_SOURCE_REMOVE;
}

void transport_io_set_remote_credentials(struct transport_io *io,
					 const struct ice_credentials *remote)
{
	char *line;

	if (io->agent == NULL)
		return;
	ice_agent_set_remote_credentials(io->agent, remote);
	io->has_remote = true;
	while ((line = g_queue_pop_head(&io->candidates)) != NULL) {
		ice_agent_add_candidate(io->agent, line);
		g_free(line);
	}
}

void transport_io_set_remote(struct transport_io *io, const struct ice_credentials *remote,
			     const struct dtls_fingerprint *fingerprint, enum dtls_role role)
{
	if (io->over || io->agent == NULL)
		return;
	assert(io->session == NULL);
	io->role = role;
	if (dtls_session_create(io->pool->dtls, role, fingerprint, &session_callbacks, io,
				&io->session) != 0) {
		fail(io, "out of memory for a DTLS session");
		return;
	}
	start_timer(io, &io->deadline, io->pool->timeout_ms, on_deadline);
	transport_io_set_remote_credentials(io, remote);
	start_session(io);
}

void transport_io_add_candidate(struct transport_io *io, const char *line)
{
	if (io->agent == NULL)
		return;
	if (io->has_remote)
		ice_agent_add_candidate(io->agent, line);
	else
		g_queue_push_tail(&io->candidates, g_strdup(line));
}

void transport_io_restart(struct transport_io *io, const struct ice_credentials *local)
{
	if (io->agent == NULL)
		return;
	io->generation++;
	io->has_remote = false;
	io->announced = false;
	g_queue_clear_full(&io->candidates, g_free);
	ice_agent_restart(io->agent, local);
}

void transport_io_close(struct transport_io **out)
{
	struct transport_io *io = *out;

	*out = NULL;
	stop_timer(&io->retransmit);
	stop_timer(&io->deadline);
	if (io->session != NULL && io->started)
		dtls_session_close(io->session);
	dtls_session_destroy(&io->session);
	ice_agent_destroy(&io->agent);
	g_queue_clear_full(&io->early, (GDestroyNotify)g_bytes_unref);
	g_queue_clear_full(&io->unsent, (GDestroyNotify)g_bytes_unref);
	g_queue_clear_full(&io->candidates, g_free);
	g_free(io);
}
