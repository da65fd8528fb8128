// SPDX-License-Identifier: Apache-2.0
//
// tests/vectors/hex.h - hex text to bytes.
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static inline size_t hex_bytes(const char *text, uint8_t *out, size_t room)
{
	size_t size = strlen(text) / 2;

	assert(strlen(text) % 2 == 0 && size <= room);
	for (size_t i = 0; i < size; i++) {
		unsigned v;
		int got = sscanf(text + 2 * i, "%2x", &v);
		assert(got == 1);
		(void)got;
		out[i] = (uint8_t)v;
	}
	return size;
}
