// SPDX-License-Identifier: Apache-2.0
// controlplane/session/node.c - making the node, and events of the dataplane.

#include "controlplane/session/node.h"

#include "controlplane/auth/auth.h"
#include "controlplane/ops/log.h"
#include "controlplane/session/dominant_speaker.h"
#include "controlplane/session/journal.h"
#include "controlplane/session/node_cores.h"
#include "controlplane/session/orphans.h"
#include "controlplane/session/quotas.h"
#include "controlplane/session/repeats.h"
#include "controlplane/session/room.h"
#include "controlplane/session/services.h"
#include "controlplane/session/transport/neighbours.h"
#include "controlplane/session/transport/transport.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <malloc.h>
#include <string.h>

enum { HANDSHAKE_THREADS = 2, REAP_S = 5 };

bool node_addr_from(const struct sockaddr_storage *from, uint16_t port, struct rtc_addr *out)
{
	memset(out, 0, sizeof(*out));
	out->port = port;
	if (from->ss_family == AF_INET) {
		out->family = RTC_ADDR_V4;
		memcpy(out->ip, &((const struct sockaddr_in *)from)->sin_addr, 4);
		return true;
	}
	if (from->ss_family == AF_INET6) {
		out->family = RTC_ADDR_V6;
		memcpy(out->ip, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
		return true;
	}
	return false;
}

char *node_addr_text(const struct rtc_addr *addr)
{
	char ip[INET6_ADDRSTRLEN] = "";

	if (addr->family == RTC_ADDR_NONE)
		return g_strdup("");
	inet_ntop(addr->family == RTC_ADDR_V6 ? AF_INET6 : AF_INET, addr->ip, ip, sizeof(ip));
	return g_strdup_printf(addr->family == RTC_ADDR_V6 ? "[%s]:%u" : "%s:%u", ip, addr->port);
}

static void everybody_leaves(struct node *n, const char *reason)
{
	GList *rooms = g_hash_table_get_values(n->rooms);

	for (GList *i = rooms; i != NULL; i = i->next) {
		struct room *r = i->data;
		GList *all = g_hash_table_get_values(r->participants);
		for (GList *j = all; j != NULL; j = j->next)
			participant_leave(j->data, reason);
		g_list_free(all);
	}
	g_list_free(rooms);
}

static void on_attached(void *user)
{
	struct node *n = user;

	repeats_attach(n->repeats, link_client_view(n->link)->repeats);
	auth_attach(n->auth, link_client_view(n->link)->revoked);
	orphans_find(n->orphans);
}

static void on_detached(void *user)
{
	struct node *n = user;

	repeats_attach(n->repeats, NULL);
	auth_attach(n->auth, NULL);
	orphans_clear(n->orphans);
	everybody_leaves(n, "dataplane gone");
	transports_detached(n);
}

static void transport_expired(struct node *n, struct shm_ref ref)
{
	n->counts.consents_expired++;
	struct media_transport *t = g_hash_table_lookup(n->transports, GUINT_TO_POINTER(ref.index));

	if (t != NULL && t->ref.generation == ref.generation)
		participant_leave(t->user, "consent expired");
	else
		orphans_expired(n->orphans, ref);
}

static void on_event(void *user, const struct shm_event *event)
{
	struct node *n = user;

	switch ((enum shm_event_kind)event->kind) {
	case SHM_EVENT_CONSENT_EXPIRED:
		transport_expired(n, event->ref);
		break;
	case SHM_EVENT_KERNEL_PORT_LOST:
		log_warning("session",
			    "the kernel port is gone: signalling of media stops until it "
			    "is back; media goes on");
		break;
	case SHM_EVENT_KERNEL_PORT_BACK:
		log_info("session", "the kernel port is back");
		break;
	case SHM_EVENT_INACTIVE:
	case SHM_EVENT_ACTIVE:
		transport_heard(n, event->ref, event->kind == SHM_EVENT_ACTIVE);
		break;
	case SHM_EVENT_LAYERS_WANTED:
		layers_wanted(n, event->ref, event->value);
		break;
	case SHM_EVENT_DOMINANT_SPEAKER:
		dominant_speaker_event(n, event);
		break;
	case SHM_EVENT_EPOCH_ACKED:
	case SHM_EVENT_TRANSPORT_CHECKED:
	case SHM_EVENT_PATH_CHANGED:
	case SHM_EVENT_ENCODING_BOUND:
		break; // in the state records when somebody asks
	}
}

static void on_events_lost(void *user)
{
	struct node *n = user;
	GList *slots = g_hash_table_get_keys(n->transports);

	for (GList *i = slots; i != NULL; i = i->next) {
		uint32_t index = GPOINTER_TO_UINT(i->data);
		struct shm_transport_state state;
		if (link_transport_state(n->link, index, &state) &&
		    state.phase == SHM_PHASE_EXPIRED)
			transport_expired(n, (struct shm_ref){index, state.generation});
	}
	g_list_free(slots);
	orphans_check(n->orphans);
	layers_read(n);
	dominant_speakers_read(n);
}

static const struct link_client_callbacks link_callbacks = {
	.attached = on_attached,
	.detached = on_detached,
	.event = on_event,
	.events_lost = on_events_lost,
};

static bool parse_address(const char *text, struct sockaddr_storage *out)
{
	GSocketAddress *a = g_inet_socket_address_new_from_string(text, 0);
	bool ok = a != NULL && g_socket_address_to_native(a, out, sizeof(*out), NULL);

	g_clear_object(&a);
	return ok;
}

// The candidates of our SDP: one per address, with the public port; behind a 1:1 NAT the announced
// address stands in for the local one of its family.
static bool make_candidates(struct node *n, GError **error)
{
	const struct settings *s = n->settings;
	struct sockaddr_storage announced = {0};
	char line[ICE_CANDIDATE_LINE_MAX];

	if (s->announce_address != NULL)
		parse_address(s->announce_address, &announced);
	for (size_t i = 0; s->media_address[i] != NULL; i++) {
		if (i == ICE_ADDRESSES_MAX ||
		    !parse_address(s->media_address[i], &n->addresses[i])) {
			g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
				    "media_address: \"%s\" is one too many: at most %d addresses",
				    s->media_address[i], ICE_ADDRESSES_MAX);
			return false;
		}
		const struct sockaddr_storage *say =
			announced.ss_family == n->addresses[i].ss_family ? &announced
									 : &n->addresses[i];
		ice_candidate_format_host(say, (uint16_t)s->media_port, (unsigned)i, line,
					  sizeof(line));
		n->candidates[i] = g_strdup(line);
		n->address_count = i + 1;
	}
	if (n->address_count == 0) {
		g_set_error(
			error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
			"media_address: \"\" is not right: give the addresses of the kernel port, "
			"such as 192.0.2.1");
		return false;
	}
	return true;
}

static bool make_handshakes(struct node *n, GError **error)
{
	char reason[DTLS_REASON_SIZE];
	struct handshake_pool_params params = {.threads = HANDSHAKE_THREADS};

	if (dtls_certificate_generate(reason, &n->certificate) != 0) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "DTLS certificate: %s", reason);
		return false;
	}
	dtls_certificate_fingerprint(n->certificate, DTLS_SHA256, &n->fingerprint);
	params.certificate = n->certificate;
	if (handshake_pool_create(&params, NULL, reason, &n->pool) != 0) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "handshakes: %s", reason);
		return false;
	}
	return true;
}

// Once nobody is served any more, what the allocator keeps of freed memory goes back.
static void rest(struct node *n)
{
	if (g_hash_table_size(n->rooms) != 0 || repeats_count(n->repeats) != 0 ||
	    n->rooms_rested == n->rooms_made)
		return;
	malloc_trim(0);
	n->rooms_rested = n->rooms_made;
}

// Participants without signalling and without media: their client never came so far, or is gone.
static gboolean reap(gpointer data)
{
	struct node *n = data;
	GList *rooms = g_hash_table_get_values(n->rooms);

	repeats_expire(n->repeats);
	quotas_measure(n->quotas);
	for (GList *i = rooms; i != NULL; i = i->next) {
		GList *all = g_hash_table_get_values(((struct room *)i->data)->participants);
		for (GList *j = all; j != NULL; j = j->next)
			if (participant_abandoned(j->data))
				participant_leave(j->data, "abandoned");
		g_list_free(all);
	}
	g_list_free(rooms);
	rest(n);
	return G_SOURCE_CONTINUE;
}

// A node that never started.
static void node_discard(struct node *n)
{
	g_hash_table_unref(n->rooms);
	g_hash_table_unref(n->room_numbers);
	g_hash_table_unref(n->transports);
	g_ptr_array_unref(n->watches);
	journal_free(&n->journal);
	ports_free(&n->ports);
	orphans_free(&n->orphans);
	transports_free(&n->api);
	neighbours_free(&n->neighbours);
	node_load_free(&n->load);
	repeats_free(&n->repeats);
	quotas_free(&n->quotas);
	if (n->pool != NULL)
		handshake_pool_destroy(&n->pool);
	if (n->certificate != NULL)
		dtls_certificate_destroy(&n->certificate);
	for (size_t i = 0; i < n->address_count; i++)
		g_free(n->candidates[i]);
	g_free(n);
}

struct node *node_new(const struct settings *settings, GError **error)
{
	struct node *n = g_new0(struct node, 1);

	n->settings = settings;
	n->rooms = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, room_free);
	n->room_numbers = g_hash_table_new(NULL, NULL);
	n->room_number_base = g_random_int();
	n->transports = g_hash_table_new(NULL, NULL);
	n->watches = g_ptr_array_new();
	n->journal = journal_new();
	n->ports = ports_new(settings->internal_port_first, settings->internal_port_last);
	n->orphans = orphans_new(n);
	n->api = transports_new();
	n->neighbours = neighbours_new();
	n->load = node_load_new(n);
	n->repeats = repeats_new(settings->request_id_ttl_s);
	n->quotas = quotas_new(n);
	if (!make_candidates(n, error) || !make_handshakes(n, error)) {
		node_discard(n);
		return NULL;
	}
	n->reap_source = g_timeout_add_seconds(REAP_S, reap, n);
	n->link = link_client_new(settings->dataplane_socket, &link_callbacks, n);
	return n;
}

// Media outlives us: nothing is removed from the dataplane, and no handshake says goodbye to its
// client. What that leaves behind (rooms, agents, their threads) goes with the process.
void node_leave(struct node *n)
{
	g_source_remove(n->reap_source);
	drain_end(n);
	node_load_free(&n->load);
	watch_close_all(n);
	repeats_attach(n->repeats, NULL); // calls that end after this are not kept
	auth_attach(n->auth, NULL);
	link_metrics_free(&n->link_metrics);
	link_client_free(&n->link);
}

static const char *tenant_of(void *user, const char *room_id)
{
	const struct room *room = room_find(user, room_id);

	return room != NULL ? room->tenant : NULL;
}

void node_register(struct node *node, struct rpc_server *server, struct auth *auth)
{
	const struct rpc_gate gate = {.head = auth_head, .request = auth_gate, .data = auth};

	node->auth = auth;
	auth_set_tenants(auth, tenant_of, node);
	auth_set_next(auth, repeats_gate, node->repeats);
	rpc_server_set_gate(server, &gate);
	room_service_register(node, server);
	track_service_register(node, server);
	signalling_service_register(node, server);
	node_service_register(node, server);
	statistics_service_register(node, server);
	transport_service_register(node, server);
}

void node_add_metrics(struct node *n, struct metrics *metrics)
{
	n->link_metrics = link_metrics_new(n->link);
	metrics_add_collector(metrics, link_metrics_collect, n->link_metrics);
	metrics_add_collector(metrics, node_metrics_collect, n);
}
