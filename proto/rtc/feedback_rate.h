// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/feedback_rate.h - how often a sender is told what arrived: as often as asked for, and
// at a rate within FEEDBACK_SHARE_PERCENT of its media. Speech is told less often than a camera.
//
// Place   the publisher's worker, per transport, in front of twcc_poll().
// Thread  one owner. Time is the caller's microseconds and never goes back.
// Owns    nothing; plain integers. Zeroed at the start.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	FEEDBACK_SHARE_PERCENT = 5, // of the media
	FEEDBACK_SAVED_BYTES = 2000, // credit that may be saved up, and owed
	FEEDBACK_AGAIN_US = 1000000, // however little is sent, it is told so often
};

struct feedback_rate {
	int64_t credit; // in hundredths of a byte
	uint64_t told_us; // when it was last allowed
};

static inline int64_t feedback_clamp(int64_t credit)
{
	const int64_t most = INT64_C(100) * FEEDBACK_SAVED_BYTES;

	return credit > most ? most : credit < -most ? -most : credit;
}

// 'bytes' of media arrived.
static inline void feedback_earn(struct feedback_rate *f, uint32_t bytes)
{
	f->credit = feedback_clamp(f->credit + (int64_t)bytes * FEEDBACK_SHARE_PERCENT);
}

// 'bytes' of reports and feedback leave.
static inline void feedback_spend(struct feedback_rate *f, uint64_t bytes)
{
	f->credit = feedback_clamp(f->credit - (int64_t)bytes * 100);
}

// True if feedback may leave now; it is then to be paid for.
static inline bool feedback_may(struct feedback_rate *f, uint64_t now_us)
{
	if (f->credit < 0 && now_us - f->told_us < FEEDBACK_AGAIN_US)
		return false;
	f->told_us = now_us;
	return true;
}
