// SPDX-License-Identifier: Apache-2.0
//
// tests/path/both_workers.h - every test of a file in a room of its own, once with one worker and
// once with two. After <cmocka.h>.
#pragma once

#include "tests/path/room.h"

// 'make': struct room *(unsigned workers).
#define BOTH_WORKERS(make)                                                                         \
	static int one_worker(void **state)                                                        \
	{                                                                                          \
		*state = make(1);                                                                  \
		return 0;                                                                          \
	}                                                                                          \
	static int two_workers(void **state)                                                       \
	{                                                                                          \
		*state = make(2);                                                                  \
		return 0;                                                                          \
	}                                                                                          \
	static int leave(void **state)                                                             \
	{                                                                                          \
		room_free(*state);                                                                 \
		return 0;                                                                          \
	}

// Two entries of a table of tests.
#define BOTH(test)                                                                                 \
	{"1 worker: " #test, test, one_worker, leave, NULL},                                       \
	{                                                                                          \
		"2 workers: " #test, test, two_workers, leave, NULL                                \
	}
