// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/random.h - where the library's random bytes come from: the caller.
//
// Place   transaction ids and jittered timers. Tests pass a seeded generator.
#pragma once

#include <stddef.h>
#include <stdint.h>

// 'fill' writes 'size' unpredictable bytes (RFC 8489 5 wants that of transaction ids) and cannot
// fail.
struct rtc_random {
	void (*fill)(void *ctx, uint8_t *out, size_t size);
	void *ctx;
};
