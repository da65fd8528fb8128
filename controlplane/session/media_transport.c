// SPDX-License-Identifier: Apache-2.0
// controlplane/session/media_transport.c - slot, credentials, handshake and keys of one transport.

#include "controlplane/session/media_transport.h"

#include "controlplane/ops/log.h"
#include "controlplane/session/names.h"
#include "controlplane/session/node.h"
#include "controlplane/session/participant.h"

#include <arpa/inet.h>
#include <string.h>

enum { GOODBYE_MS = 150 };

static void credentials_local(struct shm_credentials *to, const struct ice_credentials *from)
{
	to->local_ufrag_size = (uint16_t)strlen(from->ufrag);
	to->local_pwd_size = (uint16_t)strlen(from->pwd);
	memcpy(to->local_ufrag, from->ufrag, to->local_ufrag_size);
	memcpy(to->local_pwd, from->pwd, to->local_pwd_size);
}

static void credentials_remote(struct shm_credentials *to, const struct ice_credentials *from)
{
	to->remote_ufrag_size = (uint16_t)strlen(from->ufrag);
	to->remote_pwd_size = (uint16_t)strlen(from->pwd);
	memcpy(to->remote_ufrag, from->ufrag, to->remote_ufrag_size);
	memcpy(to->remote_pwd, from->pwd, to->remote_pwd_size);
}

// An epoch's answer, for a transport whose participant may have left meanwhile.
static void on_announced(void *user, const struct link_result *result)
{
	struct media_transport *t = user;
	struct participant *p = t->user;

	if (t->phase != MEDIA_CLOSED && t->phase != MEDIA_NONE)
		t->events->announced(t->user, result);
	participant_drop(p);
}

static void announce(struct media_transport *t)
{
	struct link_epoch *e = link_epoch_new(t->node->link);

	media_transport_apply(t, e);
	participant_hold(t->user);
	link_epoch_submit(e, on_announced, t);
}

// A step of the set-up is done; the next one begins.
static void step_done(struct media_transport *t, enum handshake_step step)
{
	int64_t now_us = g_get_monotonic_time();

	metrics_observe(&t->node->counts.handshake[step], &metrics_handshake_bounds,
			(double)(now_us - t->step_us) / G_USEC_PER_SEC);
	t->step_us = now_us;
}

static void finish_restart(struct media_transport *t)
{
	t->restarting = false;
	explicit_bzero(&t->config.credentials[1], sizeof(t->config.credentials[1]));
	struct link_epoch *e = link_epoch_new(t->node->link);
	link_epoch_transport(e, t->ref, &t->config);
	link_epoch_submit(e, NULL, NULL);
}

// Goes on with what a pair or keys allow; not while a restart may still be rolled back.
static void proceed(struct media_transport *t)
{
	if (t->restart != NULL || !t->ice_ready)
		return;
	if ((t->config.flags & SHM_TRANSPORT_ESTABLISHED) != 0) {
		if (t->restarting)
			finish_restart(t);
	} else if (t->keys_ready) {
		t->config.flags |= SHM_TRANSPORT_ESTABLISHED;
		t->events->ready(t->user);
	}
}

static void on_ice_ready(struct media_transport *t, const struct handshake_event *event)
{
	uint16_t port = (uint16_t)t->node->settings->media_port;

	if (event->generation != t->ice_generation)
		return;
	bool established = (t->config.flags & SHM_TRANSPORT_ESTABLISHED) != 0;
	if (established && !t->restarting)
		return; // from now on the dataplane chooses
	struct sockaddr_storage remote = event->remote;
	uint16_t remote_port = remote.ss_family == AF_INET6
				       ? ntohs(((struct sockaddr_in6 *)&remote)->sin6_port)
				       : ntohs(((struct sockaddr_in *)&remote)->sin_port);
	if (!node_addr_from(&event->local, port, &t->config.selected_local) ||
	    !node_addr_from(&remote, remote_port, &t->config.selected_remote))
		return;
	t->ice_ready = true;
	if (!established)
		step_done(t, HANDSHAKE_STEP_ICE);
	proceed(t);
}

static void master_copy(uint8_t out[SHM_MASTER_BYTES_MAX], const struct dtls_srtp_master *m)
{
	memset(out, 0, SHM_MASTER_BYTES_MAX);
	memcpy(out, m->key, m->key_size);
	memcpy(out + m->key_size, m->salt, m->salt_size);
}

static void on_keys(struct media_transport *t, const struct dtls_srtp_keys *keys)
{
	t->config.suite = (uint16_t)keys->suite;
	master_copy(t->config.send_master, &keys->local);
	master_copy(t->config.receive_master, &keys->remote);
	t->keys_ready = true;
	step_done(t, HANDSHAKE_STEP_DTLS);
	proceed(t);
}

static void end_waiting(struct media_transport *t)
{
	const struct link_result applied = {.kind = LINK_APPLIED};
	void (*told)(void *user, const struct link_result *result) = t->waiting;

	t->waiting = NULL;
	if (told != NULL)
		told(t->user, &applied);
}

bool media_transport_await_agent(struct media_transport *t)
{
	if (t->unheard == 0)
		return false;
	t->waiting = t->events->admitted;
	return true;
}

// Before there is a pair whatever the agent tells is about what it was given last.
static void heard(struct media_transport *t, enum handshake_event_type type)
{
	t->unheard -= type == HANDSHAKE_LISTENING;
	if (t->unheard == 0 || t->phase == MEDIA_CONNECTING)
		end_waiting(t);
}

static void on_handshake(void *user, const struct handshake_event *event)
{
	struct media_transport *t = user;
	struct participant *p = t->user;

	participant_hold(p);
	heard(t, event->type);
	switch (event->type) {
	case HANDSHAKE_LISTENING:
	case HANDSHAKE_ICE_CHECKING:
		break;
	case HANDSHAKE_ICE_READY:
		on_ice_ready(t, event);
		break;
	case HANDSHAKE_DTLS_CONNECTED:
		on_keys(t, &event->keys);
		break;
	case HANDSHAKE_CLOSED:
		t->events->ended(t->user, "closed", false);
		break;
	case HANDSHAKE_FAILED:
		log_info("session", "%s: handshake failed: %s", p->name, event->reason);
		t->node->counts.handshakes_failed[t->ice_ready ? HANDSHAKE_STEP_DTLS
							       : HANDSHAKE_STEP_ICE]++;
		t->phase = MEDIA_FAILED;
		t->events->ended(t->user, "handshake failed", true);
		break;
	}
	participant_drop(p);
}

static void fill_identity(struct shm_transport_config *c)
{
	char *cname = name_random(8);

	c->rtcp_ssrc = g_random_int() | 1;
	memcpy(c->cname, cname, MIN(strlen(cname), sizeof(c->cname)));
	g_free(cname);
}

static void fill_config(struct media_transport *t, bool controlling, uint16_t port,
			const struct ice_credentials *remote)
{
	struct shm_transport_config *c = &t->config;

	memset(c, 0, sizeof(*c));
	c->flags = (t->node->settings->ice_full ? 0u : SHM_TRANSPORT_ICE_LITE) |
		   (controlling ? SHM_TRANSPORT_ICE_CONTROLLING : 0u);
	c->internal_port = port;
	c->receive_ext = t->receive_ext;
	fill_identity(c);
	c->ice_tie_breaker = (uint64_t)g_random_int() << 32 | g_random_int();
	credentials_local(&c->credentials[0], &t->local);
	if (remote != NULL)
		credentials_remote(&c->credentials[0], remote);
}

static bool start_handshake(struct media_transport *t, bool controlling, char **reason)
{
	struct ice_agent_params params = {
		.local = t->local,
		.port = t->config.internal_port,
		.address_count = t->node->address_count,
		.controlling = controlling,
	};

	memcpy(params.addresses, t->node->addresses, sizeof(params.addresses));
	int err = handshake_new(t->node->pool, &params, on_handshake, t, &t->handshake);
	ice_credentials_wipe(&params.local);
	if (err != 0)
		*reason = g_strdup_printf("no ICE agent: %s", g_strerror(-err));
	return err == 0;
}

bool media_transport_open(struct media_transport *t, struct node *node,
			  const struct media_transport_events *events, void *user, bool controlling,
			  const struct ice_credentials *remote, char **reason)
{
	if (link_client_view(node->link) == NULL) {
		*reason = g_strdup("no dataplane is attached");
		return false;
	}
	struct shm_ref ref = link_slot_take(node->link, SHM_RECORD_TRANSPORT);
	uint16_t port = ref.generation != 0 ? ports_take(node->ports) : 0;
	if (port == 0 || ice_credentials_generate(&t->local) != 0) {
		ports_release(node->ports, port);
		link_slot_release(node->link, SHM_RECORD_TRANSPORT, ref);
		*reason = g_strdup_printf("the limit of %s is reached",
					  ref.generation == 0 ? "transports" : "internal ports");
		return false;
	}
	t->node = node;
	t->events = events;
	t->user = user;
	t->ref = ref;
	t->remote_set = t->ice_ready = t->keys_ready = t->restarting = false;
	t->unheard = 0;
	t->waiting = NULL;
	t->ice_generation = 0;
	t->sdp_id = (uint64_t)g_random_int_range(1, G_MAXINT32) << 31 | g_random_int() >> 1;
	fill_config(t, controlling, port, remote);
	if (!start_handshake(t, controlling, reason)) {
		ports_release(node->ports, port);
		link_slot_release(node->link, SHM_RECORD_TRANSPORT, ref);
		t->ref = (struct shm_ref){0};
		return false;
	}
	t->phase = MEDIA_NEW;
	g_hash_table_insert(node->transports, GUINT_TO_POINTER(ref.index), t);
	announce(t);
	return true;
}

bool media_transport_open_plain(struct media_transport *t, struct node *node, void *participant,
				const struct shm_transport_config *config, char **reason)
{
	struct shm_ref ref = {0};

	if (link_client_view(node->link) != NULL)
		ref = link_slot_take(node->link, SHM_RECORD_TRANSPORT);
	if (ref.generation == 0) {
		*reason = g_strdup(link_client_view(node->link) != NULL
					   ? "the limit of transports is reached"
					   : "no dataplane is attached");
		return false;
	}
	t->node = node;
	t->user = participant;
	t->ref = ref;
	t->config = *config;
	fill_identity(&t->config);
	t->phase = MEDIA_NEW;
	g_hash_table_insert(node->transports, GUINT_TO_POINTER(ref.index), t);
	return true;
}

static void begin_handshake(struct media_transport *t, const struct ice_credentials *remote)
{
	t->step_us = g_get_monotonic_time();
	t->phase = MEDIA_CONNECTING;
	t->unheard++;
	handshake_set_remote(t->handshake, remote, &t->remote_fingerprint, t->our_role);
}

static struct ice_credentials remote_of(const struct shm_credentials *c)
{
	struct ice_credentials out = {0};

	memcpy(out.ufrag, c->remote_ufrag, c->remote_ufrag_size);
	memcpy(out.pwd, c->remote_pwd, c->remote_pwd_size);
	return out;
}

static void forget_remote(struct shm_credentials *c)
{
	c->remote_ufrag_size = c->remote_pwd_size = 0;
	explicit_bzero(c->remote_ufrag, sizeof(c->remote_ufrag));
	explicit_bzero(c->remote_pwd, sizeof(c->remote_pwd));
}

static void on_admitted(void *user, const struct link_result *result)
{
	struct media_transport *t = user;
	struct participant *p = t->user;

	if (t->phase == MEDIA_NEW) {
		struct ice_credentials remote = remote_of(&t->config.credentials[0]);
		if (result->kind == LINK_APPLIED) {
			begin_handshake(t, &remote);
			t->waiting = t->events->admitted;
		} else {
			t->remote_set = false;
			forget_remote(&t->config.credentials[0]);
			t->events->admitted(t->user, result);
		}
		ice_credentials_wipe(&remote);
	}
	participant_drop(p);
}

bool media_transport_set_remote(struct media_transport *t, const struct ice_credentials *remote,
				const struct dtls_fingerprint *fingerprint, enum dtls_role our_role)
{
	if (t->remote_set)
		return false;
	t->remote_set = true;
	t->remote_fingerprint = *fingerprint;
	t->our_role = our_role;
	if (t->config.credentials[0].remote_ufrag_size != 0) {
		begin_handshake(t, remote);
		return false;
	}
	// Opens the gate for the peer's checks, and verifies the answers to libnice's.
	credentials_remote(&t->config.credentials[0], remote);
	struct link_epoch *e = link_epoch_new(t->node->link);
	link_epoch_transport(e, t->ref, &t->config);
	participant_hold(t->user);
	link_epoch_submit(e, on_admitted, t);
	return true;
}

// What an ICE restart puts in place once the dataplane has taken it, and what it would take back.
struct media_restart {
	struct ice_credentials local, remote;
	GPtrArray *candidates; // the remote's, which are of its new generation
	struct shm_credentials was[2];
	bool was_restarting;
};

static void restart_free(struct media_transport *t)
{
	struct media_restart *r = g_steal_pointer(&t->restart);

	if (r == NULL)
		return;
	g_ptr_array_unref(r->candidates);
	explicit_bzero(r, sizeof(*r));
	g_free(r);
}

unsigned media_transport_add_candidates(struct media_transport *t, char *const *lines, size_t count)
{
	unsigned ignored = 0;

	for (size_t i = 0; t->restart != NULL && i < count; i++)
		g_ptr_array_add(t->restart->candidates, g_strdup(lines[i]));
	for (size_t i = 0; t->restart == NULL && t->handshake != NULL && i < count; i++)
		ignored += handshake_add_candidate(t->handshake, lines[i]) != ICE_CANDIDATE_OK;
	return ignored;
}

bool media_transport_restart_offer(struct media_transport *t)
{
	return ice_credentials_generate(&t->offered) == 0;
}

bool media_transport_restart_offered(const struct media_transport *t)
{
	return t->offered.ufrag[0] != '\0';
}

bool media_transport_restart_begin(struct media_transport *t, const struct ice_credentials *remote)
{
	struct ice_credentials local = t->offered;

	if (t->restart != NULL ||
	    (!media_transport_restart_offered(t) && ice_credentials_generate(&local) != 0))
		return false;
	t->restart = g_new0(struct media_restart, 1);
	t->restart->local = local;
	t->restart->remote = *remote;
	t->restart->candidates = g_ptr_array_new_with_free_func(g_free);
	ice_credentials_wipe(&local);
	return true;
}

void media_transport_restart_stage(struct media_transport *t, struct link_epoch *e)
{
	struct media_restart *r = t->restart;
	struct shm_credentials *c = t->config.credentials;

	memcpy(r->was, c, sizeof(r->was));
	r->was_restarting = t->restarting;
	// A restart during a restart keeps the generation that is established.
	if (!t->restarting)
		c[1] = c[0];
	t->restarting = (t->config.flags & SHM_TRANSPORT_ESTABLISHED) != 0;
	if (!t->restarting)
		memset(&c[1], 0, sizeof(c[1]));
	memset(&c[0], 0, sizeof(c[0]));
	credentials_local(&c[0], &r->local);
	credentials_remote(&c[0], &r->remote);
	media_transport_apply(t, e);
}

void media_transport_restart_settle(struct media_transport *t, const struct link_result *result)
{
	struct media_restart *r = t->restart;

	if (result->kind == LINK_APPLIED) {
		t->local = r->local;
		ice_credentials_wipe(&t->offered);
		t->ice_generation++;
		t->ice_ready = false;
		handshake_restart(t->handshake, &r->local);
		t->unheard++;
		handshake_set_remote_credentials(t->handshake, &r->remote);
		for (guint i = 0; i < r->candidates->len; i++)
			handshake_add_candidate(t->handshake, r->candidates->pdata[i]);
	} else if (r->was[0].local_ufrag_size != 0) { // else it was never staged
		memcpy(t->config.credentials, r->was, sizeof(r->was));
		t->restarting = r->was_restarting;
	}
	restart_free(t);
	proceed(t);
}

static void on_restart_push(void *user, struct link_epoch *e)
{
	struct media_transport *t = user;

	if (t->restart != NULL)
		media_transport_restart_stage(t, e);
}

static void on_restarted(void *user, const struct link_result *result)
{
	struct media_transport *t = user;
	struct participant *p = t->user;

	if (t->restart != NULL) {
		media_transport_restart_settle(t, result);
		if (result->kind == LINK_APPLIED)
			t->waiting = t->events->announced;
		else
			t->events->announced(t->user, result);
	}
	participant_drop(p);
}

bool media_transport_restart(struct media_transport *t, const struct ice_credentials *remote)
{
	if (!media_transport_restart_begin(t, remote))
		return false;
	struct link_epoch *e = link_epoch_new(t->node->link);
	participant_hold(t->user);
	link_epoch_on_push(e, on_restart_push, t);
	link_epoch_submit(e, on_restarted, t);
	return true;
}

struct sdp_local media_transport_sdp_local(struct media_transport *t)
{
	struct node *n = t->node;

	return (struct sdp_local){
		.session_id = t->sdp_id,
		.session_version = ++t->sdp_version,
		.ice_lite = !n->settings->ice_full,
		.ice = media_transport_restart_offered(t) ? t->offered : t->local,
		.fingerprint = n->fingerprint,
		.candidates = (const char *const *)n->candidates,
		.candidate_count = n->address_count,
	};
}

void media_transport_apply(struct media_transport *t, struct link_epoch *e)
{
	struct shm_transport_state state;

	// Once it runs the path is the dataplane's choice: repeat it, so that it stays. Where a
	// plain one's peer is we say.
	if ((t->config.flags & SHM_TRANSPORT_PLAIN) == 0 && t->phase == MEDIA_CONNECTED &&
	    link_transport_state(t->node->link, t->ref.index, &state) &&
	    state.generation == t->ref.generation) {
		t->config.selected_remote = state.selected_remote;
		t->config.selected_local = state.selected_local;
		t->config.selected_path_generation = state.path_generation;
	}
	link_epoch_transport(e, t->ref, &t->config);
}

void media_transport_established(struct media_transport *t, const struct link_result *result)
{
	t->phase = result->kind == LINK_APPLIED ? MEDIA_CONNECTED : MEDIA_FAILED;
}

const char *media_transport_dtls_state(const struct media_transport *t)
{
	if ((t->config.flags & SHM_TRANSPORT_PLAIN) != 0)
		return "";
	if (t->phase == MEDIA_CLOSED)
		return "closed";
	if (t->keys_ready)
		return "connected";
	if (t->phase == MEDIA_FAILED)
		return "failed";
	return t->ice_ready ? "connecting" : "new";
}

struct goodbye {
	struct node *node;
	struct shm_ref ref;
	link_done_fn removed;
	void *removed_user;
};

static gboolean remove_record(gpointer data)
{
	struct goodbye *g = data;
	struct link_epoch *e = link_epoch_new(g->node->link);

	link_epoch_remove(e, SHM_RECORD_TRANSPORT, g->ref);
	link_epoch_submit(e, g->removed, g->removed_user);
	return G_SOURCE_REMOVE;
}

// Who answers checks agrees to be sent to, and asks for it (RFC 7675 5.2). The record stays for the
// goodbye alone, under credentials that nobody knows: what ends is our consent to be sent to. The
// peer's, under which BYE leaves, stands, and close_notify is how 5.2 has ours revoked.
static void revoke_consent(struct media_transport *t)
{
	bool runs = t->phase == MEDIA_CONNECTING || t->phase == MEDIA_CONNECTED;
	struct ice_credentials unknown;

	if (!runs || (t->config.flags & SHM_TRANSPORT_PLAIN) != 0 ||
	    link_client_view(t->node->link) == NULL)
		return;
	for (unsigned i = 0; i < 2; i++) {
		struct shm_credentials *c = &t->config.credentials[i];
		if (c->local_ufrag_size == 0 || ice_credentials_generate(&unknown) != 0)
			continue;
		memset(c->local_ufrag, 0, sizeof(c->local_ufrag));
		credentials_local(c, &unknown);
		ice_credentials_wipe(&unknown);
	}
	struct link_epoch *e = link_epoch_new(t->node->link);
	media_transport_apply(t, e);
	link_epoch_submit(e, NULL, NULL);
}

void media_transport_close(struct media_transport *t)
{
	if (t->phase == MEDIA_NONE || t->phase == MEDIA_CLOSED)
		return;
	revoke_consent(t);
	t->phase = MEDIA_CLOSED;
	handshake_close(&t->handshake);
	g_hash_table_remove(t->node->transports, GUINT_TO_POINTER(t->ref.index));
	ports_release(t->node->ports, t->config.internal_port);
	restart_free(t);
	if (link_client_view(t->node->link) != NULL || t->removed != NULL) {
		struct goodbye *g = g_new(struct goodbye, 1);
		*g = (struct goodbye){t->node, t->ref, t->removed, t->removed_user};
		// Nobody says goodbye on a plain transport.
		bool plain = (t->config.flags & SHM_TRANSPORT_PLAIN) != 0;
		g_timeout_add_full(G_PRIORITY_DEFAULT, plain ? 0 : GOODBYE_MS, remove_record, g,
				   g_free);
	}
	explicit_bzero(&t->config, sizeof(t->config));
	ice_credentials_wipe(&t->local);
	ice_credentials_wipe(&t->offered);
	t->ref = (struct shm_ref){0};
}
