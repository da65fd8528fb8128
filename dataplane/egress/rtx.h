// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/rtx.h - one retransmission of one consumer's (RFC 4588). Rules as in rtp.h.
#pragma once

#include "dataplane/egress/rtp.h"

// Queues 'original' (as it would go out, but for SSRC and index; 'pt' and 'srtp' those of the RTX
// stream) as a repair of what went out under 'seq'. Returns its RTP header, in which the extension
// may be changed until the next call, or NULL after counting the drop.
uint8_t *egress_rtx(struct worker *w, const struct egress_rtp_packet *original, uint16_t seq);

// Queues a packet of nothing but padding in the consumer's RTX stream; 'packet' without a payload.
enum { EGRESS_PADDING_BYTES = 255 };
uint8_t *egress_padding(struct worker *w, const struct egress_rtp_packet *packet);
