// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/session_verify.h - OpenSSL's question whether a peer's certificate will do.
//
// Place    context.c installs it, session.c answers it with the fingerprint from SDP.
// Thread   the session's.
// Owns     nothing.
#pragma once

#include <openssl/x509_vfy.h>

int dtls_session_verify(X509_STORE_CTX *store, void *unused);
