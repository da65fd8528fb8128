// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/plain.c - records of plain transports.

#include "controlplane/session/transport/plain.h"

#include "controlplane/session/node.h"
#include "controlplane/session/transport/fields.h"
#include "controlplane/session/transport/neighbours.h"

#include <string.h>

enum { INACTIVITY_MS_MIN = 100 };

bool plain_read_connect(struct rpc_call *call, const Sluice__V1__PlainConnect *m,
			struct shm_transport_config *out)
{
	if (m->latch == (m->remote[0] != '\0')) {
		field_wrong(call, "plain.remote", m->remote,
			    "give either the peer's address or latch");
		return false;
	}
	if (!m->latch && !field_address(call, "plain.remote", m->remote, &out->selected_remote))
		return false;
	if (m->latch)
		out->flags |= SHM_TRANSPORT_LATCH;
	return field_srtp(call, m->srtp, out);
}

bool plain_read_move(struct rpc_call *call, const Sluice__V1__PlainConnect *m,
		     struct shm_transport_config *out)
{
	struct shm_transport_config read = *out;
	bool ok = plain_read_connect(call, m, &read);

	if (ok && (out->flags & SHM_TRANSPORT_LATCH) != 0) {
		field_wrong(call, "plain", m->remote, "its peer is whoever latched");
		ok = false;
	}
	if (ok && m->srtp != NULL &&
	    (read.suite != out->suite ||
	     memcmp(read.receive_master, out->receive_master, sizeof(read.receive_master)) != 0 ||
	     memcmp(read.send_master, out->send_master, sizeof(read.send_master)) != 0)) {
		field_wrong(call, "plain.srtp", m->srtp->suite,
			    "a peer that moves keeps its keys: leave them out");
		ok = false;
	}
	out->selected_remote = read.selected_remote;
	memset(out->remote_mac, 0, sizeof(out->remote_mac));
	explicit_bzero(&read, sizeof(read));
	return ok;
}

bool plain_read_options(struct rpc_call *call, const Sluice__V1__PlainOptions *m,
			struct shm_transport_config *out)
{
	uint32_t ms = m->inactivity_timeout_ms;
	char value[16];

	memset(out, 0, sizeof(*out));
	out->flags = SHM_TRANSPORT_PLAIN | SHM_TRANSPORT_ESTABLISHED;
	out->inactivity_ms = ms;
	if (ms != 0 && (ms < INACTIVITY_MS_MIN || ms > SHM_INACTIVITY_MS_MAX)) {
		g_snprintf(value, sizeof(value), "%u", ms);
		field_wrong(call, "plain.inactivity_timeout_ms", value, "0, or 100 to 3600000");
		return false;
	}
	if (m->latch)
		out->flags |= SHM_TRANSPORT_LATCH;
	if (m->connect == NULL)
		return true;
	if (m->latch && !m->connect->latch) {
		field_wrong(call, "plain.connect.remote", m->connect->remote,
			    "a transport created to latch has no fixed peer");
		return false;
	}
	return plain_read_connect(call, m->connect, out);
}

// Ours of that family; false if there is none.
static bool local_address(const struct node *n, bool ipv6, struct rtc_addr *out)
{
	for (size_t i = 0; i < n->address_count; i++)
		if ((n->addresses[i].ss_family == AF_INET6) == ipv6)
			return node_addr_from(&n->addresses[i], (uint16_t)n->settings->media_port,
					      out);
	return false;
}

bool plain_open(struct transport *t, const struct shm_transport_config *config, bool ipv6,
		char **reason)
{
	struct shm_transport_config c = *config;
	bool ok = local_address(t->node, ipv6, &c.selected_local);

	if (!ok)
		*reason = g_strdup_printf("the node has no IPv%c media address", ipv6 ? '6' : '4');
	if (ok && (c.flags & SHM_TRANSPORT_LATCH) != 0) {
		c.selected_local.port = transport_take_plain_port(t);
		ok = c.selected_local.port != 0;
		if (!ok)
			*reason =
				g_strdup(link_client_view(t->node->link) != NULL
						 ? "no port of the dataplane's plain_ports is free"
						 : "no dataplane is attached");
	}
	ok = ok && media_transport_open_plain(transport_media(t), t->node, t->member, &c, reason);
	explicit_bzero(&c, sizeof(c));
	return ok;
}

void plain_submit_path(struct transport *t)
{
	const struct media_transport *media = transport_media(t);
	struct link_epoch *e = link_epoch_new(t->node->link);

	link_epoch_transport(e, media->ref, &media->config);
	link_epoch_submit(e, NULL, NULL);
}

static void on_neighbour(void *user, const uint8_t mac[6])
{
	struct transport *t = user;
	struct media_transport *media = transport_media(t);

	if (memcmp(media->config.remote_mac, mac, 6) == 0)
		return;
	memcpy(media->config.remote_mac, mac, 6);
	if (media->phase != MEDIA_CONNECTED || t->moving)
		return; // whoever waits for the record to run sees it
	plain_submit_path(t);
}

void plain_find_peer(struct transport *t)
{
	struct shm_transport_config *c = &transport_media(t)->config;

	if ((c->flags & SHM_TRANSPORT_LATCH) != 0)
		return;
	neighbours_watch(t->node->neighbours, &c->selected_local, &c->selected_remote,
			 c->remote_mac, on_neighbour, t);
}
