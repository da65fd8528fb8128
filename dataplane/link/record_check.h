// SPDX-License-Identifier: Apache-2.0
//
// dataplane/link/record_check.h - is a record copied from the segment one we can work from?
//
// Pure functions on private copies: field ranges alone, no look at other records (epoch_build.c
// does that). Tested and fuzzed with garbage.
#pragma once

#include "proto/shm/record.h"

#include <stdbool.h>

bool record_transport_ok(const struct shm_transport_config *c, uint16_t port_first,
			 uint16_t port_last);
// A record with SHM_TRANSPORT_PLAIN; the one above refuses those.
bool record_plain_ok(const struct shm_transport_config *c, uint16_t public_port,
		     uint16_t port_first, uint16_t port_last);
bool record_track_ok(const struct shm_track_config *c);
bool record_subscription_ok(const struct shm_subscription_config *c);
