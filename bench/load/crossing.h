// SPDX-License-Identifier: Apache-2.0
//
// bench/load/crossing.h - how long a cache line takes from the generator's core to the SFU's and
// back. Where a host moves virtual CPUs about, they share a level 3 cache for some seconds and do
// not for the next, and what crosses between them, as everything in a memif does, costs several
// times as much.
#pragma once

#include <stdint.h>

// Median of 2000 round trips in TSC ticks; 0 where 'far' is the calling thread's core, or no thread
// may run there. Takes milliseconds where another thread has that core: never during a trial.
uint64_t crossing_ticks(unsigned far);
