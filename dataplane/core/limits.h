// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/limits.h - every bound of the dataplane that no configuration changes.
#pragma once

enum dataplane_limits {
	BURST_PKTS_MAX = 32, // packets read at once, and jobs sealed at once
	XMSG_RING_SLOTS = 4096, // between any two cores; power of two
	FRAME_BYTES_MAX = 2048, // data room of an mbuf
	HEADROOM_BYTES = 128,
	ENCODINGS_RECEIVED_MAX = 16, // of all tracks of a transport
	RECEIVE_STREAMS_MAX =
		2 * ENCODINGS_RECEIVED_MAX, // SSRCs opened per transport: each with RTX
	SENT_SSRCS_FIRST = 16, // remembered per transport before their list grows
	SRTCP_SOURCES_MAX = 16, // SSRCs that may send SRTCP on one transport
	EGRESS_WAITING_MAX =
		1024, // frames kept for a full port, a worker; then the newest are dropped
	HOUSEKEEPING_US = 10000, // timers of a worker's transports are looked at this often
	PUBLISH_US = 100000, // statistics and state go to the segment this often
	INDEX_RESERVE = 1 << 14, // egress indices reserved ahead in the segment; below 2^15
	TWCC_INTERVAL_US = 100000,
	RTCP_INTERVAL_US = 1000000, // SR and RR of our own
	KEYFRAME_INTERVAL_US = 500000,
	REMB_START_BPS = 1000000, // to a publisher without transport-wide feedback
	REMB_MIN_BPS = 50000,
	REMB_MAX_BPS = 20000000,
	SPEAKERS_US = 20000, // a room's speakers are looked at this often
	WANTED_US = 200000, // whether somebody wants an encoding is looked at this often
	STEER_INTERVAL_US = 1000000, // a rule in the wire port is asked for again after
	RESEND_UNESTIMATED_BPS = 5000000, // a transport's rate as long as nothing says better
};
