// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/replay.h - the replay window: check before authentication, commit after it.
//
// Place   receive path, per SSRC, and per transport for SRTCP. A forged packet meets only
//         replay_check(), which changes nothing.
// Thread  one owner.
// Spec    RFC 3711 3.3.2; the window that never shifts is the idea of RFC 6479.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { REPLAY_WORDS = 17, REPLAY_SPAN = (REPLAY_WORDS - 1) * 64 };

// All zero is the fresh window. Plain fixed-width integers: may lie in shared memory.
struct replay {
	uint64_t highest;
	uint64_t bits[REPLAY_WORDS];
	uint64_t started; // 0 or 1
};

// True if 'index' is neither seen nor more than the span behind.
bool replay_check(const struct replay *r, uint64_t index);
// Marks 'index' as seen. Only after replay_check() said yes (assert) and the tag verified.
void replay_commit(struct replay *r, uint64_t index);
