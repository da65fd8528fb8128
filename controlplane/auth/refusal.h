// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/refusal.h - why somebody may not: code, reason and a sentence without secrets.
#pragma once

#include "controlplane/rpc/error.h"

enum { AUTH_TEXT_BYTES = 192 };

struct auth_refusal {
	enum rpc_status code; // RPC_UNAUTHENTICATED or RPC_PERMISSION_DENIED
	Sluice__V1__ErrorReason reason;
	const char *grant; // GRANT_MISSING: what is needed, a literal (the fact "value"); else NULL
	char text[AUTH_TEXT_BYTES];
};

// Fills it and returns NULL, for "return auth_refuse(...)".
void *auth_refuse(struct auth_refusal *why, enum rpc_status code, Sluice__V1__ErrorReason reason,
		  const char *format, ...) G_GNUC_PRINTF(4, 5);
