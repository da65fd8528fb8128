// SPDX-License-Identifier: Apache-2.0
//
// bench/load/trial.h - so many packets a second for so long, and what came of it.
//
// Pace     one packet each 1/rate; what a gap of this core made late beyond TRIAL_DEBT packets is
//          left out and not sent in a lump, which no switch between publishers and SFU would do.
// Gaps     a turn of the loop is tens of microseconds at most. One beyond TRIAL_GAP_US is the
//          machine's, and its window of 10 ms and the next are kept apart. Gaps of the SFU's core
//          cannot be told from stalls of its own and stay in.
#pragma once

#include "bench/load/latency.h"
#include "bench/load/publish.h"
#include "bench/load/sink.h"

enum { TRIAL_DEBT = 64, TRIAL_GAP_US = 100, TRIAL_WINDOW_US = 10000 };

struct trial {
	uint16_t port;
	struct rte_mempool *packets;
	struct publishers *from;
	struct sinks *to;
	const uint32_t *consumers; // of each publisher
	double ghz; // TSC ticks a nanosecond
};

struct trial_result {
	double seconds; // of sending
	uint64_t offered; // packets made, in time
	uint64_t refused; // of these: the port did not take them
	uint64_t skipped; // never made, see Pace
	uint64_t expected; // at the sinks
	struct sink_counts sinks;
	struct latency raw, gapless;
	double gap_share; // of the time
	uint64_t windows, windows_left_out;
	double busy_share; // of the time, in turns that sent or received: the generator's own load
};

void trial_run(const struct trial *t, double rate, double seconds, struct trial_result *r);
void trial_print(const struct trial *t, double rate, const struct trial_result *r); // JSON, a line
