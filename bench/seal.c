// SPDX-License-Identifier: Apache-2.0
//
// bench/seal.c - an engine's sealing alone, in bursts of 32 through the seam of srtp/engine.h,
// against the bare ciphers on the same bytes and keys: libipsec-mb and OpenSSL's EVP.
#include "bench/bare.h"
#include "bench/options.h"
#include "bench/report.h"
#include "bench/timing.h"
#include "dataplane/core/limits.h"
#include "dataplane/srtp/engine.h"
#include "dataplane/srtp/ipsec_mb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BURSTS = 32, HEADER_BYTES = 28, PACKET_BYTES = 2048 };

struct sealer {
	const struct srtp_engine *engine;
	struct srtp_lanes *lanes;
	struct srtp_stream **streams;
	uint64_t *indices;
	uint32_t keys;
	uint32_t next;
	uint32_t bytes;
	uint8_t source[PACKET_BYTES];
	uint8_t packets[BURST_PKTS_MAX][PACKET_BYTES];
};

static struct sealer *sealer_new(const struct srtp_engine *engine, enum shm_suite suite,
				 uint32_t keys, uint32_t bytes)
{
	struct sealer *s = calloc(1, sizeof(*s));

	if (s == NULL)
		exit(1);
	s->engine = engine;
	s->lanes = engine->lanes_new();
	s->streams = calloc(keys, sizeof(s->streams[0]));
	s->indices = calloc(keys, sizeof(s->indices[0]));
	s->keys = keys;
	s->bytes = bytes;
	for (uint32_t i = 0; i < keys; i++) {
		uint8_t master[SHM_MASTER_BYTES_MAX];
		for (unsigned k = 0; k < sizeof(master); k++)
			master[k] = (uint8_t)(i * 31 + k * 7);
		s->streams[i] = engine->stream_new(suite, SRTP_SEND, master, i + 1, 0);
		if (s->streams[i] == NULL)
			exit(1);
	}
	return s;
}

static void sealer_free(struct sealer *s)
{
	for (uint32_t i = 0; i < s->keys; i++)
		s->engine->stream_free(s->streams[i]);
	s->engine->lanes_free(s->lanes);
	free(s->streams);
	free(s->indices);
	free(s);
}

static void job_make(struct sealer *s, struct srtp_job *job, uint8_t *packet)
{
	uint32_t key = s->next;
	uint64_t index = s->indices[key]++;
	uint8_t header[HEADER_BYTES] = {0x90,		96,	     (uint8_t)(index >> 8),
					(uint8_t)index, [12] = 0xbe, [13] = 0xde,
					[15] = 3};

	header[8] = (uint8_t)((key + 1) >> 24);
	header[9] = (uint8_t)((key + 1) >> 16);
	header[10] = (uint8_t)((key + 1) >> 8);
	header[11] = (uint8_t)(key + 1);
	memcpy(packet, header, sizeof(header));
	*job = (struct srtp_job){
		.stream = s->streams[key],
		.packet = packet,
		.payload = s->source,
		.index = index,
		.header_size = HEADER_BYTES,
		.size = (uint16_t)(HEADER_BYTES + s->bytes),
	};
	s->next = key + 1 == s->keys ? 0 : key + 1;
}

// Only the engine's call is timed.
static uint64_t block_ours(struct sealer *s)
{
	struct srtp_job jobs[BURST_PKTS_MAX];
	uint64_t ticks = 0;

	for (unsigned b = 0; b < BLOCK_BURSTS; b++) {
		for (unsigned i = 0; i < BURST_PKTS_MAX; i++)
			job_make(s, &jobs[i], s->packets[i]);
		uint64_t start = ticks_now();
		s->engine->seal(s->lanes, jobs, BURST_PKTS_MAX);
		ticks += ticks_now() - start;
		if (jobs[0].status != SRTP_OK)
			exit(1);
	}
	return ticks;
}

static void run(const struct options *o, const struct clock_facts *clock, struct report_row *row,
		const struct srtp_engine *engine, enum shm_suite suite)
{
	static struct samples ours, bare[BARE_WAYS];
	const unsigned packets = BLOCK_BURSTS * BURST_PKTS_MAX;
	struct sealer *s = sealer_new(engine, suite, row->consumers, row->bytes);
	struct bare *b = bare_new(suite, row->consumers, row->bytes, HEADER_BYTES);

	ours.count = 0;
	for (enum bare_way way = 0; way < BARE_WAYS; way++)
		bare[way].count = 0;
	for (unsigned i = 0; i < o->blocks; i++) {
		for (enum bare_way way = 0; way < BARE_WAYS; way++) {
			uint64_t start = ticks_now();
			bare_seal(b, way, packets);
			samples_add(&bare[way], ticks_now() - start, packets);
		}
		samples_add(&ours, block_ours(s), packets);
	}
	struct summary in_place = samples_summary(&bare[BARE_IN_PLACE]);
	struct summary out_of_place = samples_summary(&bare[BARE_OUT_OF_PLACE]);
	row->ours = samples_summary(&ours);
	row->bare = in_place.quartile < out_of_place.quartile ? in_place : out_of_place;
	row->evp = samples_summary(&bare[BARE_EVP]);
	report_print(o, clock, row);
	bare_free(b);
	sealer_free(s);
}

static void each_size(const struct options *o, const struct clock_facts *clock,
		      const struct srtp_engine *engine, enum shm_suite suite)
{
	for (unsigned b = 0; b < o->bytes.count; b++)
		for (unsigned n = 0; n < o->consumers.count; n++) {
			struct report_row row = {
				.bench = "seal",
				.engine = engine->name,
				.suite = srtp_suite_name(suite),
				.bytes = o->bytes.value[b],
				.consumers = o->consumers.value[n],
				.tracks = 1,
			};
			run(o, clock, &row, engine, suite);
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
		for (unsigned e = 0; e < o.engines.count; e++)
			each_size(&o, &clock, option_engine(o.engines.value[e]),
				  (enum shm_suite)o.suites.value[s]);
	return 0;
}
