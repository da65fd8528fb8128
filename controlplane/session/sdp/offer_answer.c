// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/offer_answer.c - what a subscriber's answer accepts, see offer.h.
//
// Place    changes the lines of offer.c.
// Thread   one at a time.
// Owns     nothing.
// Spec     RFC 9429 5.11 (applying an answer), RFC 3264 6, RFC 8842 5.3 (setup in answers).
#include "controlplane/session/sdp/offer_state.h"
#include "controlplane/session/sdp/playback.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

static int check_line(const struct sdp_slot *slot, const struct sdp_media *m, size_t index,
		      char *reason)
{
	if (m->kind != slot->line.kind) {
		snprintf(reason, SDP_REASON_SIZE,
			 "m-line %zu is %s, the offer's is %s; answer the newest offer", index + 1,
			 m->kind_name, slot->line.kind == SDP_AUDIO ? "audio" : "video");
		return -EINVAL;
	}
	// A rejected m-line may have lost its mid.
	if (strcmp(m->mid, slot->line.mid) != 0 && !(m->rejected && m->mid[0] == '\0')) {
		snprintf(reason, SDP_REASON_SIZE,
			 "m-line %zu has mid \"%s\", the offer's has \"%s\"; answer the newest "
			 "offer",
			 index + 1, m->mid, slot->line.mid);
		return -EINVAL;
	}
	return 0;
}

// Lines added since the newest offer are behind those it had.
static int check_lines(const struct sdp_subscriber *s, const struct sdp_description *d,
		       char *reason)
{
	if (s->offered_count == 0 || d->media_count != s->offered_count) {
		snprintf(reason, SDP_REASON_SIZE,
			 "%zu m-lines, the offer has %zu; answer each m-line of the newest offer, "
			 "in its order",
			 d->media_count, s->offered_count);
		return -EINVAL;
	}
	for (size_t i = 0; i < d->media_count; i++) {
		const struct sdp_slot *slot = &s->slots[i];
		int err = 0;

		if (slot->tenancy == slot->offered_tenancy) // else it may have a new mid by now
			err = check_line(slot, &d->media[i], i, reason);
		if (err != 0)
			return err;
	}
	return 0;
}

static int check_setup(const struct sdp_description *d, char *reason)
{
	const struct sdp_media *tagged = sdp_description_tagged(d);

	if (tagged == NULL || tagged->transport.setup != SDP_SETUP_ACTPASS)
		return 0;
	snprintf(reason, SDP_REASON_SIZE,
		 "a=setup:actpass in an answer (mid \"%s\"); answer active or passive",
		 tagged->mid);
	return -EINVAL;
}

static bool same_ice(const struct ice_credentials *a, const struct ice_credentials *b)
{
	return strcmp(a->ufrag, b->ufrag) == 0 && strcmp(a->pwd, b->pwd) == 0;
}

static int check_restart(const struct sdp_subscriber *s, const struct sdp_description *d,
			 char *reason)
{
	const struct sdp_media *tagged = sdp_description_tagged(d);

	if (tagged == NULL || !same_ice(&s->former, &tagged->transport.ice))
		return 0;
	snprintf(reason, SDP_REASON_SIZE,
		 "the offer restarts ICE and the answer has the credentials from before (mid "
		 "\"%s\"); answer with a new a=ice-ufrag and a=ice-pwd",
		 tagged->mid);
	return -EINVAL;
}

static const struct sdp_codec *find_pt(const struct sdp_media *m, uint8_t pt)
{
	for (size_t i = 0; i < m->codec_count; i++) {
		if (m->codecs[i].pt == pt)
			return &m->codecs[i];
	}
	return NULL;
}

static void accept_codecs(struct sdp_slot *slot, const struct sdp_media *m)
{
	struct sdp_line *line = &slot->line;

	line->pt_count = 0;
	line->feedback = 0;
	for (size_t i = 0; i < slot->codec_count; i++) {
		const struct sdp_offered_codec *ours = &slot->codecs[i];
		const struct sdp_codec *theirs = find_pt(m, ours->codec.pt);

		if (theirs == NULL || !sdp_codec_equal(theirs, &ours->codec))
			continue;
		line->pts[line->pt_count++] = (struct sdp_pt_pair){
			.from = ours->from,
			.to = ours->codec.pt,
			.rtx = theirs->rtx == ours->codec.rtx ? theirs->rtx : 0,
		};
		line->feedback |= theirs->feedback & ours->codec.feedback;
	}
}

static void accept_ext(struct sdp_slot *slot, const struct sdp_media *m)
{
	struct sdp_line *line = &slot->line;

	memset(&line->ext, 0, sizeof(line->ext));
	for (unsigned kind = 0; kind < RTP_EXT_COUNT; kind++) {
		if (slot->ext.id[kind] != 0 && m->ext.id[kind] == slot->ext.id[kind] &&
		    m->ext_direction[kind] != SDP_SENDONLY &&
		    m->ext_direction[kind] != SDP_INACTIVE)
			line->ext.id[kind] = slot->ext.id[kind];
	}
	line->ext.allow_mixed = m->extmap_allow_mixed;
}

static void take_line(struct sdp_slot *slot, const struct sdp_media *m)
{
	struct sdp_line *line = &slot->line;
	bool receives = !m->rejected && m->rtp &&
			(m->direction == SDP_RECVONLY || m->direction == SDP_SENDRECV);

	if (slot->tenancy != slot->offered_tenancy)
		return; // the answer speaks of another track
	slot->dead = m->rejected;
	if (line->state == SDP_LINE_IDLE)
		return;
	accept_codecs(slot, m);
	accept_ext(slot, m);
	if (receives && line->pt_count > 0) {
		line->state = SDP_LINE_ACCEPTED;
		return;
	}
	line->state = SDP_LINE_REFUSED;
	line->pt_count = 0;
	line->feedback = 0;
	memset(&line->ext, 0, sizeof(line->ext));
}

static char **copy_candidates(const struct sdp_media *m)
{
	char **copy = g_new0(char *, m->candidate_count + 1);

	for (size_t i = 0; i < m->candidate_count; i++)
		copy[i] = g_strdup(m->candidates[i]);
	return copy;
}

static void take_transport(struct sdp_subscriber *s, const struct sdp_media *tagged,
			   struct sdp_subscriber_answer *out)
{
	const struct sdp_transport *t = &tagged->transport;

	out->has_transport = true;
	out->ice = t->ice;
	out->fingerprint = t->fingerprint;
	out->role = t->setup == SDP_SETUP_PASSIVE ? DTLS_ACTIVE : DTLS_PASSIVE;
	out->candidates = copy_candidates(tagged);
	out->end_of_candidates = tagged->end_of_candidates;
	if (s->answered) {
		out->ice_changed = !same_ice(&s->ice, &t->ice);
		out->fingerprint_changed =
			!dtls_fingerprint_equal(&s->fingerprint, &t->fingerprint);
	}
	s->answered = true;
	s->ice = t->ice;
	s->fingerprint = t->fingerprint;
}

int sdp_subscriber_take_answer(struct sdp_subscriber *subscriber, const char *answer, size_t size,
			       char reason[SDP_REASON_SIZE], struct sdp_subscriber_answer *out)
{
	struct sdp_description *d;
	const struct sdp_media *tagged;
	int err;

	memset(out, 0, sizeof(*out));
	err = sdp_description_parse(answer, size, reason, &d);
	if (err != 0)
		return err;
	err = check_lines(subscriber, d, reason);
	if (err == 0)
		err = sdp_description_check(d, reason);
	if (err == 0)
		err = check_setup(d, reason);
	if (err == 0)
		err = check_restart(subscriber, d, reason);
	if (err == 0) {
		for (size_t i = 0; i < d->media_count; i++)
			take_line(&subscriber->slots[i], &d->media[i]);
		tagged = sdp_description_tagged(d);
		if (tagged != NULL)
			take_transport(subscriber, tagged, out);
	}
	sdp_description_destroy(&d);
	return err;
}

void sdp_subscriber_playback(const struct sdp_subscriber *subscriber, int line,
			     struct sdp_playback_line *out)
{
	const struct sdp_slot *slot = &subscriber->slots[line];

	memset(out, 0, sizeof(*out));
	out->kind = slot->line.kind;
	out->receives = slot->line.state == SDP_LINE_ACCEPTED;
	out->ext = slot->line.ext;
	strcpy(out->mid, slot->line.mid);
	for (size_t i = 0; out->receives && i < slot->line.pt_count; i++) {
		for (size_t k = 0; k < slot->codec_count; k++) {
			if (slot->codecs[k].from != slot->line.pts[i].from)
				continue;
			out->codecs[out->codec_count] = slot->codecs[k].codec;
			out->codecs[out->codec_count++].rtx = slot->line.pts[i].rtx;
			break;
		}
	}
}
