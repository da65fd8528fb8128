// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/peer.h - who is at the other end of a connection, as far as the connection
// shows.
//
// Place    listener.c and conn.c fill it; exchanges point to it; auth/ judges by it.
// Owns     its strings and groups; the connection owns it and outlives its exchanges.
#ifndef SLUICE_CONTROLPLANE_RPC_PEER_H
#define SLUICE_CONTROLPLANE_RPC_PEER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum http_peer_kind {
	HTTP_PEER_TCP, // anybody
	HTTP_PEER_UNIX, // 'uid' and 'groups' are the kernel's word
	HTTP_PEER_CERTIFICATE, // a listener that wants a client certificate; 'names' tell
};

struct http_peer {
	enum http_peer_kind kind;
	char *text; // as rpc_call_peer
	uid_t uid;
	gid_t *groups;
	size_t group_count;
	// SANs of the verified certificate: DNS names, URIs, addresses; ends with NULL. NULL: it
	// has shown none.
	char **names;
};

// Takes 'text'. Of a Unix socket it asks the kernel who is there.
struct http_peer *http_peer_new(int fd, char *text);
void http_peer_free(struct http_peer **peer);

// After a handshake on a listener that wants a certificate: fills 'names'.
void http_peer_take_certificate(struct http_peer *peer, const SSL *ssl);

bool http_peer_in_group(const struct http_peer *peer, gid_t group);

#endif
