// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/client_certificates.h - client certificates that ended a handshake: why, in the
// log and in a counter. The client itself hears no more than an alert.
//
// Path     conn.c, when a handshake has failed -> [client_certificates] -> ops/log, ops/metrics
// Thread   the server's GMainContext.
// Owns     nothing; the counts are the server's and outlive the context they are hung on.
// Spec     RFC 5280 6 (path validation), RFC 8446 6.2 (the alerts).
#ifndef SLUICE_CONTROLPLANE_RPC_CLIENT_CERTIFICATES_H
#define SLUICE_CONTROLPLANE_RPC_CLIENT_CERTIFICATES_H

#include <openssl/ssl.h>

#include "controlplane/ops/metrics.h"

enum client_certificate_fault {
	CLIENT_CERTIFICATE_EXPIRED,
	CLIENT_CERTIFICATE_NOT_YET_VALID,
	CLIENT_CERTIFICATE_UNKNOWN_CA,
	CLIENT_CERTIFICATE_WRONG_PURPOSE, // not made for clients
	CLIENT_CERTIFICATE_OTHER,
	CLIENT_CERTIFICATE_FAULTS,
};

// All zeros at start.
struct client_certificate_counts {
	uint64_t refused[CLIENT_CERTIFICATE_FAULTS];
};

// Counts what is refused by connections of `ctx`, which asks its clients for certificates.
void client_certificates_watch(SSL_CTX *ctx, struct client_certificate_counts *counts);

// After a handshake that failed on a watched context: logs and counts the certificate if it was the
// reason. `peer` is who the log says it was.
void client_certificates_failed(const SSL *ssl, const char *peer);

void client_certificates_collect(struct metrics_page *page,
				 const struct client_certificate_counts *counts);

#endif
