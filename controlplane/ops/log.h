// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/log.h - lines to standard error, for people (text) or collectors (json).
//
// Path     anybody, and GLib's own messages -> [log] -> log_limit.c, log_redact.c -> stderr
// Thread   any; a line is written with one write().
// Owns     the process-wide options, set once at start.
// Bounds   one message comes LOG_LIMIT_LINES times in LOG_LIMIT_S; the rest is counted, and the
//          next line of that message says how many there were.
// Never    a key, a password, a token, a session secret.
#ifndef SLUICE_CONTROLPLANE_OPS_LOG_H
#define SLUICE_CONTROLPLANE_OPS_LOG_H

#include <glib.h>
#include <stdbool.h>

#include "controlplane/ops/metrics.h"

enum log_level {
	LOG_DEBUG,
	LOG_INFO,
	LOG_WARNING,
	LOG_ERROR,
	LOG_LEVELS,
};

struct log_options {
	enum log_level threshold; // what is below is not written
	bool json;
	bool redact_addresses; // IP addresses are written as "(address)"
};

// Takes over GLib's messages too, so that libraries' lines have the same form.
void log_open(const struct log_options *options);

// `area` is the folder that speaks: "rpc", "session", "ice", "dtls", "link". A literal `format`
// tells one message from another.
void log_line(enum log_level level, const char *area, const char *format, ...) G_GNUC_PRINTF(3, 4);

// A collector; `data` is not used.
void log_collect(struct metrics_page *page, void *data);

#define log_debug(area, ...) log_line(LOG_DEBUG, area, __VA_ARGS__)
#define log_info(area, ...) log_line(LOG_INFO, area, __VA_ARGS__)
#define log_warning(area, ...) log_line(LOG_WARNING, area, __VA_ARGS__)
#define log_error(area, ...) log_line(LOG_ERROR, area, __VA_ARGS__)

#endif
