// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/extensions.c - header extensions over a BUNDLE, see extensions.h.
//
// Place    below negotiate.c and playback.c.
// Thread   any.
// Owns     nothing.
#include "controlplane/session/sdp/extensions.h"

#include <string.h>

// What tells streams apart: without it a packet has no home.
static bool identifies(unsigned kind)
{
	return kind == RTP_EXT_MID || kind == RTP_EXT_RID || kind == RTP_EXT_REPAIRED_RID;
}

// What is served on lines of a kind.
static bool served(enum sdp_kind kind, enum rtp_ext_kind ext)
{
	switch (ext) {
	case RTP_EXT_MID:
	case RTP_EXT_ABS_SEND_TIME:
	case RTP_EXT_TRANSPORT_WIDE_CC:
	case RTP_EXT_ABS_CAPTURE_TIME:
		return true;
	case RTP_EXT_AUDIO_LEVEL:
		return kind == SDP_AUDIO;
	case RTP_EXT_RID:
	case RTP_EXT_REPAIRED_RID:
	case RTP_EXT_VIDEO_ORIENTATION:
	case RTP_EXT_PLAYOUT_DELAY:
	case RTP_EXT_DEPENDENCY_DESCRIPTOR:
		return kind == SDP_VIDEO;
	case RTP_EXT_COUNT:
		break;
	}
	return false;
}

static bool usable(const struct sdp_media *m, unsigned kind, enum sdp_ext_use use)
{
	enum sdp_direction direction = m->ext_direction[kind];

	if (m->ext.id[kind] == 0 || !served(m->kind, (enum rtp_ext_kind)kind) ||
	    direction == SDP_INACTIVE)
		return false;
	if (use == SDP_EXT_RECEIVED)
		return direction != SDP_RECVONLY;
	return direction != SDP_SENDONLY && kind != RTP_EXT_RID && kind != RTP_EXT_REPAIRED_RID;
}

static bool claim(struct rtp_ext_map *bundle, unsigned kind, uint8_t id)
{
	if (bundle->id[kind] != 0)
		return bundle->id[kind] == id;
	for (unsigned k = 0; k < RTP_EXT_COUNT; k++) {
		if (bundle->id[k] == id)
			return false;
	}
	bundle->id[kind] = id;
	return true;
}

static void settle(const struct sdp_media *m, enum sdp_ext_use use, bool identifying,
		   struct rtp_ext_map *line, struct rtp_ext_map *bundle)
{
	for (unsigned kind = 0; kind < RTP_EXT_COUNT; kind++) {
		if (identifies(kind) == identifying && usable(m, kind, use) &&
		    claim(bundle, kind, m->ext.id[kind]))
			line->id[kind] = m->ext.id[kind];
	}
}

void sdp_extensions_settle(const struct sdp_description *d, enum sdp_ext_use use,
			   struct rtp_ext_map *lines, struct rtp_ext_map *bundle)
{
	memset(lines, 0, d->media_count * sizeof(*lines));
	memset(bundle, 0, sizeof(*bundle));
	for (int identifying = 1; identifying >= 0; identifying--) {
		for (size_t i = 0; i < d->media_count; i++) {
			if (sdp_media_carries(&d->media[i]))
				settle(&d->media[i], use, identifying, &lines[i], bundle);
		}
	}
	for (size_t i = 0; i < d->media_count; i++) {
		lines[i].allow_mixed = d->media[i].extmap_allow_mixed;
		bundle->allow_mixed |= d->media[i].extmap_allow_mixed;
	}
}
