// SPDX-License-Identifier: Apache-2.0
//
// bench/load/sink.h - sinks: count every packet of every consumer, check that sequence numbers have
// no hole, and open the first and every thousandth with libsrtp2, which seals nothing in this run.
#pragma once

#include "bench/load/latency.h"
#include "bench/load/plan.h"
#include "bench/load/publish.h"

#include <stdint.h>

struct sinks;

struct sink_counts { // since sinks_reset()
	uint64_t media; // packets of consumers' SSRCs
	uint64_t rtcp;
	uint64_t other; // what is neither: the host kernel's, mostly
	uint64_t holes; // sequence numbers that a later packet left out
	uint64_t late; // behind the newest, or twice
	uint64_t opened;
	uint64_t wrong; // of these: not authentic, or not what the publisher sent
	uint64_t least, most; // packets of the consumer that got fewest and most
};

struct sinks *sinks_new(const struct plan *p, const struct publishers *from);
void sinks_free(struct sinks *s);

void sinks_reset(struct sinks *s);
// 'frame' was received at 'ticks'; may be opened in place. Latencies go into 'l'.
void sinks_take(struct sinks *s, uint8_t *frame, size_t size, uint64_t ticks, struct latency *l);
struct sink_counts sinks_counts(const struct sinks *s);
