// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/stats.h - statistics: per worker, transport, encoding and subscription.
//
// Writer   the owning worker, about ten times a second, each block behind its seqlock. The block of
//          worker number SHM_WORKERS_MAX is the main lcore's (kernel port).
// Units    packets; bytes; microseconds (_us) on CLOCK_MONOTONIC; RTP timestamp units for jitter.
#pragma once

#include "proto/shm/abi.h"
#include "proto/shm/drops.h"
#include "proto/shm/record.h"

#include <stdint.h>

struct shm_link {
	uint32_t up; // 0 or 1
	uint32_t speed_mbps; // 0: unknown
	uint32_t full_duplex; // 0 or 1
	uint32_t reserved_zero;
};

struct shm_worker_stats {
	uint64_t packets_received; // from the wire port (main lcore: from the kernel port)
	uint64_t packets_forwarded; // media with at least one consumer
	uint64_t packets_consumed; // answered or used here, or given to the kernel
	uint64_t packets_sent; // to the wire port (main lcore: to the kernel port)
	uint64_t polls;
	uint64_t polls_empty;
	uint64_t handovers; // packets given to another worker because it owns the transport
	uint64_t keyframe_groups_sent; // instead of asking a publisher for a keyframe
	uint64_t drift_max_us; // the longest time between two polls since start: the machine's gaps
	uint64_t busy_us; // spent in turns that found work; the share of it in a time is the load
	// Main lcore: what the wire port's own counters say.
	uint64_t port_packets_received;
	uint64_t port_bytes_received; // of frames
	uint64_t port_packets_sent;
	uint64_t port_bytes_sent; // of frames
	uint64_t port_missed; // lost before anybody polled it, or for want of a buffer
	uint64_t port_send_errors; // taken and not sent
	// Main lcore: rules in the wire port that bring a transport's packets to its owner's queue.
	uint64_t flow_rules; // now
	uint64_t flow_rules_made;
	uint64_t flow_rules_refused; // by the port
	struct shm_link wire_link;
	struct shm_link kernel_link;
	uint64_t kernel_bytes_received; // of frames, from the kernel
	uint64_t kernel_bytes_sent; // of frames, to the kernel
	// Where the core is.
	uint64_t published_us; // when this block was written, CLOCK_MONOTONIC
	uint32_t lcore; // DPDK's number
	int32_t cpu; // of the machine; -1: more than one is allowed
	int32_t numa_node; // -1: unknown
	uint32_t transports; // owned now
	uint64_t ingress_drops[SHM_DROPS_MAX]; // by enum shm_ingress_drop
	uint64_t egress_drops[SHM_DROPS_MAX]; // by enum shm_egress_drop
};

static inline uint64_t shm_drops_sum(const uint64_t drops[SHM_DROPS_MAX])
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < SHM_DROPS_MAX; i++)
		sum += drops[i];
	return sum;
}

struct shm_transport_stats {
	uint64_t packets_received; // authenticated SRTP and SRTCP
	uint64_t bytes_received; // UDP payload
	uint64_t packets_sent;
	uint64_t bytes_sent; // UDP payload
	uint64_t consent_requests_sent;
	uint64_t consent_responses_sent;
	// Towards the peer, by our own estimator.
	uint64_t available_outgoing_bps; // the estimate; 0: nothing to estimate it by yet
	uint64_t allocated_bps; // of it, what the allocation has granted
	uint64_t pacer_refused; // packets: too much waited already
	uint64_t pacer_delay_us; // all packets' together, see packets_sent
	uint64_t probe_bytes_sent; // padding
	uint64_t remb_bps; // what the peer's newest REMB says; 0: none came
	uint32_t generation;
	uint32_t reserved_zero;
};

struct shm_encoding_stats {
	uint64_t packets_received;
	uint64_t bytes_received; // RTP payload
	int64_t packets_lost; // RFC 3550 6.4.1
	uint64_t pli_count; // sent to the publisher
	uint64_t keyframes;
	uint32_t jitter; // RTP timestamp units
	uint32_t ssrc;
	uint32_t track_generation;
	// What the publisher's newest sender report says (RFC 3550 6.4.1).
	uint32_t reported_packets;
	uint32_t reported_octets;
	uint32_t reports; // how many sender reports came in
	uint64_t reported_ntp; // 0: none came in
	uint64_t nack_count; // RTCP NACKs sent to the publisher
	uint64_t retransmitted_packets_received; // by RTX
	uint64_t retransmitted_bytes_received; // RTP payload
	uint64_t packets_given_up; // asked for in vain
	uint64_t frames; // first packets of frames, where the codec shows them
	uint64_t rate_bps; // over the last second
	uint32_t round_trip_us; // by XR RRTR and DLRR (RFC 3611); 0: unknown
	uint32_t audio_level; // RFC 6464, 0 (loudest) to 127, of the newest packet; 127 without any
	uint64_t keyframe_wishes; // of consumers, and of our own where repair failed; see
				  // pli_count, fir_count
	uint64_t keyframe_requests_held; // for they would have cost the source too much
	uint64_t fir_count; // sent to the publisher
};

// Why a consumer gets the layer it gets.
enum shm_layer_reason {
	SHM_LAYER_REQUESTED = 0, // what was wanted, or the best there is
	SHM_LAYER_BANDWIDTH, // the estimate does not carry more
	SHM_LAYER_PUBLISHER, // the publisher does not send more now
	SHM_LAYER_CPU, // this core is too busy for more
	SHM_LAYER_SPEAKERS, // nothing: outside the room's audio_top_n or video_last_n
};
enum { SHM_LAYER_NONE = 0xff };

struct shm_subscription_stats {
	uint64_t packets_sent;
	uint64_t bytes_sent; // RTP payload
	uint64_t pli_count; // received from the subscriber
	uint64_t max_send_gap_us; // the longest pause between two packets sent
	int64_t reported_packets_lost; // by the subscriber's receiver reports
	uint32_t reported_jitter; // RTP timestamp units
	uint32_t generation;
	uint32_t round_trip_us; // by LSR and DLSR; 0: unknown
	uint8_t reported_fraction_lost; // in 1/256, of the newest report
	// What is forwarded now, and where the allocation wants to be; SHM_LAYER_NONE: nothing.
	uint8_t layer_reason; // enum shm_layer_reason
	struct shm_layer layer; // not filled yet
	struct shm_layer target_layer;
	uint16_t reserved_zero;
	uint64_t nack_count; // RTCP NACKs of the subscriber
	uint64_t nack_refused; // packets they asked for that were not sent again
	uint64_t retransmitted_packets_sent;
	uint64_t retransmitted_bytes_sent; // RTP payload
	uint64_t layer_changes; // of encoding or spatial layer
	uint64_t fir_count; // received from the subscriber
};
