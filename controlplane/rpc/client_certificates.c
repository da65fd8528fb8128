// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/client_certificates.c - see client_certificates.h.
#include "controlplane/rpc/client_certificates.h"

#include <openssl/x509_vfy.h>

#include "controlplane/ops/log.h"

static const char *const names[CLIENT_CERTIFICATE_FAULTS] = {
	"expired", "not_yet_valid", "unknown_ca", "wrong_purpose", "other",
};

void client_certificates_watch(SSL_CTX *ctx, struct client_certificate_counts *counts)
{
	SSL_CTX_set_app_data(ctx, counts);
}

static enum client_certificate_fault fault_of(long verdict)
{
	switch (verdict) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return CLIENT_CERTIFICATE_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return CLIENT_CERTIFICATE_NOT_YET_VALID;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return CLIENT_CERTIFICATE_UNKNOWN_CA;
	case X509_V_ERR_INVALID_PURPOSE:
		return CLIENT_CERTIFICATE_WRONG_PURPOSE;
	default:
		return CLIENT_CERTIFICATE_OTHER;
	}
}

void client_certificates_failed(const SSL *ssl, const char *peer)
{
	struct client_certificate_counts *counts = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	long verdict = SSL_get_verify_result(ssl);

	if (verdict == X509_V_OK)
		return; // it failed for another reason
	counts->refused[fault_of(verdict)]++;
	log_info("rpc", "%s: client certificate refused (%s): %s", peer, names[fault_of(verdict)],
		 X509_verify_cert_error_string(verdict));
}

void client_certificates_collect(struct metrics_page *page,
				 const struct client_certificate_counts *counts)
{
	metrics_family(page, "sluice_api_client_certificates_refused_total", METRICS_COUNTER,
		       "Handshakes on listen_mtls ended for the client's certificate, by reason.");
	for (size_t i = 0; i < CLIENT_CERTIFICATE_FAULTS; i++)
		metrics_count(page, counts->refused[i], "reason", names[i], NULL);
}
