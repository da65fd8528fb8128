// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/record.h - the records: transport, track, subscription.
//
// Writer   '*_config' the control plane, before it pushes the epoch that names the record and never
//          again until that epoch is acknowledged. '*_state' the owning worker, behind a seqlock
//          (proto/shm/snapshot.h). 'shm_blob' the control plane alone; the dataplane never reads
//          it.
// Reader   the dataplane's main lcore copies a config out, checks the copy and works from the copy.
// Order    a record's slot may be written anew once the epoch that removed it is acknowledged.
// Secrets  ICE passwords and SRTP master keys lie in the config; the segment is a memfd kept out of
//          core dumps; the control plane wipes a config when its removal is acknowledged.
#pragma once

#include "proto/rtc/addr.h"
#include "proto/rtc/continuity.h"
#include "proto/rtc/rtp_ext.h"
#include "proto/shm/abi.h"

#include <stdalign.h>
#include <stdint.h>

// SRTP protection profiles by their IANA DTLS-SRTP value (RFC 5764 4.1.2, RFC 7714 14.2).
enum shm_suite {
	SHM_SUITE_NONE = 0x0000,
	SHM_SUITE_AES_CM_128_HMAC_SHA1_80 = 0x0001,
	SHM_SUITE_AEAD_AES_128_GCM = 0x0007,
	SHM_SUITE_AEAD_AES_256_GCM = 0x0008,
};

enum shm_kind { SHM_KIND_AUDIO = 1, SHM_KIND_VIDEO = 2 };

enum shm_codec {
	SHM_CODEC_NONE = 0,
	SHM_CODEC_OPUS,
	SHM_CODEC_VP8,
	SHM_CODEC_VP9,
	SHM_CODEC_H264,
	SHM_CODEC_AV1,
	SHM_CODEC_RED, // RFC 2198 around the track's Opus; consumers without it get it stripped
	SHM_CODEC_COUNT,
};

// One generation of ICE credentials. Sizes in bytes; not NUL-terminated.
struct shm_credentials {
	uint16_t local_ufrag_size; // 8..SHM_LOCAL_UFRAG_BYTES_MAX; 0: this generation is not in use
	uint16_t local_pwd_size; // 22..SHM_LOCAL_PWD_BYTES_MAX
	uint16_t remote_ufrag_size; // 0 while the peer's are unknown
	uint16_t remote_pwd_size;
	char local_ufrag[SHM_LOCAL_UFRAG_BYTES_MAX];
	char local_pwd[SHM_LOCAL_PWD_BYTES_MAX];
	char remote_ufrag[SHM_UFRAG_BYTES_MAX];
	char remote_pwd[SHM_PWD_BYTES_MAX];
};

enum shm_transport_flags {
	SHM_TRANSPORT_ICE_LITE = 1 << 0, // announced as a=ice-lite: we send no consent requests
	SHM_TRANSPORT_ICE_CONTROLLING = 1 << 1,
	SHM_TRANSPORT_ESTABLISHED = 1 << 2, // suite, keys and the selected pair are set
	// Plain: RTP, or SRTP under keys from elsewhere than DTLS. No ICE, no consent, no internal
	// port; established from the start. The peer is 'selected_remote' and comes in on the
	// public port, and a later epoch may change it; with LATCH it is whoever first proves
	// itself on a port of the plain range, which is 'selected_local', and 'selected_remote' is
	// empty.
	SHM_TRANSPORT_PLAIN = 1 << 3,
	SHM_TRANSPORT_LATCH = 1 << 4,
};

struct shm_transport_config {
	alignas(SHM_CACHE_LINE) uint32_t generation;
	uint32_t flags; // enum shm_transport_flags
	uint16_t internal_port; // libnice's socket, the same for IPv4 and IPv6; plain: 0
	uint16_t suite; // enum shm_suite; NONE on plain transports alone
	uint32_t rtcp_ssrc; // our SSRC for RTCP on this transport
	uint64_t ice_tie_breaker;
	// [0] the present generation; [1] during an ICE restart the one before, still valid until a
	// pair of the present one is selected.
	struct shm_credentials credentials[2];
	// The pair libnice selected, and the path generation that choice was based on; an epoch
	// based on an older one than the dataplane's leaves the dataplane's choice.
	struct rtc_addr selected_remote;
	struct rtc_addr selected_local;
	uint32_t selected_path_generation;
	uint8_t receive_master[SHM_MASTER_BYTES_MAX]; // key then salt, sizes given by the suite
	uint8_t send_master[SHM_MASTER_BYTES_MAX];
	struct rtp_ext_map receive_ext; // to read MID and RID of an SSRC not yet known
	char cname[SHM_CNAME_BYTES_MAX]; // NUL-padded; our SDES CNAME
	// Plain only.
	uint8_t remote_mac[6]; // where frames to the peer go; zero: learned from what it sends
	uint16_t reserved_zero;
	// Without a packet for so long an event says so; 0: never. Up to SHM_INACTIVITY_MS_MAX.
	uint32_t inactivity_ms;
};

enum shm_transport_phase {
	SHM_PHASE_FREE = 0,
	SHM_PHASE_NEW, // announced, no check yet
	SHM_PHASE_CHECKED, // at least one checked tuple
	SHM_PHASE_ESTABLISHED, // media may flow
	SHM_PHASE_EXPIRED, // consent has expired: nothing is sent any more
};

struct shm_transport_state {
	uint32_t generation;
	uint32_t phase; // enum shm_transport_phase
	uint32_t path_generation; // grows with each change of the selected tuple
	uint32_t owner; // worker; UINT32_MAX while none
	struct rtc_addr selected_remote;
	struct rtc_addr selected_local;
	struct rtc_addr checked_remote[SHM_CHECKED_TUPLES_MAX]; // most recently used first
	uint32_t checked_count;
	uint32_t twcc_next; // next transport-wide sequence number to the peer
	uint64_t consent_us; // CLOCK_MONOTONIC of the last renewal; 0: never
	uint64_t srtcp_index_reserved; // no SRTCP index at or above has been used
};

struct shm_track_codec {
	uint8_t pt; // 0..127
	uint8_t codec; // enum shm_codec
	uint8_t rtx_pt; // RFC 4588: the payload type that repairs 'pt'; 0: none
	uint8_t reserved_zero;
	uint32_t clock_rate; // Hz
};

struct shm_encoding {
	uint32_t ssrc; // 0: bound by MID and RID when its first packet arrives
	uint32_t rtx_ssrc; // RFC 4588; 0: bound by MID and repaired RID, or there is none
	char rid[SHM_RID_BYTES_MAX]; // NUL-padded; empty without simulcast
};

struct shm_track_config {
	alignas(SHM_CACHE_LINE) uint32_t generation;
	uint8_t kind; // enum shm_kind
	uint8_t muted; // 1: nothing is forwarded
	uint8_t codec_count; // 1..SHM_CODECS_MAX
	uint8_t encoding_count; // 1..SHM_ENCODINGS_MAX
	struct shm_ref transport;
	char mid[SHM_MID_BYTES_MAX]; // NUL-padded
	struct rtp_ext_map ext; // as the publisher numbers them
	uint8_t feedback; // enum shm_feedback, as negotiated with the publisher
	uint8_t reserved_zero[3];
	// Tracks with the same number compete for the room's dominant speaker and, within the two
	// limits, for being forwarded; 0: with nobody. The limits are the same in all of a room.
	uint32_t room;
	uint16_t audio_top_n; // audio tracks forwarded, those that speak most; 0: all
	uint16_t video_last_n; // transports whose video is forwarded, those whose audio was
			       // dominant last; 0: all
	struct shm_track_codec codecs[SHM_CODECS_MAX];
	struct shm_encoding encodings[SHM_ENCODINGS_MAX];
};

enum shm_feedback {
	SHM_FEEDBACK_PLI = 1 << 0,
	SHM_FEEDBACK_FIR = 1 << 1,
	SHM_FEEDBACK_TWCC = 1 << 2,
	SHM_FEEDBACK_NACK = 1 << 3, // RFC 4585 6.2.1
	SHM_FEEDBACK_REMB = 1 << 4, // draft-alvestrand-rmcat-remb
};

struct shm_encoding_state {
	uint32_t ssrc; // 0: not bound yet
	uint32_t reserved_zero;
	uint64_t highest_index; // SRTP index (rollover counter << 16 | sequence) of the newest
				// packet
};

enum shm_track_flags {
	SHM_TRACK_DOMINANT = 1 << 0, // the room's dominant speaker
	SHM_TRACK_HELD_BACK = 1 << 1, // outside the room's audio_top_n or video_last_n
};

struct shm_track_state {
	uint32_t generation;
	uint32_t flags; // enum shm_track_flags
	uint32_t layers_wanted; // bit per encoding, as last told by an event; 0: none was
	uint32_t reserved_zero;
	struct shm_encoding_state encodings[SHM_ENCODINGS_MAX];
};

struct shm_pt_map {
	uint8_t from; // the publisher's payload type
	uint8_t to; // the consumer's
	uint8_t rtx; // of the consumer's RTX for 'to' (RFC 4588); 0: none
	uint8_t reserved_zero;
};

struct shm_layer {
	uint8_t spatial; // simulcast: the encoding; 0..3, 0 is the lowest
	uint8_t temporal; // 0..3
};

enum shm_layer_wishes {
	SHM_LAYER_WANTED = 1 << 0, // forwarded where it can be
	SHM_LAYER_MINIMUM = 1 << 1, // rather nothing than less
	SHM_LAYER_MAXIMUM = 1 << 2, // never more
};

struct shm_subscription_config {
	alignas(SHM_CACHE_LINE) uint32_t generation;
	uint32_t ssrc; // of the consumer's stream, not 0, unique within its transport
	struct shm_ref track; // may change while it runs; generation 0: waits for its next one
	struct shm_ref transport; // of the subscriber
	uint8_t paused; // 1: nothing is forwarded
	uint8_t pt_count; // 1..SHM_CODECS_MAX
	uint16_t
		sequence_start; // below 2^15 (RFC 3711 3.3.1: receivers guess the rollover counter)
	uint32_t timestamp_start;
	uint32_t rtx_ssrc; // of the consumer's RTX stream; 0: none
	uint16_t rtx_sequence_start; // below 2^15
	uint8_t feedback; // enum shm_feedback, as negotiated with the subscriber
	uint8_t priority; // where not everything fits the larger goes first
	uint8_t layer_wishes; // enum shm_layer_wishes: which of the three are set
	uint8_t reserved_zero[3];
	struct shm_layer wanted;
	struct shm_layer minimum;
	struct shm_layer maximum;
	uint16_t reserved_zero2;
	uint32_t tile_pixels; // of the subscriber's tile; 0: unknown
	struct shm_pt_map pts[SHM_CODECS_MAX]; // payload types not listed are dropped by name
	struct rtp_ext_map ext; // as negotiated with the subscriber
	char mid[SHM_MID_BYTES_MAX]; // NUL-padded; of the subscriber's m-line
};

struct shm_subscription_state {
	uint32_t generation;
	uint32_t reserved_zero;
	uint64_t srtp_index_reserved; // no egress SRTP index at or above has been used
	uint64_t rtx_index_reserved; // the same of its RTX stream
	struct rtp_continuity continuity;
};

// What the control plane keeps to come back: opaque to the dataplane, one per transport slot.
struct shm_blob {
	uint32_t generation; // of the transport it belongs to; 0: empty
	uint32_t size; // bytes used
	uint32_t crc32; // of those bytes: a torn write is seen
	uint32_t reserved_zero;
	uint8_t bytes[SHM_BLOB_BYTES - 16];
};
