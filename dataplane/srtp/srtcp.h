// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/srtcp.h - SRTCP of one transport, both directions, under indices we hold.
//
// libsrtp2 2.5 cannot be told an SRTCP index, so the packet is ours and the cipher the engine's:
// ipsec-mb, which allocates nothing, or OpenSSL's EVP, which allocates with each HMAC-SHA1.
//
// Thread   made and freed by main, used by the transport's owner with its lanes.
// Spec     RFC 3711 3.4 and 4.3, RFC 7714 9.
#pragma once

#include "dataplane/srtp/engine.h"
#include "proto/shm/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SRTCP_OVERHEAD_BYTES_MAX = 20 }; // tag and index behind the compound
#define SRTCP_INDEX_MAX UINT32_C(0x7fffffff)

struct srtcp; // send and receive contexts, replay windows of up to SRTCP_SOURCES_MAX SSRCs

// 'cipher' is the running engine's. NULL for an unknown suite or without memory.
struct srtcp *srtcp_new(const struct srtcp_cipher *cipher, enum shm_suite suite,
			const uint8_t *receive_master, const uint8_t *send_master);
void srtcp_free(struct srtcp *s); // wipes; accepts NULL
size_t srtcp_bytes(const struct srtcp_cipher *cipher, enum shm_suite suite); // of the heap

// Seals '*size' bytes in place under 'index' (31 bits, never twice); room for
// SRTCP_OVERHEAD_BYTES_MAX behind. False only if the index is out of range or the library fails.
bool srtcp_seal(struct srtcp *s, struct srtp_lanes *lanes, uint8_t *packet, size_t *size,
		uint32_t index);

// Opens in place: replay check, authentication, only then state. 'SRTP_FAIL_ENGINE' with a 17th
// source.
enum srtp_status srtcp_open(struct srtcp *s, struct srtp_lanes *lanes, uint8_t *packet,
			    size_t *size);

// True if 'cipher' seals and opens published packets to the byte, and refuses a forged one.
bool srtcp_self_test(const struct srtcp_cipher *cipher, struct srtp_lanes *lanes);

// Session keys by RFC 3711 4.3 (key derivation rate 0). 'label' 0..5; 'out_size' up to 32 bytes.
bool srtp_derive(const uint8_t *master_key, size_t key_size, const uint8_t *master_salt,
		 size_t salt_size, uint8_t label, uint8_t *out, size_t out_size);
