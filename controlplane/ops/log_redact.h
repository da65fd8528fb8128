// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/log_redact.h - takes IP addresses out of a line.
//
// Path     log.c -> [log_redact]
//
// By what the finished line holds, not by who wrote it: that covers what libraries say too.
#ifndef SLUICE_CONTROLPLANE_OPS_LOG_REDACT_H
#define SLUICE_CONTROLPLANE_OPS_LOG_REDACT_H

#define LOG_REDACTED "(address)"

// Gives `text` with every IPv4 and IPv6 address replaced; a port beside it stays.
char *log_redact(const char *text);

#endif
