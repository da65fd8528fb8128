// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/engine.h - the one seam to SRTP: bursts of jobs, each with its own stream.
//
// Streams  made and freed by main (they allocate), used by the one worker that owns the transport.
//          One stream is one master key, one direction, one SSRC.
// Lanes    a worker's own part of an engine, made at start: what fills up over the jobs of a burst.
// Index    48 bits, rollover counter << 16 | sequence. Sealing: the caller's; never twice with one
//          key. Opening: the engine guesses it, checks replay, authenticates, and only then moves.
// Order    jobs of one burst count as done one after another, whatever an engine does at once.
// Spec     RFC 3711, RFC 7714. Engines must be byte-identical.
#pragma once

#include "proto/shm/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct srtp_stream; // the engine's own
struct srtp_lanes; // the engine's own
struct srtcp_cipher;

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
	SRTP_HEAD_BYTES = 16,
};

struct srtp_job {
	struct srtp_stream *stream;
	// An RTP packet: its header, with CSRCs and extension, and behind it where the payload goes
	// when sealing (room for SRTP_TAG_BYTES_MAX more) or lies when opening, which is in place.
	uint8_t *packet;
	const uint8_t *payload; // sealing: the plaintext; elsewhere, or in place behind the header
	// Sealing: SRTP_HEAD_BYTES that stand for the payload's first ones; NULL: none do.
	// 'payload' is then the caller's own, for the engine may write them there.
	const uint8_t *head;
	uint64_t index; // sealing: given; opening: set by the engine
	uint16_t header_size; // bytes, authenticated, not encrypted
	uint16_t size; // bytes, header included, as it comes in
	uint16_t out_size; // bytes, header included, set by the engine
	// enum srtp_status. Opening: set by the engine; sealing: SRTP_OK from the caller, and set
	// where it fails.
	uint8_t status;
};

struct srtp_engine {
	const char *name;
	// Once in a process and by main, before anything else. False: not on this CPU.
	bool (*start)(void);
	// NULL without memory. Freeing wipes; accepts NULL.
	struct srtp_lanes *(*lanes_new)(void);
	void (*lanes_free)(struct srtp_lanes *lanes);
	// 'master' is key then salt as the suite wants them; 'ssrc' in host order. 'index' is where
	// a stream continues (0 for a new one). NULL if the suite or key is refused.
	struct srtp_stream *(*stream_new)(enum shm_suite suite, enum srtp_direction direction,
					  const uint8_t *master, uint32_t ssrc, uint64_t index);
	void (*stream_free)(struct srtp_stream *stream); // wipes; accepts NULL
	size_t (*stream_bytes)(enum shm_suite suite, enum srtp_direction direction); // on the heap
	// Returns how many of the jobs failed.
	unsigned (*seal)(struct srtp_lanes *lanes, struct srtp_job *jobs, unsigned count);
	void (*open)(struct srtp_lanes *lanes, struct srtp_job *jobs, unsigned count);
	// From here on a stream that sends has sealed nothing.
	uint64_t (*unsealed_from)(const struct srtp_stream *stream);
	const struct srtcp_cipher *srtcp; // what srtcp_new() is given
};

extern const struct srtp_engine srtp_engine_libsrtp2;
extern const struct srtp_engine srtp_engine_ipsec_mb;

// The engine of that name, or the fastest this CPU can run for "auto": started, and its known
// answers checked. NULL with a sentence in 'why'.
const struct srtp_engine *srtp_engine_start(const char *name, char *why, size_t why_size);

// True if every suite seals and opens its published packet to the byte, and refuses a forged one.
bool srtp_engine_self_test(const struct srtp_engine *engine);

// Bytes of master key, of master salt, and of what sealing adds to an RTP packet. 0 for an unknown
// suite.
size_t srtp_suite_key_bytes(enum shm_suite suite);
size_t srtp_suite_salt_bytes(enum shm_suite suite);
size_t srtp_suite_tag_bytes(enum shm_suite suite);
const char *srtp_suite_name(enum shm_suite suite); // the IANA name, "SRTP_" left out
