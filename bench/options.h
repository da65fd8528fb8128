// SPDX-License-Identifier: Apache-2.0
//
// bench/options.h - what a bench is told on its command line. Lists are comma-separated; every
// combination becomes one row.
#pragma once

#include "proto/shm/record.h"

#include <stdbool.h>
#include <stdint.h>

struct srtp_engine;

enum { OPTION_VALUES_MAX = 16 };

enum bench_checksum { BENCH_OFFLOAD, BENCH_SOFTWARE, BENCH_NONE };

// What consumers have asked for, as bits.
enum bench_feature {
	BENCH_NUMBERS = 1, // transport-wide ones, and with them the estimator's log
	BENCH_HISTORY = 2, // packets are kept to be sent again
	BENCH_LAYERS = 4, // fewer temporal layers than there are: picture ids are written anew
	BENCH_PACING = 8, // paths have an estimate, which carries everything
};

struct number_list {
	unsigned count;
	uint32_t value[OPTION_VALUES_MAX];
};

struct options {
	struct number_list engines; // index for option_engine()
	struct number_list suites; // enum shm_suite
	struct number_list bytes; // RTP payload
	struct number_list consumers; // of each track; keys for bench seal
	struct number_list tracks;
	struct number_list checksums; // enum bench_checksum
	struct number_list features; // for option_features()
	const char *instruction_set; // of ipsec-mb; NULL: the CPU's best
	uint32_t blocks; // timed blocks of each kind
	bool json;
};

// Ends the process with a sentence and status 2 when it does not understand.
void options_read(struct options *o, int argc, char **argv);

const struct srtp_engine *option_engine(uint32_t value);
uint32_t option_features(uint32_t value); // enum bench_feature, together
const char *option_features_name(uint32_t value);
const char *option_checksum_name(uint32_t value);
