// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/error.h - what a failed call tells: code, reason, sentence, facts.
//
// Path     call.c -> [error] -> grpc_reply.c
// Owns     its facts.
// Spec     google.rpc.Status and ErrorInfo; the reasons are proto/api/sluice/v1/errors.proto.
#ifndef SLUICE_CONTROLPLANE_RPC_ERROR_H
#define SLUICE_CONTROLPLANE_RPC_ERROR_H

#include <glib.h>

#include "controlplane/rpc/status.h"
#include "proto/api/sluice/v1/errors.pb-c.h"

enum rpc_error_limits {
	// All of it travels in one block of fields, of which clients take 8 KiB.
	RPC_ERROR_FACTS_MAX = 4,
	RPC_ERROR_FACT_BYTES_MAX = 200,
	RPC_ERROR_TEXT_BYTES_MAX = 1024, // before percent-encoding
};

// "METHOD_UNKNOWN" is RPC_REASON(METHOD_UNKNOWN) here.
#define RPC_REASON(name) SLUICE__V1__ERROR_REASON__##name

// Key and value of one entry of ErrorInfo.metadata.
struct rpc_facts {
	const char *keys[RPC_ERROR_FACTS_MAX]; // literals
	char *values[RPC_ERROR_FACTS_MAX];
	unsigned count;
};

struct rpc_error {
	enum rpc_status code;
	Sluice__V1__ErrorReason reason;
	const char *text;
	const struct rpc_facts *facts; // may be NULL
};

// Takes `value`, which is cut to RPC_ERROR_FACT_BYTES_MAX and made valid UTF-8.
void rpc_facts_add(struct rpc_facts *facts, const char *key, char *value);
void rpc_facts_clear(struct rpc_facts *facts);

// `text` as it is sent: at most RPC_ERROR_TEXT_BYTES_MAX, valid UTF-8. Gives the copy.
char *rpc_error_text(const char *text);

// The value of grpc-status-details-bin. Gives it.
char *rpc_error_details(const struct rpc_error *error);

#endif
