// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/rtx.h - one retransmission of one consumer's (RFC 4588). Rules as in rtp.h.
#pragma once

#include "dataplane/egress/rtp.h"

// Queues a repair of what went out under 'seq'. 'c' is the consumer with stream and SSRC of its
// RTX, 'pt' the payload type of that; 'at' is the packet's, but for the index, which is chosen
// here. Returns its RTP header, in which extension and payload, behind RTX_OSN_BYTES, may be
// changed until the next call, or NULL after counting the drop.
uint8_t *egress_rtx(struct worker *w, const struct fanout_entry *c,
		    const struct egress_rtp_head *head, struct placement at, uint8_t pt,
		    const uint8_t *payload, uint16_t payload_size, uint16_t seq);

// Queues a packet of nothing but padding in the consumer's RTX stream, likewise.
enum { EGRESS_PADDING_BYTES = 255 };
uint8_t *egress_padding(struct worker *w, const struct fanout_entry *c,
			const struct egress_rtp_head *head, struct placement at, uint8_t pt);
