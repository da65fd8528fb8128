// SPDX-License-Identifier: Apache-2.0
//
// bench/report.h - one row of a bench, as JSON or as a line of a table.
#pragma once

#include "bench/options.h"
#include "bench/timing.h"

struct report_row {
	const char *bench;
	const char *engine;
	const char *suite;
	const char *checksum; // NULL: none is in it
	const char *pages; // NULL: does not matter
	const char *features; // NULL: no fan-out is in it
	uint32_t bytes;
	uint32_t consumers;
	uint32_t tracks;
	struct summary ours; // ticks a packet
	struct summary bare; // the faster way of ipsec-mb
	struct summary evp; // 0: not measured
	bool staged;
	double open, seal, transmit, rest; // ticks a packet
};

void report_head(const struct options *o, const struct clock_facts *clock);
void report_print(const struct options *o, const struct clock_facts *clock,
		  const struct report_row *row);
