// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/datagram_bio.h - an OpenSSL BIO that keeps datagram boundaries.
//
// Place    between dtls/session.c and its SSL. OpenSSL 3.0 has none: its memory BIO merges writes.
// Thread   the session's.
// Owns     datagrams written and not yet taken, at most DTLS_BIO_QUEUE_MAX; what is more is lost,
//          as on a network.
#pragma once

#include <openssl/bio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DTLS_BIO_QUEUE_MAX = 32 };

// NULL without memory. Freed by BIO_free, or by SSL_free once set.
BIO *dtls_datagram_bio_new(void);

// The one datagram the next read gets; borrowed until read or replaced. Size 0 takes it away.
void dtls_datagram_bio_set_input(BIO *bio, const uint8_t *datagram, size_t size);

// Oldest datagram written; to be released with free(). NULL if there is none.
uint8_t *dtls_datagram_bio_take_output(BIO *bio, size_t *size);
