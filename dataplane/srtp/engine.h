// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/engine.h - the one seam to SRTP: bursts of jobs, each with its own stream.
//
// Streams  made and freed by main (they allocate), used by the one worker that owns the transport.
//          One stream is one master key, one direction, one SSRC.
// Index    48 bits, rollover counter << 16 | sequence. Sealing: the caller's; never twice with one
//          key. Opening: the engine guesses it, checks replay, authenticates, and only then moves.
// Spec     RFC 3711, RFC 7714. Engines must be byte-identical.
#pragma once

#include "proto/shm/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct srtp_stream; // the engine's own

enum srtp_direction { SRTP_RECEIVE = 1, SRTP_SEND = 2 };

enum srtp_status {
	SRTP_OK = 0,
	SRTP_FAIL_REPLAY,
	SRTP_FAIL_AUTH,
	SRTP_FAIL_MALFORMED,
	SRTP_FAIL_ENGINE
};

enum {
	SRTP_TAG_BYTES_MAX = 16, // what sealing adds to an RTP packet, at most
	SRTP_REPLAY_WINDOW = 1024,
};

struct srtp_job {
	struct srtp_stream *stream;
	// The whole RTP packet, header included. Sealing: 'in' is read, 'out' is written, they do
	// not overlap unless equal; room for SRTP_TAG_BYTES_MAX behind. Opening: in place, 'out' ==
	// 'in'.
	const uint8_t *in;
	uint8_t *out;
	uint16_t in_size; // bytes
	uint16_t out_size; // set by the engine
	uint16_t header_size; // RTP header with CSRCs and extension: authenticated, not encrypted
	uint8_t status; // enum srtp_status, set by the engine
	uint64_t index; // sealing: given; opening: set by the engine
};

struct srtp_engine {
	const char *name;
	// 'master' is key then salt as the suite wants them; 'ssrc' in host order. 'index' is where
	// a stream continues (0 for a new one). NULL if the suite or key is refused.
	struct srtp_stream *(*stream_new)(enum shm_suite suite, enum srtp_direction direction,
					  const uint8_t *master, uint32_t ssrc, uint64_t index);
	void (*stream_free)(struct srtp_stream *stream); // wipes; accepts NULL
	void (*seal)(struct srtp_job *jobs, unsigned count);
	void (*open)(struct srtp_job *jobs, unsigned count);
};

extern const struct srtp_engine srtp_engine_libsrtp2;

// Bytes of master key and of master salt. 0 for an unknown suite.
size_t srtp_suite_key_bytes(enum shm_suite suite);
size_t srtp_suite_salt_bytes(enum shm_suite suite);
const char *srtp_suite_name(enum shm_suite suite); // the IANA name, "SRTP_" left out
