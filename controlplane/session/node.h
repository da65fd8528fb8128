// SPDX-License-Identifier: Apache-2.0
// controlplane/session/node.h - the root of the control plane's state: rooms, link, handshakes,
// ports.
//
// Place    main.c makes it; the services (room_service.c, signalling_service.c, node_service.c) act
//          on it; link events arrive here and go to the transport they are about.
// Thread   the API's GMainContext, all of session/.
// Owns     rooms, which own participants, which own transports, tracks and subscriptions.
#pragma once

#include "controlplane/dtls/handshake.h"
#include "controlplane/link/client.h"
#include "controlplane/link/link_metrics.h"
#include "controlplane/ops/settings.h"
#include "controlplane/rpc/server.h"
#include "controlplane/session/drain.h"
#include "controlplane/session/node_metrics.h"
#include "controlplane/session/ports.h"

#include <glib.h>

struct auth;
struct event_watch;
struct journal;
struct media_transport;
struct orphans;
struct neighbours;
struct node_load;
struct quotas;
struct repeats;
struct transports;

struct node {
	const struct settings *settings; // borrowed
	struct link_client *link;
	struct handshake_pool *pool;
	struct dtls_certificate *certificate;
	struct dtls_fingerprint fingerprint;
	struct ports *ports;
	GHashTable *rooms; // id -> struct room, owned
	GHashTable *room_numbers; // number -> struct room, borrowed: for link events
	uint32_t room_number_base; // so that rooms do not meet an earlier control plane's
	uint64_t rooms_made; // ever
	uint64_t participants_made; // ever
	GHashTable *transports; // slot -> struct media_transport, borrowed: for link events
	struct transports *api; // those of TransportService
	struct neighbours *neighbours; // NULL where netlink is not to be had
	struct drain drain;
	struct node_load *load; // of the cores
	struct orphans *orphans;
	struct repeats *repeats;
	struct quotas *quotas;
	struct auth *auth; // borrowed, from node_register on
	struct node_counts counts;
	struct link_metrics *link_metrics;
	unsigned reap_source; // looks for participants nobody waits for
	uint64_t rooms_rested; // 'rooms_made' when nobody was served any more
	struct journal *journal; // of events
	GPtrArray *watches; // struct event_watch: streams of WatchEvents
	struct sockaddr_storage addresses[ICE_ADDRESSES_MAX];
	size_t address_count;
	char *candidates[ICE_ADDRESSES_MAX]; // of the public port, as they stand in SDP
};

// NULL with the sentence in 'error'. Borrows 'settings'.
struct node *node_new(const struct settings *settings, GError **error);
// Before the process ends: lets go of the dataplane, whose media goes on.
void node_leave(struct node *node);

// Registers RoomService, SignallingService and NodeService.
void node_register(struct node *node, struct rpc_server *server, struct auth *auth);

// Adds the collectors of session/ and link/. 'metrics' is read from no more after node_leave().
void node_add_metrics(struct node *node, struct metrics *metrics);

// The sockaddr of a records' address, and back ('port' replaces the sockaddr's own).
bool node_addr_from(const struct sockaddr_storage *from, uint16_t port, struct rtc_addr *out);
char *node_addr_text(const struct rtc_addr *addr); // "192.0.2.1:3478"; gives the string
