// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/drops.h - every reason for which the dataplane drops a packet: name, text, counter.
//
// The books balance: received = forwarded + consumed + the sum of the ingress drops (design
// section 4). Egress drops are counted per packet to a consumer and stand apart.
#pragma once

#include <assert.h>

#define SHM_INGRESS_DROPS(X)                                                                       \
	X(L2_SHORT, "frame shorter than its headers")                                              \
	X(IP_MALFORMED, "IP header malformed or longer than the frame")                            \
	X(IP_CHECKSUM, "IPv4 header checksum wrong")                                               \
	X(IP_FRAGMENT, "IP fragment")                                                              \
	X(UDP_MALFORMED, "UDP length does not fit the packet")                                     \
	X(UDP_CHECKSUM, "UDP checksum wrong")                                                      \
	X(INTERNAL_PORT, "sent from the wire to an internal port")                                 \
	X(CLOSED_PORT, "sent to a UDP port that is not served")                                    \
	X(NOT_RTC, "first byte outside the ranges of RFC 7983")                                    \
	X(UNCHECKED_TUPLE, "DTLS or SRTP from a tuple without a verified check")                   \
	X(PLAIN_CLASS, "neither RTP nor RTCP to a plain transport")                                \
	X(PLAIN_SOURCE, "to a plain transport from elsewhere than its peer")                       \
	X(PLAIN_TUPLE, "STUN from where the peer of a plain transport is")                         \
	X(STUN_MALFORMED, "STUN message malformed")                                                \
	X(STUN_UNKNOWN_UFRAG, "STUN request with a ufrag nobody has")                              \
	X(STUN_EARLY, "STUN check before the control plane has the peer's credentials")            \
	X(STUN_INTEGRITY, "STUN message integrity wrong or missing")                               \
	X(STUN_UNMATCHED, "STUN response to no request of ours")                                   \
	X(STUN_INDICATION, "STUN indication")                                                      \
	X(NO_CONTROL, "for the control plane while none is attached")                              \
	X(PUNT_RATE, "over the punt budget in total")                                              \
	X(PUNT_RATE_CLASS, "over the punt budget of its class")                                    \
	X(PUNT_RATE_SOURCE, "over the punt budget of its source")                                  \
	X(PUNT_FULL, "punt ring to the main lcore full")                                           \
	X(NOT_ESTABLISHED, "SRTP before the transport has keys")                                   \
	X(TRANSPORT_EXPIRED, "transport without consent")                                          \
	X(RTP_MALFORMED, "RTP header malformed")                                                   \
	X(RTP_UNKNOWN_SSRC, "SSRC unknown, and no MID or RID that names an encoding")              \
	X(RTP_PENDING_SSRC, "first packets of an SSRC while its receive context is made")          \
	X(RTP_UNKNOWN_PT, "payload type not negotiated")                                           \
	X(RED_MALFORMED, "redundant audio (RFC 2198) whose blocks do not fit the packet")          \
	X(RTX_PADDING, "RTX without an original: padding, or not of this track")                   \
	X(RTX_UNASKED, "RTX of a packet that is not missing")                                      \
	X(SRTP_REPLAY, "SRTP index already seen or too old")                                       \
	X(SRTP_AUTH, "SRTP authentication tag wrong")                                              \
	X(RTCP_MALFORMED, "RTCP compound malformed")                                               \
	X(SRTCP_REPLAY, "SRTCP index already seen or too old")                                     \
	X(SRTCP_AUTH, "SRTCP authentication tag wrong")                                            \
	X(SRTCP_SOURCES, "more SRTCP sources than a transport may have")                           \
	X(RTCP_RATE, "RTCP, or the rest of it, over what one transport is listened to")            \
	X(MUTED, "track muted or unknown to any consumer")                                         \
	X(OUTSIDE_TOP_N, "audio of a track outside the room's audio_top_n")                        \
	X(OUTSIDE_LAST_N, "video of a transport outside the room's video_last_n")                  \
	X(HANDOVER_FULL, "ring to the owning worker full")                                         \
	X(HANDOVER_STALE, "handed over to a worker that no longer owns the transport")             \
	X(KERNEL_TX, "kernel port did not take it")

#define SHM_EGRESS_DROPS(X)                                                                        \
	X(FANOUT_FULL, "ring to the consumer's worker full")                                       \
	X(FANOUT_STALE, "consumer or track gone while the packet was in a ring")                   \
	X(PAUSED, "subscription paused")                                                           \
	X(WAITING_KEYFRAME, "video before the keyframe a consumer begins with")                    \
	X(OTHER_ENCODING, "an encoding the consumer is not sent")                                  \
	X(OTHER_LAYER, "a layer the consumer does not follow")                                     \
	X(NO_BANDWIDTH, "video held back, for the consumer's path does not carry it")              \
	X(PACER_FULL, "video, for too much waits for the subscriber's path already")               \
	X(PACER_STALE, "gone from the history, or its consumer gone, while it waited")             \
	X(PADDING, "padding without payload")                                                      \
	X(PT_NOT_NEGOTIATED, "payload type not negotiated with the consumer")                      \
	X(LATE, "older than what the consumer's numbering can place")                              \
	X(NO_CONSENT, "subscriber's consent has expired")                                          \
	X(NO_PATH, "subscriber has no selected tuple or its link address is unknown")              \
	X(NO_MBUF, "packet pool empty")                                                            \
	X(TOO_LONG, "packet over the MTU after rewriting")                                         \
	X(SEAL, "SRTP engine refused to seal")                                                     \
	X(INDEX_LIMIT, "SRTP index space of the key used up")                                      \
	X(TX_FULL, "transmit queue full")                                                          \
	X(KERNEL_UNMAPPED, "from an internal port to where no mapping leads")                      \
	X(KERNEL_ICMP, "ICMP error about an internal port")                                        \
	X(KERNEL_MALFORMED, "from the kernel, not understood")

enum shm_ingress_drop {
#define X(name, text) SHM_INGRESS_DROP_##name,
	SHM_INGRESS_DROPS(X)
#undef X
		SHM_INGRESS_DROP_COUNT
};
enum shm_egress_drop {
#define X(name, text) SHM_EGRESS_DROP_##name,
	SHM_EGRESS_DROPS(X)
#undef X
		SHM_EGRESS_DROP_COUNT
};
enum { SHM_DROPS_MAX = 64 }; // room in the statistics for either list
static_assert((int)SHM_INGRESS_DROP_COUNT <= SHM_DROPS_MAX, "ingress drops fit the statistics");
static_assert((int)SHM_EGRESS_DROP_COUNT <= SHM_DROPS_MAX, "egress drops fit the statistics");
