// SPDX-License-Identifier: Apache-2.0
// tests/unit/icedtls/dtls_channel.h - two DTLS sessions on a seeded, hostile network in virtual
// time.
//
// Place    dtls_session_test.c and the fuzz target's seeds.
// Thread   one. gettimeofday is ours while linked: OpenSSL's timers run on the channel's clock.
// Owns     both sessions and the datagrams on their way.
#pragma once

#include "controlplane/dtls/session.h"

enum { CHANNEL_IN_FLIGHT_MAX = 512, CHANNEL_DATAGRAM_MAX = 2048 };

struct channel;

struct channel_end {
	struct channel *channel;
	struct dtls_session *session;
	unsigned connected, closed, failed;
	unsigned sent; // datagrams put out
	size_t largest;
	char reason[DTLS_REASON_SIZE];
	struct dtls_srtp_keys keys;
};

struct channel_datagram {
	struct channel_end *to;
	uint64_t at_us;
	size_t size;
	uint8_t bytes[CHANNEL_DATAGRAM_MAX];
};

struct channel {
	uint64_t rng; // the seed, not 0
	uint32_t loss_ppm, duplicate_ppm, delay_us, jitter_us;
	unsigned losses_left; // ends the loss, so that every run can succeed
	uint64_t now_us;
	struct channel_end active, passive;
	// Sees every datagram before it travels; false swallows it.
	bool (*tap)(struct channel *c, struct channel_end *to, const uint8_t *bytes, size_t size);
	// Called before each delivery: the attacker's turn.
	void (*attack)(struct channel *c);
	unsigned count;
	struct channel_datagram in_flight[CHANNEL_IN_FLIGHT_MAX];
};

uint32_t channel_random(struct channel *c);

// Sessions that expect these fingerprints of each other.
void channel_open(struct channel *c, uint64_t seed, struct dtls_context *active,
		  struct dtls_context *passive, const struct dtls_fingerprint *active_expects,
		  const struct dtls_fingerprint *passive_expects);
void channel_close(struct channel *c);
void channel_send(struct channel *c, struct channel_end *to, const uint8_t *bytes, size_t size);

// Delivers and fires timers until nothing is on its way and no timer runs, or 'limit_us' has
// passed.
void channel_run(struct channel *c, uint64_t limit_us);
