// SPDX-License-Identifier: Apache-2.0
// controlplane/ice/agent.c - one ICE agent per transport on libnice, see agent.h.
//
// Place    under dtls/handshake.c.
// Thread   the one of the GMainContext given at creation.
// Owns     the NiceAgent with its sockets.
// Spec     RFC 8445. libnice's consent checks stay off: its give-up after 10 s would end calls that
//          the dataplane keeps alive.
#include "controlplane/ice/agent.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nice/agent.h>
#include <stdio.h>
#include <string.h>

enum { COMPONENT = 1 };

struct ice_agent {
	NiceAgent *nice;
	GMainContext *context;
	const struct ice_agent_callbacks *callbacks;
	void *user;
	guint stream;
	struct ice_credentials remote; // of this generation; empty until known
	struct sockaddr_storage addresses[ICE_ADDRESSES_MAX];
	size_t address_count;
	bool loopback_allowed;
	uint64_t seen[ICE_CANDIDATE_VERDICT_COUNT];
};

static void on_state(NiceAgent *nice, guint stream, guint component, guint state, gpointer user)
{
	struct ice_agent *a = user;

	(void)nice;
	(void)stream;
	(void)component;
	if (state == NICE_COMPONENT_STATE_CONNECTING)
		a->callbacks->state(a->user, ICE_AGENT_CHECKING);
	else if (state == NICE_COMPONENT_STATE_READY)
		a->callbacks->state(a->user, ICE_AGENT_READY);
	else if (state == NICE_COMPONENT_STATE_FAILED)
		a->callbacks->state(a->user, ICE_AGENT_FAILED);
}

static void to_sockaddr(const NiceAddress *from, struct sockaddr_storage *to)
{
	memset(to, 0, sizeof(*to));
	nice_address_copy_to_sockaddr(from, (struct sockaddr *)to);
}

static void on_selected(NiceAgent *nice, guint stream, guint component, NiceCandidate *local,
			NiceCandidate *remote, gpointer user)
{
	struct ice_agent *a = user;
	struct sockaddr_storage base, peer;

	(void)nice;
	(void)stream;
	(void)component;
	to_sockaddr(&local->base_addr, &base);
	to_sockaddr(&remote->addr, &peer);
	a->callbacks->selected(a->user, &base, &peer);
}

static void on_datagram(NiceAgent *nice, guint stream, guint component, guint size, gchar *data,
			gpointer user)
{
	struct ice_agent *a = user;

	(void)nice;
	(void)stream;
	(void)component;
	a->callbacks->datagram(a->user, (const uint8_t *)data, size);
}

static void describe(const struct sockaddr_storage *addr, uint16_t port, char *out, size_t size)
{
	char host[64] = "?";

	getnameinfo((const struct sockaddr *)addr, sizeof(*addr), host, sizeof(host), NULL, 0,
		    NI_NUMERICHOST);
	snprintf(out, size, "%s port %u", host, port);
}

static bool has_candidate_at(GSList *candidates, const NiceAddress *address)
{
	for (GSList *i = candidates; i != NULL; i = i->next)
		if (nice_address_equal_no_port(&((NiceCandidate *)i->data)->addr, address))
			return true;
	return false;
}

// libnice is content when one address of several could be bound; we are not.
static int check_bound(struct ice_agent *a, uint16_t port, char reason[ICE_REASON_SIZE])
{
	GSList *candidates = nice_agent_get_local_candidates(a->nice, a->stream, COMPONENT);
	char where[96];
	int err = 0;

	for (size_t i = 0; i < a->address_count && err == 0; i++) {
		NiceAddress address;

		nice_address_init(&address);
		nice_address_set_from_sockaddr(&address, (struct sockaddr *)&a->addresses[i]);
		if (has_candidate_at(candidates, &address))
			continue;
		describe(&a->addresses[i], port, where, sizeof(where));
		snprintf(reason, ICE_REASON_SIZE,
			 "ICE cannot bind UDP %s: the address has to be this host's and the port "
			 "free",
			 where);
		err = -EADDRNOTAVAIL;
	}
	g_slist_free_full(candidates, (GDestroyNotify)nice_candidate_free);
	return err;
}

static int check_params(const struct ice_agent_params *p, char reason[ICE_REASON_SIZE])
{
	const char *wrong = NULL;

	if (p->address_count == 0 || p->address_count > ICE_ADDRESSES_MAX)
		wrong = "an ICE agent needs 1 to 8 local addresses";
	else if (p->port == 0)
		wrong = "an ICE agent needs a fixed internal port";
	else if (strlen(p->local.ufrag) < ICE_LOCAL_UFRAG_LEN_MIN ||
		 strlen(p->local.pwd) < ICE_PWD_LEN_MIN)
		wrong = "local ICE credentials too short: 8 characters of ufrag, 22 of password";
	for (size_t i = 0; wrong == NULL && i < p->address_count; i++)
		if (p->addresses[i].ss_family != AF_INET && p->addresses[i].ss_family != AF_INET6)
			wrong = "a local ICE address is neither IPv4 nor IPv6";
	if (wrong == NULL)
		return 0;
	snprintf(reason, ICE_REASON_SIZE, "%s", wrong);
	return -EINVAL;
}

static void configure(struct ice_agent *a, const struct ice_agent_params *p)
{
	g_object_set(a->nice, "upnp", FALSE, "ice-tcp", FALSE, "ice-udp", TRUE, "controlling-mode",
		     (gboolean)p->controlling, "keepalive-conncheck", FALSE, NULL);
	for (size_t i = 0; i < a->address_count; i++) {
		NiceAddress address;

		nice_address_init(&address);
		nice_address_set_from_sockaddr(&address, (struct sockaddr *)&a->addresses[i]);
		nice_address_set_port(&address, 0);
		nice_agent_add_local_address(a->nice, &address);
	}
	a->stream = nice_agent_add_stream(a->nice, 1);
	nice_agent_set_port_range(a->nice, a->stream, COMPONENT, p->port, p->port);
	nice_agent_set_local_credentials(a->nice, a->stream, p->local.ufrag, p->local.pwd);
	nice_agent_attach_recv(a->nice, a->stream, COMPONENT, a->context, on_datagram, a);
	g_signal_connect(a->nice, "component-state-changed", G_CALLBACK(on_state), a);
	g_signal_connect(a->nice, "new-selected-pair-full", G_CALLBACK(on_selected), a);
}

int ice_agent_create(GMainContext *context, const struct ice_agent_params *params,
		     const struct ice_agent_callbacks *callbacks, void *user,
		     char reason[ICE_REASON_SIZE], struct ice_agent **out)
{
	struct ice_agent *a;
	char where[96];
	int err;

	*out = NULL;
	err = check_params(params, reason);
	if (err != 0)
		return err;
	a = g_new0(struct ice_agent, 1);
	a->context = context;
	a->callbacks = callbacks;
	a->user = user;
	a->address_count = params->address_count;
	memcpy(a->addresses, params->addresses, sizeof(a->addresses));
	a->loopback_allowed = params->loopback_allowed;
	// Trickle: without candidates of theirs (all .local, say) libnice waits for their checks.
	a->nice = nice_agent_new_full(context, NICE_COMPATIBILITY_RFC5245,
				      (NiceAgentOption)(NICE_AGENT_OPTION_REGULAR_NOMINATION |
							NICE_AGENT_OPTION_ICE_TRICKLE));
	configure(a, params);
	if (!nice_agent_gather_candidates(a->nice, a->stream)) {
		describe(&params->addresses[0], params->port, where, sizeof(where));
		snprintf(reason, ICE_REASON_SIZE,
			 "ICE cannot bind UDP %s: the address has to be this host's and the port "
			 "free",
			 where);
		err = -EADDRNOTAVAIL;
	} else {
		err = check_bound(a, params->port, reason);
	}
	if (err != 0) {
		ice_agent_destroy(&a);
		return err;
	}
	*out = a;
	return 0;
}

void ice_agent_destroy(struct ice_agent **agent)
{
	struct ice_agent *a = *agent;

	*agent = NULL;
	if (a == NULL)
		return;
	g_signal_handlers_disconnect_by_data(a->nice, a);
	nice_agent_attach_recv(a->nice, a->stream, COMPONENT, a->context, NULL, NULL);
	nice_agent_remove_stream(a->nice, a->stream);
	g_object_unref(a->nice);
	ice_credentials_wipe(&a->remote);
	g_free(a);
}

int ice_agent_set_remote_credentials(struct ice_agent *a, const struct ice_credentials *remote)
{
	if (strcmp(a->remote.ufrag, remote->ufrag) == 0 && strcmp(a->remote.pwd, remote->pwd) == 0)
		return 0;
	if (!nice_agent_set_remote_credentials(a->nice, a->stream, remote->ufrag, remote->pwd))
		return -EIO;
	a->remote = *remote;
	return 0;
}

static NiceCandidate *to_nice(const struct ice_agent *a, const struct ice_candidate *from)
{
	static const NiceCandidateType types[] = {
		[ICE_TYPE_HOST] = NICE_CANDIDATE_TYPE_HOST,
		[ICE_TYPE_SRFLX] = NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE,
		// libnice refuses a signalled peer-reflexive candidate; it is as good as a host.
		[ICE_TYPE_PRFLX] = NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE,
		[ICE_TYPE_RELAY] = NICE_CANDIDATE_TYPE_RELAYED,
	};
	NiceCandidate *c = nice_candidate_new(types[from->type]);

	c->transport = NICE_CANDIDATE_TRANSPORT_UDP;
	c->stream_id = a->stream;
	c->component_id = COMPONENT;
	c->priority = from->priority;
	nice_address_set_from_sockaddr(&c->addr, (const struct sockaddr *)&from->addr);
	c->base_addr = c->addr;
	g_strlcpy(c->foundation, from->foundation, sizeof(c->foundation));
	return c;
}

enum ice_candidate_verdict ice_agent_add_candidate(struct ice_agent *a, const char *line)
{
	struct ice_candidate_filter filter = {
		.own = a->addresses,
		.own_count = a->address_count,
		.loopback_allowed = a->loopback_allowed,
	};
	struct ice_candidate parsed;
	enum ice_candidate_verdict verdict = ice_candidate_parse(line, &filter, &parsed);
	GSList one = {0};

	a->seen[verdict]++;
	if (verdict != ICE_CANDIDATE_OK)
		return verdict;
	one.data = to_nice(a, &parsed);
	nice_agent_set_remote_candidates(a->nice, a->stream, COMPONENT, &one);
	nice_candidate_free(one.data);
	return verdict;
}

uint64_t ice_agent_candidates_seen(const struct ice_agent *a, enum ice_candidate_verdict verdict)
{
	assert(verdict < ICE_CANDIDATE_VERDICT_COUNT);
	return a->seen[verdict];
}

int ice_agent_restart(struct ice_agent *a, const struct ice_credentials *local)
{
	if (!nice_agent_restart_stream(a->nice, a->stream))
		return -EIO;
	// libnice made up credentials of its own (too short to route by) and kept the remote's,
	// with which it would answer the new generation's first checks wrongly.
	nice_agent_set_local_credentials(a->nice, a->stream, local->ufrag, local->pwd);
	nice_agent_set_remote_credentials(a->nice, a->stream, "", "");
	ice_credentials_wipe(&a->remote);
	return 0;
}

int ice_agent_send(struct ice_agent *a, const uint8_t *data, size_t size)
{
	NiceCandidate *local = NULL, *remote = NULL;

	if (!nice_agent_get_selected_pair(a->nice, a->stream, COMPONENT, &local, &remote))
		return -EAGAIN;
	if (nice_agent_send(a->nice, a->stream, COMPONENT, (guint)size, (const gchar *)data) !=
	    (gint)size)
		return -EAGAIN;
	return 0;
}
