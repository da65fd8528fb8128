// SPDX-License-Identifier: Apache-2.0
//
// tests/sim/traces.c - the same feedback gives the same estimate: traces beside this file are
// replayed and held against the estimates committed with them.
//
// usage: sim_traces TRACE...            compares TRACE.log with TRACE.estimates
//        sim_traces --accept TRACE...   writes TRACE.estimates anew
// A change of the estimator that is meant shows as a diff of the .estimates files: accept, read the
// diff, and commit it with the change and its reason.
//
// Lines of a trace, times in microseconds:
//   probe TIME ID BIT/S BYTES PACKETS     sent TIME BYTES KIND PROBE     feedback TIME RTCP-IN-HEX
//   remb TIME BIT/S                       report TIME FRACTION-LOST RTT-US
#include "proto/rtc/bandwidth/estimator.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 4096, STEP_US = 250000, RTCP_MAX = 1200, LINE_MAX_BYTES = 4096 };

static struct estimator estimator;
static struct sent_packet slots[SLOTS];

static void feed_feedback(const char *hex, uint64_t now_us)
{
	uint8_t rtcp[RTCP_MAX];
	size_t size = 0;
	unsigned byte;
	struct rtcp_walk walk;
	struct rtcp_packet p;
	struct twcc_feedback f;

	for (; size < sizeof(rtcp) && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		rtcp[size++] = (uint8_t)byte;
	rtcp_walk_init(&walk, rtcp, size);
	while (rtcp_walk_next(&walk, &p))
		if (twcc_read(&p, &f))
			estimator_feedback(&estimator, &f, now_us);
}

// Returns false for a line it does not know.
static bool feed(const char *line, uint64_t now_us)
{
	struct probe p;
	unsigned a, b, c;
	uint64_t value;
	int hex = 0;

	if (sscanf(line, "probe %*u %u %" SCNu64 " %u %u", &p.id, &p.bps, &p.bytes, &p.pkts) == 4)
		probe_results_start(&estimator.results, &p);
	else if (sscanf(line, "sent %*u %u %u %u", &a, &b, &c) == 3 && b <= PACKET_PADDING)
		estimator_sent(&estimator, a, b, c, now_us);
	else if (sscanf(line, "feedback %*u %n", &hex) == 0 && hex != 0)
		feed_feedback(line + hex, now_us);
	else if (sscanf(line, "remb %*u %" SCNu64, &value) == 1)
		estimator_remb(&estimator, value);
	else if (sscanf(line, "report %*u %u %" SCNu64, &a, &value) == 2 && a <= UINT8_MAX)
		estimator_report(&estimator, (uint8_t)a, value, now_us);
	else
		return false;
	return true;
}

// As housekeeping does.
static void account(uint64_t *due_us, uint64_t now_us)
{
	if (now_us < *due_us)
		return;
	estimator_account(&estimator);
	*due_us = now_us + ESTIMATOR_POLL_US;
}

static void print_until(FILE *out, uint64_t *next_us, uint64_t now_us)
{
	struct probe unused;

	for (; *next_us <= now_us; *next_us += STEP_US) {
		estimator_poll(&estimator, *next_us, &unused); // nothing is wanted: none starts
		fprintf(out, "%7.2f s %9" PRIu64 " bit/s\n", (double)*next_us / 1000000,
			estimator_bps(&estimator));
	}
}

static bool replay(const char *trace, FILE *out)
{
	char path[4096], line[LINE_MAX_BYTES];
	struct estimator_limits limits = {
		.start_bps = 300000, .min_bps = 30000, .max_bps = 20000000};
	uint64_t now_us, next_us = STEP_US, account_us = 0;
	bool good = true;

	snprintf(path, sizeof(path), "%s.log", trace);
	FILE *in = fopen(path, "r");
	if (in == NULL) {
		perror(path);
		return false;
	}
	estimator_init(&estimator, &limits, slots, SLOTS, 0);
	while (good && fgets(line, sizeof(line), in) != NULL) {
		if (line[0] == '#')
			continue;
		good = sscanf(line, "%*s %" SCNu64, &now_us) == 1;
		if (good) {
			account(&account_us, now_us);
			print_until(out, &next_us, now_us);
		}
		good = good && feed(line, now_us);
		if (!good)
			fprintf(stderr, "%s: not a line of a trace: %s", path, line);
	}
	print_until(out, &next_us, next_us);
	fclose(in);
	return good;
}

// Prints the first lines that differ.
static bool same(const char *trace, const char *got)
{
	char path[4096], line[LINE_MAX_BYTES];
	int different = 0;

	snprintf(path, sizeof(path), "%s.estimates", trace);
	FILE *in = fopen(path, "r");
	if (in == NULL) {
		perror(path);
		return false;
	}
	while (fgets(line, sizeof(line), in) != NULL) {
		size_t size = strcspn(got, "\n");
		if (size + 1 != strlen(line) || memcmp(line, got, size) != 0)
			if (different++ < 5)
				printf("%s\n-%s+%.*s\n", path, line, (int)size, got);
		got += size + (got[size] == '\n');
	}
	different += *got != '\0';
	fclose(in);
	if (different != 0)
		printf("%s: %d lines differ; if that is meant: sim_traces --accept %s\n", path,
		       different, trace);
	return different == 0;
}

static bool accept(const char *trace, const char *got)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s.estimates", trace);
	FILE *out = fopen(path, "w");
	if (out == NULL || fputs(got, out) < 0 || fclose(out) != 0) {
		perror(path);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	bool accepting = argc > 1 && strcmp(argv[1], "--accept") == 0, good = true;

	if (argc < 2 + accepting) {
		fputs("usage: sim_traces [--accept] TRACE...\n", stderr);
		return 2;
	}
	for (int i = 1 + accepting; i < argc; i++) {
		char *got = NULL;
		size_t size;
		FILE *out = open_memstream(&got, &size);
		if (out == NULL)
			abort();
		bool replayed = replay(argv[i], out);
		fclose(out);
		good = replayed && (accepting ? accept(argv[i], got) : same(argv[i], got)) && good;
		free(got);
	}
	return good ? 0 : 1;
}
