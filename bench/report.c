// SPDX-License-Identifier: Apache-2.0
//
// bench/report.c - prints rows. bench/README.md explains every field.
#include "bench/report.h"

#include "dataplane/srtp/ipsec_mb.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// What the bare cipher takes on the CPU that the bars are written for, AVX2: far from it a ratio
// says nothing about them.
static const struct {
	const char *suite;
	uint32_t bytes;
	double cycles;
} bare_known[] = {
	{"AEAD_AES_128_GCM", 1200, 745},
	{"AEAD_AES_128_GCM", 160, 158},
};
enum { BARE_KNOWN = sizeof(bare_known) / sizeof(bare_known[0]), VOID_REASON_BYTES = 96 };
static const double bare_apart_max = 0.1;

// Why a row is not to be held against the bars; empty: nothing speaks against it.
static void void_reason(const struct report_row *r, char reason[VOID_REASON_BYTES])
{
	reason[0] = '\0';
	for (unsigned i = 0; i < BARE_KNOWN; i++) {
		double known = bare_known[i].cycles, apart = fabs(r->bare.quartile - known);

		if (r->bytes == bare_known[i].bytes && strcmp(r->suite, bare_known[i].suite) == 0 &&
		    apart > bare_apart_max * known)
			snprintf(reason, VOID_REASON_BYTES,
				 "the bare cipher's %.1f cycles are not within %.0f %% of %.0f",
				 r->bare.quartile, 100 * bare_apart_max, known);
	}
}

void report_head(const struct options *o, const struct clock_facts *clock)
{
	if (o->json)
		return;
	printf("TSC %.3f GHz, %.2f core cycles a TSC cycle, %.1f %% of idle time lost in gaps, "
	       "ipsec-mb on %s\n",
	       clock->ghz, clock->core_ratio, 100 * clock->gap_share,
	       ipsec_mb_instruction_set_name());
	printf("%-7s %-9s %-24s %5s %5s %6s %8s %5s %8s | %8s %8s %6s %7s %8s | %5s %6s %6s %5s "
	       "%5s\n",
	       "bench", "engine", "suite", "bytes", "cons.", "tracks", "checksum", "pages",
	       "features", "ns", "bare ns", "ratio", "rest cy", "evp ns", "open", "seal", "send",
	       "other", "gaps%");
}

static void table(const struct clock_facts *c, const struct report_row *r)
{
	char reason[VOID_REASON_BYTES];

	void_reason(r, reason);
	printf("%-7s %-9s %-24s %5u %5u %6u %8s %5s %8s | %8.1f %8.1f %6.3f %7.0f %8.1f | %5.0f "
	       "%6.0f "
	       "%6.0f "
	       "%5.0f %5.1f%s%s\n",
	       r->bench, r->engine, r->suite, r->bytes, r->consumers, r->tracks,
	       r->checksum != NULL ? r->checksum : "-", r->pages != NULL ? r->pages : "-",
	       r->features != NULL ? r->features : "-", r->ours.quartile / c->ghz,
	       r->bare.quartile / c->ghz, r->ours.quartile / r->bare.quartile,
	       r->ours.quartile - r->bare.quartile, r->evp.quartile / c->ghz, r->open, r->seal,
	       r->transmit, r->rest, 100 * r->ours.gap_share, reason[0] != '\0' ? " void: " : "",
	       reason);
}

static void json_summary(const char *name, const struct summary *s, double ghz)
{
	printf(", \"%s\": {\"minimum\": %.2f, \"quartile\": %.2f, \"median\": %.2f, "
	       "\"gap_share\": %.4f}",
	       name, s->minimum / ghz, s->quartile / ghz, s->median / ghz, s->gap_share);
}

static void json(const struct options *o, const struct clock_facts *c, const struct report_row *r)
{
	double ns = r->ours.quartile / c->ghz;
	char reason[VOID_REASON_BYTES];

	void_reason(r, reason);
	printf("{\"bench\": \"%s\", \"engine\": \"%s\", \"instruction_set\": \"%s\", "
	       "\"suite\": \"%s\", \"bytes\": %u, \"consumers\": %u, \"tracks\": %u, "
	       "\"workers\": 1, \"blocks\": %u",
	       r->bench, r->engine, ipsec_mb_instruction_set_name(), r->suite, r->bytes,
	       r->consumers, r->tracks, o->blocks);
	if (r->checksum != NULL)
		printf(", \"checksum\": \"%s\"", r->checksum);
	if (r->features != NULL)
		printf(", \"features\": \"%s\"", r->features);
	if (r->pages != NULL)
		printf(", \"pages\": \"%s\"", r->pages);
	printf(", \"ns_per_packet\": %.2f, \"packets_per_second\": %.0f, \"bare_ns\": %.2f, "
	       "\"bare_cycles\": %.1f, \"ratio\": %.4f, \"cycles_not_cipher\": %.1f",
	       ns, 1e9 / ns, r->bare.quartile / c->ghz, r->bare.quartile,
	       r->ours.quartile / r->bare.quartile, r->ours.quartile - r->bare.quartile);
	if (r->evp.quartile != 0)
		printf(", \"evp_ns\": %.2f", r->evp.quartile / c->ghz);
	if (r->staged)
		printf(", \"stage_cycles\": {\"open\": %.1f, \"seal\": %.1f, \"transmit\": %.1f, "
		       "\"other\": %.1f}",
		       r->open, r->seal, r->transmit, r->rest);
	if (reason[0] != '\0')
		printf(", \"void\": \"%s\"", reason);
	else
		printf(", \"void\": null");
	json_summary("ours", &r->ours, c->ghz);
	json_summary("bare", &r->bare, c->ghz);
	printf(", \"tsc_ghz\": %.4f, \"core_cycles_per_tsc_cycle\": %.3f, \"idle_gap_share\": "
	       "%.4f}\n",
	       c->ghz, c->core_ratio, c->gap_share);
}

void report_print(const struct options *o, const struct clock_facts *clock,
		  const struct report_row *row)
{
	if (o->json)
		json(o, clock, row);
	else
		table(clock, row);
	fflush(stdout);
}
