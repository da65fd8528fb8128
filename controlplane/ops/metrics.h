// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/metrics.h - numbers for Prometheus: collectors, asked anew at each scrape.
//
// Path     counters kept in rpc/, link/, session/ -> collector -> [metrics] -> metrics_route.c
// Thread   the API's GMainContext alone: whoever counts and whoever reads.
// Labels   bounded lists known at build or start (reasons, methods, workers); never a room, a
//          participant, an address. Every series is written from the first scrape on, at 0.
// Spec     Prometheus text exposition format 0.0.4; names and units by its naming practices.
#ifndef SLUICE_CONTROLPLANE_OPS_METRICS_H
#define SLUICE_CONTROLPLANE_OPS_METRICS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics;

// The text of one scrape, being written by a collector.
struct metrics_page;
typedef void (*metrics_collect_fn)(struct metrics_page *page, void *data);

struct metrics *metrics_new(void);
// Accepts NULL; clears the caller's pointer.
void metrics_free(struct metrics **metrics);

// Collectors are asked in the order in which they were added. Borrows `data`.
void metrics_add_collector(struct metrics *metrics, metrics_collect_fn collect, void *data);

// Asks all collectors. Gives the text.
char *metrics_text(const struct metrics *metrics);

// The same as the body of an answer. `accept_encoding` is the request's field, or NULL; `gzipped`
// says whether the body is content-encoding gzip.
GBytes *metrics_body(const struct metrics *metrics, const char *accept_encoding, bool *gzipped);

enum metrics_type {
	METRICS_COUNTER, // its name ends in _total
	METRICS_GAUGE,
	METRICS_HISTOGRAM,
};

// Begins a family: all of its series follow before the next one. The strings are constants.
void metrics_family(struct metrics_page *page, const char *name, enum metrics_type type,
		    const char *help);

// One series of the family. Labels are pairs of name and value, ended by NULL.
void metrics_count(struct metrics_page *page, uint64_t value, ...) G_GNUC_NULL_TERMINATED;
void metrics_value(struct metrics_page *page, double value, ...) G_GNUC_NULL_TERMINATED;

// A family with one series and no label.
void metrics_single_count(struct metrics_page *page, const char *name, uint64_t value,
			  const char *help);
void metrics_single_gauge(struct metrics_page *page, const char *name, double value,
			  const char *help);

enum { METRICS_BOUNDS_MAX = 14 };

// Upper bounds in ascending order, without the last one, which is infinity.
struct metrics_bounds {
	size_t count;
	double bound[METRICS_BOUNDS_MAX];
};
// In seconds: of calls answered from memory or after an epoch, and of handshakes over a network.
extern const struct metrics_bounds metrics_call_bounds;
extern const struct metrics_bounds metrics_handshake_bounds;

// All zeros is an empty histogram.
struct metrics_histogram {
	uint64_t buckets[METRICS_BOUNDS_MAX + 1]; // each by itself, not yet summed up
	double sum;
};
void metrics_observe(struct metrics_histogram *h, const struct metrics_bounds *bounds,
		     double value);
void metrics_histogram(struct metrics_page *page, const struct metrics_histogram *h,
		       const struct metrics_bounds *bounds, ...) G_GNUC_NULL_TERMINATED;

#endif
