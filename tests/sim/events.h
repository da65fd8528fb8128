// SPDX-License-Identifier: Apache-2.0
//
// tests/sim/events.h - virtual time: what happens when, and the packets under way.
//
// Events at the same microsecond happen in the order in which they were set, so a run is a function
// of its seed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum event_kind {
	EVENT_FRAME, // a track captures
	EVENT_AUDIO,
	EVENT_AT_SFU, // media from a publisher
	EVENT_AT_RECEIVER, // media from the SFU
	EVENT_FEEDBACK_AT_SFU, // RTCP from a receiver
	EVENT_FEEDBACK_AT_PUBLISHER, // RTCP from the SFU
	EVENT_PACER,
	EVENT_TICK, // 5 ms: whoever polls
	EVENT_LINK, // the link changes
};

struct sim_packet {
	uint64_t source_index; // publisher's number
	uint64_t index; // SFU's number
	uint64_t queued_us; // when the SFU had it ready
	uint32_t size; // bytes on the wire
	uint32_t frame; // of the publisher's track and encoding
	uint16_t at; // within the frame
	uint16_t of; // packets of the frame
	uint16_t transport_number; // transport-wide
	uint16_t rtcp_size;
	uint16_t references; // holders, the last of which frees it
	uint8_t kind; // enum packet_kind
	uint8_t transport;
	uint8_t track;
	uint8_t encoding;
	uint8_t temporal;
	bool key; // of a keyframe
	bool original; // not a retransmission
	uint8_t rtcp[320];
};

struct event {
	uint64_t at_us;
	uint64_t order;
	enum event_kind kind;
	uint32_t what; // transport, track, or nothing
	struct sim_packet *packet;
};

struct events {
	struct event *heap;
	uint32_t count;
	uint64_t order;
	uint64_t now_us;
	struct sim_packet *packets;
	uint32_t *free_list;
	uint32_t free_count;
};

void events_create(struct events *e);
void events_destroy(struct events *e);
// Forgets everything; memory stays.
void events_reset(struct events *e);
void events_set(struct events *e, uint64_t at_us, enum event_kind kind, uint32_t what,
		struct sim_packet *packet);
// Takes the next event and sets the time to it. False if there is none before 'end_us'.
bool events_next(struct events *e, uint64_t end_us, struct event *out);

// A zeroed packet with one reference.
struct sim_packet *events_packet(struct events *e);
void events_hold(struct sim_packet *p);
void events_release(struct events *e, struct sim_packet *p);
