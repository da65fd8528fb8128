// SPDX-License-Identifier: Apache-2.0
//
// bench/fanout.c - the dataplane's real stages from a received packet to N sealed ones on a null
// port, against the bare cipher on the same bytes and keys.
//
// Blocks   of about 1000 packets: bare in place, bare out of place, ours, in turn.
// Callgrind  with BENCH_INSTRUCTIONS=1 nothing is timed: the same blocks run under instrumentation
//          and their number of packets is printed (bench/check).
#include "bench/bare.h"
#include "bench/options.h"
#include "bench/report.h"
#include "bench/rig.h"
#include "bench/timing.h"
#include "dataplane/srtp/engine.h"
#include "dataplane/srtp/ipsec_mb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

enum { BLOCK_PACKETS = 1000, WARM_BLOCKS = 20, STAGED_BLOCKS = 200 };

// How many received packets make a block.
static unsigned received_per_block(const struct rig_plan *plan)
{
	unsigned packets = BLOCK_PACKETS / plan->consumers;

	return packets == 0 ? 1 : packets;
}

static uint64_t block_ours(struct rig *r, unsigned received, unsigned expected)
{
	rig_receive(r, received);
	uint64_t start = ticks_now();
	unsigned sent = rig_run(r);
	uint64_t ticks = ticks_now() - start;
	if (sent == expected)
		return ticks;
	fprintf(stderr, "bench: %u packets went out and not %u: the figures would be wrong\n", sent,
		expected);
	exit(1);
}

static uint64_t block_bare(struct bare *b, enum bare_way way, unsigned packets)
{
	uint64_t start = ticks_now();

	bare_seal(b, way, packets);
	return ticks_now() - start;
}

static void stages(struct rig *r, unsigned received, unsigned packets, struct report_row *row)
{
	uint64_t all = 0;

	rig_stages_start(r);
	for (unsigned i = 0; i < STAGED_BLOCKS; i++)
		all += block_ours(r, received, packets);
	struct rig_stages s = rig_stages_stop(r);
	double sealed = (double)packets * STAGED_BLOCKS;
	row->staged = true;
	row->open = (double)s.open / sealed;
	row->seal = (double)s.seal / sealed;
	row->transmit = (double)s.transmit / sealed;
	row->rest = (double)(all - s.open - s.seal - s.transmit) / sealed;
}

static void time_it(const struct options *o, struct rig *r, struct bare *b,
		    const struct rig_plan *plan, struct report_row *row)
{
	static struct samples ours, bare[BARE_EVP];
	unsigned received = received_per_block(plan);
	unsigned packets = received * plan->consumers;

	ours.count = bare[BARE_IN_PLACE].count = bare[BARE_OUT_OF_PLACE].count = 0;
	for (unsigned i = 0; i < o->blocks; i++) {
		for (enum bare_way way = 0; way < BARE_EVP; way++)
			samples_add(&bare[way], block_bare(b, way, packets), packets);
		samples_add(&ours, block_ours(r, received, packets), packets);
	}
	stages(r, received, packets, row);
	struct summary in_place = samples_summary(&bare[BARE_IN_PLACE]);
	struct summary out_of_place = samples_summary(&bare[BARE_OUT_OF_PLACE]);
	row->ours = samples_summary(&ours);
	row->bare = in_place.quartile < out_of_place.quartile ? in_place : out_of_place;
}

// For callgrind, which is told when to count.
static void count_it(const struct options *o, struct rig *r, const struct rig_plan *plan)
{
	unsigned received = received_per_block(plan);
	unsigned packets = received * plan->consumers;

	for (unsigned i = 0; i < o->blocks; i++) {
		rig_receive(r, received);
		CALLGRIND_START_INSTRUMENTATION;
		rig_run(r);
		CALLGRIND_STOP_INSTRUMENTATION;
	}
	printf("{\"packets\": %u}\n", packets * o->blocks);
}

static void run(const struct options *o, const struct clock_facts *clock, uint32_t features,
		const struct rig_plan *plan)
{
	struct report_row row = {
		.bench = "fanout",
		.engine = plan->engine->name,
		.suite = srtp_suite_name(plan->suite),
		.checksum = option_checksum_name(plan->checksum),
		.features = option_features_name(features),
		.bytes = plan->bytes,
		.consumers = plan->consumers,
		.tracks = plan->tracks,
	};
	struct rig *r = rig_new(plan);
	unsigned received = received_per_block(plan);

	row.pages = rig_pages();
	for (unsigned i = 0; i < WARM_BLOCKS; i++)
		block_ours(r, received, received * plan->consumers);
	if (getenv("BENCH_INSTRUCTIONS") != NULL) {
		count_it(o, r, plan);
	} else {
		struct bare *b = bare_new(plan->suite, plan->consumers * plan->tracks, plan->bytes,
					  rig_header_bytes(r));
		time_it(o, r, b, plan, &row);
		report_print(o, clock, &row);
		bare_free(b);
	}
	rig_free(r);
}

static void each_checksum(const struct options *o, const struct clock_facts *clock,
			  struct rig_plan *plan)
{
	for (unsigned c = 0; c < o->checksums.count; c++) {
		plan->checksum = (enum bench_checksum)o->checksums.value[c];
		for (unsigned f = 0; f < o->features.count; f++) {
			plan->features = option_features(o->features.value[f]);
			run(o, clock, o->features.value[f], plan);
		}
	}
}

static void each_size(const struct options *o, const struct clock_facts *clock,
		      struct rig_plan *plan)
{
	for (unsigned b = 0; b < o->bytes.count; b++)
		for (unsigned t = 0; t < o->tracks.count; t++)
			for (unsigned n = 0; n < o->consumers.count; n++) {
				plan->bytes = o->bytes.value[b];
				plan->tracks = o->tracks.value[t];
				plan->consumers = o->consumers.value[n];
				each_checksum(o, clock, plan);
			}
}

int main(int argc, char **argv)
{
	struct options o;

	options_read(&o, argc, argv);
	if (!ipsec_mb_instruction_set(o.instruction_set)) {
		fprintf(stderr, "--instruction-set %s is wrong: this CPU has not got it\n",
			o.instruction_set);
		return 2;
	}
	if (!srtp_engine_ipsec_mb.start() || !srtp_engine_libsrtp2.start())
		return 1;
	struct clock_facts clock = clock_calibrate();
	report_head(&o, &clock);
	for (unsigned s = 0; s < o.suites.count; s++)
		for (unsigned e = 0; e < o.engines.count; e++) {
			struct rig_plan plan = {
				.engine = option_engine(o.engines.value[e]),
				.suite = (enum shm_suite)o.suites.value[s],
			};
			each_size(&o, &clock, &plan);
		}
	return 0;
}
