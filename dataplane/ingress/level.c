// SPDX-License-Identifier: Apache-2.0
//
// dataplane/ingress/level.c - how loud an audio packet is, from its header, and what that makes of
// its track's activity.
//
// Path     ingress/rtp.c -> [level] -> tables/track.h 'heard' -> forward/speakers.c
// Thread   the publisher's worker.
// Spec     RFC 6464: V bit, then the level in -dBov.
#include "dataplane/ingress/ingress.h"
#include "dataplane/tables/track.h"
#include "proto/rtc/rtp_ext.h"

enum { VOICE = 0x80, LEVEL = 0x7f };

void ingress_level_read(struct worker *w, struct track *t, struct encoding *e,
			const struct rtp_view *v, uint8_t id)
{
	struct rtp_ext_item item;

	if (id == 0 || !rtp_ext_find(v, id, &item) || item.size != 1)
		return;
	e->stats.audio_level = item.data[0] & LEVEL;
	speaker_hear(&t->speaker, item.data[0] & LEVEL, (item.data[0] & VOICE) != 0, w->now_us);
	track_heard_store(t);
}
