// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/identity.h - the names this host may be called by, for certificate and URL.
//
// Path     server.c -> [identity] -> certificate.c
// Owns     nothing.
#ifndef SLUICE_CONTROLPLANE_RPC_IDENTITY_H
#define SLUICE_CONTROLPLANE_RPC_IDENTITY_H

// Every host of `listen`, with wildcards spelled out by the machine's addresses, `names`, localhost
// and the host's own name; no name twice. Both lists end with NULL and may be NULL. Gives the list.
char **identity_names(const char *const *listen, const char *const *names);

// "https://192.0.2.1:8443/"; for a wildcard the first of `names`, or localhost. Gives the string.
char *identity_url(const char *listen, unsigned port, const char *const *names);

#endif
