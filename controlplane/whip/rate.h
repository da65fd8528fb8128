// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/rate.h - how often one peer may POST, PATCH and DELETE: a token bucket each.
//
// Place    before anything is parsed or looked up, so that it also bounds guesses at session URLs.
// Thread   the API's GMainContext; the time is handed in.
// Owns     at most RATE_PEERS_MAX buckets; when there are more, full ones go first, then all.
// Spec     RFC 9725 5 (rate limits), RFC 6585 4 (429).
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	RATE_PEERS_MAX = 4096,
};

struct rate_limit;

// So many requests of a peer at once, and afterwards so many a second.
struct rate_limit *rate_limit_new(unsigned burst, unsigned per_s);
void rate_limit_free(struct rate_limit **limit);

// 'peer' is an address with or without its port: all ports of an address share one bucket. False if
// the peer has to wait.
bool rate_limit_take(struct rate_limit *limit, const char *peer, int64_t now_us);
