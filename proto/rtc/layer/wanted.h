// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/wanted.h - which encodings of a track somebody wants, so that its publisher can
// be asked to stop the others.
//
// Place   layer_wishes: where consumers are, one per track; it merges theirs into few messages.
//         layer_wanted: where the publisher is; it merges the messages of all places.
// Thread  one owner each.
// Owns    nothing; plain integers. Time is the caller's microseconds and never goes back.
//
// A wish is repeated as long as it is there and forgotten when it is not, so nothing that is lost,
// and nobody who is gone, holds an encoding for long. What is wanted anew is told at once.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	LAYER_WANTED_ENCODINGS = 4, // bits of a mask, 0 the lowest
	LAYER_WANTED_REPEAT_US = 1000000, // a wish that stays is told this often
	// An encoding stops this long after the last wish: four repeats may get lost, and who comes
	// back from a look at something else finds it running.
	LAYER_WANTED_STOP_US = 5000000,
};

struct layer_wishes {
	uint64_t told_us;
	uint8_t told; // since told_us
	uint8_t gathered; // since then, told or not
};

// A consumer wants the encodings of 'mask'. Returns what is to be told now, of all consumers; 0:
// nothing.
uint8_t layer_wishes_add(struct layer_wishes *w, uint8_t mask, uint64_t now_us);

struct layer_wanted {
	uint64_t wanted_us[LAYER_WANTED_ENCODINGS]; // newest wish
};

// Everything counts as wanted now.
void layer_wanted_init(struct layer_wanted *w, uint64_t now_us);
void layer_wanted_add(struct layer_wanted *w, uint8_t mask, uint64_t now_us);
// What of 'encodings' encodings is to be sent. The lowest always is: it keeps the publisher's path
// measured, and whoever comes sees a picture at once.
uint8_t layer_wanted_mask(const struct layer_wanted *w, unsigned encodings, uint64_t now_us);
