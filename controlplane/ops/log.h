// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/log.h - lines to standard error, for people (text) or collectors (json).
//
// Thread   any; a line is written with one write().
// Owns     the process-wide format and threshold, set once at start.
// Never    a key, a password, a token, a session secret.
#ifndef SLUICE_CONTROLPLANE_OPS_LOG_H
#define SLUICE_CONTROLPLANE_OPS_LOG_H

#include <glib.h>
#include <stdbool.h>

enum log_level {
	LOG_DEBUG,
	LOG_INFO,
	LOG_WARNING,
	LOG_ERROR,
};

void log_open(enum log_level threshold, bool json);

// `area` is the folder that speaks: "rpc", "session", "ice", "dtls", "link".
void log_line(enum log_level level, const char *area, const char *format, ...) G_GNUC_PRINTF(3, 4);

#define log_debug(area, ...) log_line(LOG_DEBUG, area, __VA_ARGS__)
#define log_info(area, ...) log_line(LOG_INFO, area, __VA_ARGS__)
#define log_warning(area, ...) log_line(LOG_WARNING, area, __VA_ARGS__)
#define log_error(area, ...) log_line(LOG_ERROR, area, __VA_ARGS__)

#endif
