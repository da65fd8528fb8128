// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/event.h - dataplane -> control plane: state changes, not packets.
//
// Writer   the dataplane's main lcore alone. Never blocks: when the ring is full the event is lost,
//          shm_header.events_lost grows, and whoever sees that (or attaches) reads the state
//          records.
#pragma once

#include "proto/rtc/addr.h"
#include "proto/shm/abi.h"

#include <assert.h>
#include <stdint.h>

enum shm_event_kind {
	SHM_EVENT_EPOCH_ACKED = 1, // 'value' is the epoch; the ack slot says how it ended
	SHM_EVENT_TRANSPORT_CHECKED, // a first tuple carried correct integrity
	SHM_EVENT_PATH_CHANGED, // the dataplane moved to 'remote'; 'value' is the path generation
	SHM_EVENT_CONSENT_EXPIRED, // 30 s without consent: the transport has stopped sending
	SHM_EVENT_ENCODING_BOUND, // a track's encoding has its SSRC: 'value' = encoding << 32 |
				  // ssrc
	SHM_EVENT_KERNEL_PORT_LOST,
	SHM_EVENT_KERNEL_PORT_BACK,
	SHM_EVENT_INACTIVE, // a plain transport has been silent for its inactivity_ms
	SHM_EVENT_ACTIVE, // it is heard again
	SHM_EVENT_DOMINANT_SPEAKER, // of room 'value' (of the track's record) it is now track 'ref'
	// Of track 'ref', bit per encoding in 'value', 1: somebody wants it. As in the track's
	// state.
	SHM_EVENT_LAYERS_WANTED,
};

struct shm_event {
	uint32_t kind; // enum shm_event_kind
	uint32_t record_type; // enum shm_record_type, 0 if it is about no record
	struct shm_ref ref;
	uint64_t value;
	uint64_t time_us; // CLOCK_MONOTONIC
	struct rtc_addr remote;
	uint8_t reserved_zero[12];
};
static_assert(sizeof(struct shm_event) == 64, "one event, one line");
