// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/offer_text.c - the text of an offer to a subscriber, see offer.h.
//
// Place    writes what offer.c has laid out.
// Thread   one at a time.
// Owns     nothing.
// Spec     RFC 9429 5.2, RFC 8830 (msid), RFC 5576 6.1 (cname).
#include "controlplane/session/sdp/offer_state.h"
#include "controlplane/session/sdp/writer.h"

#include <glib.h>
#include <string.h>

static const char *kind_name(enum sdp_kind kind)
{
	return kind == SDP_AUDIO ? "audio" : "video";
}

// Two payload types of the publisher may have become one.
static bool is_repeated(const struct sdp_slot *slot, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (slot->codecs[i].codec.pt == slot->codecs[index].codec.pt)
			return true;
	}
	return false;
}

static void write_formats(GstSDPMedia *media, const struct sdp_slot *slot)
{
	for (size_t i = 0; i < slot->codec_count; i++) {
		if (!is_repeated(slot, i))
			sdp_write_formats(media, &slot->codecs[i].codec, 1);
	}
}

static void write_dead(GstSDPMessage *message, const struct sdp_slot *slot)
{
	GstSDPMedia *media =
		sdp_writer_media(kind_name(slot->line.kind), "UDP/TLS/RTP/SAVPF", true);

	write_formats(media, slot);
	sdp_write(media, "mid", "%s", slot->line.mid);
	sdp_write_flag(media, "inactive");
	sdp_writer_add(message, media);
}

static void write_line(GstSDPMessage *message, const struct sdp_local *local,
		       const struct sdp_slot *slot, bool first)
{
	const struct sdp_line *line = &slot->line;
	GstSDPMedia *media = sdp_writer_media(kind_name(line->kind), "UDP/TLS/RTP/SAVPF", false);

	write_formats(media, slot);
	sdp_write_transport(media, local, "actpass", line->mid, first);
	sdp_write_flag(media, "rtcp-rsize");
	sdp_write_flag(media, line->state == SDP_LINE_IDLE ? "inactive" : "sendonly");
	sdp_write_ext(media, &slot->ext);
	for (size_t i = 0; i < slot->codec_count; i++) {
		if (!is_repeated(slot, i))
			sdp_write_codec(media, &slot->codecs[i].codec);
	}
	if (line->state != SDP_LINE_IDLE) {
		sdp_write(media, "msid", "%s %s", line->stream_id, line->track_id);
		sdp_write(media, "ssrc", "%u cname:%s", line->ssrc, line->cname);
		if (line->rtx_ssrc != 0)
			sdp_write_rtx_ssrc(media, line->ssrc, line->rtx_ssrc, line->cname);
	}
	sdp_writer_add(message, media);
}

static GstSDPMessage *begin(const struct sdp_subscriber *s, const struct sdp_local *local)
{
	GString *bundle = g_string_new(NULL);
	GstSDPMessage *message;

	for (size_t i = 0; i < s->slot_count; i++) {
		if (!s->slots[i].dead)
			g_string_append_printf(bundle, " %s", s->slots[i].line.mid);
	}
	message = sdp_writer_begin(local, bundle->str);
	g_string_free(bundle, TRUE);
	return message;
}

// New credentials of ours ask for new ones of the client's.
static void note_restart(struct sdp_subscriber *s, const struct sdp_local *local)
{
	if (strcmp(s->offered_ufrag, local->ice.ufrag) == 0)
		return;
	strcpy(s->offered_ufrag, local->ice.ufrag);
	s->former = s->ice;
}

char *sdp_subscriber_offer(struct sdp_subscriber *subscriber, const struct sdp_local *local)
{
	GstSDPMessage *message;
	bool first = true;

	if (subscriber->slot_count == 0)
		return NULL;
	note_restart(subscriber, local);
	message = begin(subscriber, local);
	for (size_t i = 0; i < subscriber->slot_count; i++) {
		struct sdp_slot *slot = &subscriber->slots[i];

		slot->offered_tenancy = slot->tenancy;
		if (slot->dead) {
			write_dead(message, slot);
			continue;
		}
		write_line(message, local, slot, first);
		first = false;
	}
	subscriber->offered_count = subscriber->slot_count;
	return sdp_writer_finish(message);
}
