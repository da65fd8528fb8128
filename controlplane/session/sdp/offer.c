// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/offer.c - which track has which m-line of a subscriber, see offer.h.
//
// Place    the text is written by offer_text.c, answers are read by offer_answer.c.
// Thread   one at a time.
// Owns     the lines.
// Spec     RFC 9429 5.2.2 (m-lines stay, and may be used again).
#include "controlplane/session/sdp/offer_state.h"

#include <assert.h>
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

struct sdp_subscriber *sdp_subscriber_create(void)
{
	return g_new0(struct sdp_subscriber, 1);
}

void sdp_subscriber_destroy(struct sdp_subscriber **subscriber)
{
	struct sdp_subscriber *s = *subscriber;

	*subscriber = NULL;
	if (s == NULL)
		return;
	ice_credentials_wipe(&s->ice);
	ice_credentials_wipe(&s->former);
	g_free(s->slots);
	g_free(s);
}

size_t sdp_subscriber_line_count(const struct sdp_subscriber *subscriber)
{
	return subscriber->slot_count;
}

const struct sdp_line *sdp_subscriber_line(const struct sdp_subscriber *subscriber, int line)
{
	assert(line >= 0 && (size_t)line < subscriber->slot_count);
	return &subscriber->slots[line].line;
}

static bool is_id(const char *text, size_t len_max)
{
	size_t len = strlen(text);

	if (len == 0 || len > len_max)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!g_ascii_isgraph(text[i]))
			return false;
	}
	return true;
}

// An idle line of that kind; one that the subscriber had closed only if there is no other.
static struct sdp_slot *find_idle(struct sdp_subscriber *s, enum sdp_kind kind)
{
	struct sdp_slot *dead = NULL;

	for (size_t i = 0; i < s->slot_count; i++) {
		struct sdp_slot *slot = &s->slots[i];

		if (slot->line.state != SDP_LINE_IDLE || slot->line.kind != kind)
			continue;
		if (!slot->dead)
			return slot;
		dead = dead == NULL ? slot : dead;
	}
	return dead;
}

static struct sdp_slot *take_slot(struct sdp_subscriber *s, enum sdp_kind kind)
{
	struct sdp_slot *slot = find_idle(s, kind);

	if (slot == NULL && s->slot_count == SDP_MEDIA_MAX)
		return NULL;
	if (slot == NULL) {
		s->slots = g_renew(struct sdp_slot, s->slots, s->slot_count + 1);
		slot = &s->slots[s->slot_count++];
		*slot = (struct sdp_slot){.dead = true};
	}
	if (slot->dead) {
		snprintf(slot->line.mid, sizeof(slot->line.mid), "%u", s->mid_next++);
		slot->dead = false;
	}
	return slot;
}

// A subscriber's PLI and FIR are answered if the publisher hears either.
static uint8_t feedback_for(const struct sdp_track *track)
{
	uint8_t keyframes = SDP_FEEDBACK_PLI | SDP_FEEDBACK_FIR;

	if (track->kind == SDP_VIDEO && (track->feedback & keyframes) != 0)
		return keyframes | SDP_FEEDBACK_TWCC | SDP_FEEDBACK_NACK;
	return track->kind == SDP_VIDEO ? SDP_FEEDBACK_TWCC | SDP_FEEDBACK_NACK : SDP_FEEDBACK_TWCC;
}

// RED names what it carries by payload type, which here is ours. False: that has none here.
static bool carries_ours(struct sdp_subscriber *s, const struct sdp_track *track,
			 struct sdp_codec *red)
{
	const struct sdp_codec *theirs = sdp_red_codec(red, track->codecs, track->codec_count);
	const struct sdp_codec *ours =
		theirs != NULL ? sdp_pt_assign(&s->payload_types, theirs) : NULL;

	if (ours != NULL)
		snprintf(red->fmtp, sizeof(red->fmtp), "%u/%u", ours->pt, ours->pt);
	return ours != NULL;
}

static size_t map_codecs(struct sdp_subscriber *s, const struct sdp_track *track,
			 struct sdp_offered_codec *out)
{
	size_t n = 0;

	for (size_t i = 0; i < track->codec_count; i++) {
		struct sdp_codec theirs = track->codecs[i];
		if (theirs.codec == CODEC_RED && !carries_ours(s, track, &theirs))
			continue;
		const struct sdp_codec *ours = sdp_pt_assign(&s->payload_types, &theirs);
		if (ours == NULL)
			continue;
		out[n].from = track->codecs[i].pt;
		out[n].codec = *ours;
		out[n].codec.feedback = feedback_for(track);
		n++;
	}
	return n;
}

// Our id of an extension is the same on every line of every transport. What is copied from the
// publisher is offered only where the publisher sends it; rids stay with us.
static struct rtp_ext_map ext_for(const struct sdp_track *track)
{
	struct rtp_ext_map ext = {.allow_mixed = 1};

	for (unsigned kind = 0; kind < RTP_EXT_COUNT; kind++) {
		bool own = kind == RTP_EXT_MID || kind == RTP_EXT_ABS_SEND_TIME ||
			   kind == RTP_EXT_TRANSPORT_WIDE_CC;
		bool kept = kind == RTP_EXT_RID || kind == RTP_EXT_REPAIRED_RID;

		if (own || (!kept && track->ext.id[kind] != 0))
			ext.id[kind] = (uint8_t)(kind + 1);
	}
	return ext;
}

static_assert(RTP_EXT_COUNT <= 14, "ids fit the one-byte form");

int sdp_subscriber_add(struct sdp_subscriber *subscriber, const struct sdp_source *source)
{
	struct sdp_offered_codec codecs[SDP_TRACK_CODECS_MAX];
	size_t codec_count;
	struct sdp_slot *slot;
	struct sdp_line *line;

	assert(source->ssrc != 0 && source->track->kind <= SDP_VIDEO);
	if (!is_id(source->stream_id, SDP_ID_LEN_MAX) || !is_id(source->track_id, SDP_ID_LEN_MAX) ||
	    !is_id(source->cname, SDP_CNAME_LEN_MAX))
		return -EINVAL;
	codec_count = map_codecs(subscriber, source->track, codecs);
	slot = codec_count == 0 ? NULL : take_slot(subscriber, source->track->kind);
	if (slot == NULL)
		return -ENOSPC;
	memcpy(slot->codecs, codecs, sizeof(codecs[0]) * codec_count);
	slot->codec_count = codec_count;
	slot->ext = ext_for(source->track);
	slot->tenancy++;
	line = &slot->line;
	line->kind = source->track->kind;
	line->state = SDP_LINE_OFFERED;
	line->ssrc = source->ssrc;
	line->rtx_ssrc = line->kind == SDP_VIDEO ? source->rtx_ssrc : 0;
	strcpy(line->stream_id, source->stream_id);
	strcpy(line->track_id, source->track_id);
	strcpy(line->cname, source->cname);
	return (int)(slot - subscriber->slots);
}

void sdp_subscriber_remove(struct sdp_subscriber *subscriber, int line)
{
	struct sdp_slot *slot = &subscriber->slots[line];
	struct sdp_line idle = {.kind = slot->line.kind, .state = SDP_LINE_IDLE};

	assert(line >= 0 && (size_t)line < subscriber->slot_count);
	memcpy(idle.mid, slot->line.mid, sizeof(idle.mid));
	slot->line = idle;
	slot->tenancy++;
}
