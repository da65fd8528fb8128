// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/listener.h - one listening socket. The only file with accept().
//
// Path     kernel -> [listener] -> server.c -> conn.c
// Thread   the server's GMainContext.
// Owns     the socket; a Unix socket's path too, which it removes at the end.
#ifndef SLUICE_CONTROLPLANE_RPC_LISTENER_H
#define SLUICE_CONTROLPLANE_RPC_LISTENER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct listener;

// Takes over `fd`, which is non-blocking. `peer` as rpc_call_peer.
typedef void (*listener_accepted_fn)(struct listener *listener, int fd, const char *peer,
				     void *data);

// "192.0.2.1:8443" or "[::]:8443": splits and checks it. Gives the host.
bool listener_parse(const char *address, char **host, uint16_t *port);

struct listener *listener_open_tcp(const char *address, listener_accepted_fn accepted, void *data,
				   GError **error);
struct listener *listener_open_unix(const char *path, listener_accepted_fn accepted, void *data,
				    GError **error);
uint16_t listener_port(const struct listener *listener); // 0: a Unix socket
void listener_free(struct listener **listener);

#endif
