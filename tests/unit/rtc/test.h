// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/test.h - cmocka with what it needs in front, and a seeded generator.
//
// SLUICE_TEST_SEED repeats a run: random tests print the seed they used.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct prng {
	uint64_t state;
};

static inline uint64_t prng_next(struct prng *p)
{
	// splitmix64
	uint64_t z = p->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint64_t prng_below(struct prng *p, uint64_t limit)
{
	return prng_next(p) % limit;
}

static inline struct prng prng_start(uint64_t seed)
{
	const char *given = getenv("SLUICE_TEST_SEED");
	if (given != NULL)
		seed = strtoull(given, NULL, 0);
	printf("seed 0x%llx\n", (unsigned long long)seed);
	return (struct prng){.state = seed};
}
