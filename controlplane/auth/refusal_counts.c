// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/refusal_counts.c - see refusal_counts.h.
#include "controlplane/auth/refusal_counts.h"

#include "controlplane/ops/log.h"

static const Sluice__V1__ErrorReason reasons[] = {
	RPC_REASON(TOKEN_MISSING),
	RPC_REASON(TOKEN_MALFORMED),
	RPC_REASON(TOKEN_ALGORITHM_WRONG),
	RPC_REASON(TOKEN_KEY_UNKNOWN),
	RPC_REASON(TOKEN_SIGNATURE_WRONG),
	RPC_REASON(TOKEN_EXPIRED),
	RPC_REASON(TOKEN_NOT_YET_VALID),
	RPC_REASON(TOKEN_AUDIENCE_WRONG),
	RPC_REASON(TOKEN_REVOKED),
	RPC_REASON(TOKEN_ROOM_WRONG),
	RPC_REASON(GRANT_MISSING),
	RPC_REASON(CERTIFICATE_MISSING),
	RPC_REASON(CERTIFICATE_ROLE_MISSING),
	RPC_REASON(PEER_DENIED),
};
G_STATIC_ASSERT(G_N_ELEMENTS(reasons) == REFUSAL_REASONS);

static const char *name_of(Sluice__V1__ErrorReason reason)
{
	return protobuf_c_enum_descriptor_get_value(&sluice__v1__error_reason__descriptor,
						    (int)reason)
		->name;
}

void refusal_counts_add(struct refusal_counts *c, const struct auth_refusal *why, const char *peer,
			const char *path)
{
	for (size_t i = 0; i < REFUSAL_REASONS; i++)
		if (reasons[i] == why->reason)
			c->refused[i]++;
	log_info("auth", "%s: %s refused (%s): %s", peer, path, name_of(why->reason), why->text);
}

void refusal_counts_collect(struct metrics_page *page, const struct refusal_counts *c)
{
	metrics_family(page, "sluice_auth_refusals_total", METRICS_COUNTER,
		       "Requests refused for who asks, by reason; gRPC and plain HTTP.");
	for (size_t i = 0; i < REFUSAL_REASONS; i++)
		metrics_count(page, c->refused[i], "reason", name_of(reasons[i]), NULL);
}
