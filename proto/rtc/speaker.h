// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/speaker.h - who speaks: activity per audio track from its packets' levels, the dominant
// speaker, and the N loudest to be forwarded.
//
// Place   the publisher's worker hears the levels; whoever owns the room's choice asks the rest.
// Thread  one writer per struct speaker; the choices are pure functions.
// Owns    nothing; time comes in, no floating point.
// Spec    RFC 6464 (audio level). Two time scales, as in Volfin and Cohen, "Dominant speaker
//         identification for multipoint videoconferencing" (2012): a short one so that speech shows
//         soon, a long one so that a cough does not win the room.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SPEAKER_LEVEL_SILENT = 127, // RFC 6464: -dBov, 0 is the loudest
	SPEAKER_STEP_US = 20000, // activity is kept in steps of this
	SPEAKER_SHORT_STEPS = 16, // time constants
	SPEAKER_LONG_STEPS = 64,
	SPEAKER_ACTIVITY_MAX = 1 << 16,
	SPEAKER_NONE = -1,
};

struct speaker {
	uint64_t step; // time of the newest level, in steps
	uint32_t level_activity; // of that step, the loudest packet; 0..SPEAKER_ACTIVITY_MAX
	uint32_t short_activity; // averages, 0..SPEAKER_ACTIVITY_MAX
	uint32_t long_activity;
};

// One packet's level, 0 (loudest) to 127 (silence). 'voice': the V bit; without it the level counts
// half, since it may be noise.
void speaker_hear(struct speaker *s, uint8_t level, bool voice, uint64_t now_us);

// Brings the averages to 'now_us': silence since the newest packet (DTX, loss) counts as such.
void speaker_settle(struct speaker *s, uint64_t now_us);

// The dominant speaker among settled ones. 'current' (an index or SPEAKER_NONE) stays until another
// speaks clearly more on both time scales; silence never unseats anybody. Returns an index, or
// SPEAKER_NONE while nobody has spoken.
int speaker_dominant(const struct speaker *speakers, size_t count, int current);

// Chooses the 'n' most active among settled ones: of 'now' exactly min(n, count) become true.
// Whoever 'was' chosen has the advantage of SPEAKER_STAY_PERCENT. The arrays do not overlap.
enum { SPEAKER_STAY_PERCENT = 25 };
void speaker_choose(const struct speaker *speakers, size_t count, size_t n, const bool *was,
		    bool *now);

// Chooses the 'n' that had the word last: 'turns' says when, larger is later, 0 never. Among equals
// whoever 'was' chosen stays. Otherwise as above.
void speaker_choose_recent(const uint64_t *turns, size_t count, size_t n, const bool *was,
			   bool *now);
