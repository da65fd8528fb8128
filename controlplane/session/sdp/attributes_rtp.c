// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/attributes_rtp.c - payload types and streams, see attributes_rtp.h.
//
// Place    called by attributes.c and description.c.
// Thread   any.
// Owns     nothing but what it hangs into the media it fills in.
// Spec     as attributes_rtp.h.
#include "controlplane/session/sdp/attributes_rtp.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// A number of digits only, below 'limit', followed by a blank or the end.
static bool read_number(const char **at, uint64_t limit, uint64_t *out)
{
	char *end;

	if (!g_ascii_isdigit(**at))
		return false;
	errno = 0;
	*out = strtoull(*at, &end, 10);
	if (errno != 0 || *out >= limit || (*end != '\0' && *end != ' '))
		return false;
	*at = end + strspn(end, " ");
	return true;
}

int sdp_take_formats(struct sdp_section *s)
{
	struct sdp_media *m = s->media;

	if (m->format_count > SDP_CODECS_MAX) {
		(void)sdp_section_refuse(s, "%zu payload types, at most %d are taken; offer fewer",
					 m->format_count, SDP_CODECS_MAX);
		return -E2BIG;
	}
	m->codecs = g_new0(struct sdp_codec, m->format_count);
	for (size_t i = 0; i < m->format_count; i++) {
		const char *at = m->formats[i];
		uint64_t pt;

		if (!read_number(&at, SDP_PT_MAX + 1, &pt))
			return sdp_section_refuse(
				s, "payload type %.20s is not a number from 0 to 127; use one",
				m->formats[i]);
		if (s->codec_at[pt] != 0)
			continue;
		m->codecs[m->codec_count] =
			(struct sdp_codec){.pt = (uint8_t)pt, .channels = 1, .apt = SDP_PT_NONE};
		s->codec_at[pt] = (uint8_t)++m->codec_count;
	}
	return 0;
}

// The payload type a value begins with. NULL if the m-line does not list it, or its line is not
// RTP: then the attribute says nothing.
static struct sdp_codec *codec_of(struct sdp_section *s, const char **value)
{
	uint64_t pt;

	if (!read_number(value, SDP_PT_MAX + 1, &pt) || s->codec_at[pt] == 0)
		return NULL;
	return &s->media->codecs[s->codec_at[pt] - 1];
}

// "opus/48000/2"
int sdp_take_rtpmap(struct sdp_section *s, const char *value)
{
	const char *at = value;
	struct sdp_codec *c = codec_of(s, &at);
	unsigned clock_rate = 0, channels = 1;

	if (c == NULL)
		return 0;
	if (sscanf(at, "%31[^/ ]/%9u/%3u", c->name, &clock_rate, &channels) < 2 || channels > 255)
		return sdp_section_refuse(
			s, "a=rtpmap:%.40s is malformed; write <pt> <name>/<clock>[/<channels>]",
			value);
	c->clock_rate = clock_rate;
	c->channels = (uint8_t)channels;
	c->codec = sdp_codec_find(s->media->kind, c->name, clock_rate, channels);
	return 0;
}

int sdp_take_fmtp(struct sdp_section *s, const char *value)
{
	struct sdp_codec *c = codec_of(s, &value);

	if (c == NULL)
		return 0;
	if (strlen(value) > SDP_FMTP_LEN_MAX)
		return sdp_section_refuse(s,
					  "a=fmtp:%u has %zu bytes, at most %d are taken; send "
					  "parameter sets in the stream instead",
					  c->pt, strlen(value), SDP_FMTP_LEN_MAX);
	strcpy(c->fmtp, value);
	return 0;
}

int sdp_take_rtcp_fb(struct sdp_section *s, const char *value)
{
	static const struct {
		const char *text;
		enum sdp_feedback bit;
	} known[] = {
		{"nack pli", SDP_FEEDBACK_PLI},	     {"ccm fir", SDP_FEEDBACK_FIR},
		{"transport-cc", SDP_FEEDBACK_TWCC}, {"nack", SDP_FEEDBACK_NACK},
		{"goog-remb", SDP_FEEDBACK_REMB},
	};
	uint8_t *bits = &s->feedback_all;

	if (value[0] == '*' && value[1] == ' ') {
		value += 2;
	} else {
		struct sdp_codec *c = codec_of(s, &value);

		if (c == NULL)
			return 0;
		bits = &c->feedback;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(value, known[i].text) == 0)
			*bits |= (uint8_t)known[i].bit;
	}
	return 0;
}

// The entry of an SSRC, made if need be. NULL if there are too many.
static struct sdp_ssrc *ssrc_entry(struct sdp_media *m, uint32_t ssrc)
{
	for (size_t i = 0; i < m->ssrc_count; i++) {
		if (m->ssrcs[i].ssrc == ssrc)
			return &m->ssrcs[i];
	}
	if (m->ssrc_count == SDP_SSRCS_MAX)
		return NULL;
	m->ssrcs[m->ssrc_count] = (struct sdp_ssrc){.ssrc = ssrc};
	return &m->ssrcs[m->ssrc_count++];
}

static int refuse_ssrcs(const struct sdp_section *s)
{
	(void)sdp_section_refuse(s, "more than %d SSRCs; offer one track per m-line",
				 SDP_SSRCS_MAX);
	return -E2BIG;
}

// "123 cname:x", "123 msid:stream track": the latter where a=msid is missing.
int sdp_take_ssrc(struct sdp_section *s, const char *value)
{
	struct sdp_media *m = s->media;
	const char *at = value;
	uint64_t ssrc;

	if (!read_number(&at, UINT64_C(1) << 32, &ssrc))
		return sdp_section_refuse(s, "a=ssrc:%.20s is malformed; write <ssrc> <attribute>",
					  value);
	if (ssrc == 0)
		return 0; // no such stream
	if (ssrc_entry(m, (uint32_t)ssrc) == NULL)
		return refuse_ssrcs(s);
	if (strncmp(at, "cname:", 6) == 0 && m->cname[0] == '\0' &&
	    strlen(at + 6) <= SDP_CNAME_LEN_MAX)
		strcpy(m->cname, at + 6);
	if (strncmp(at, "msid:", 5) == 0 && m->stream_id[0] == '\0' && m->track_id[0] == '\0')
		return sdp_take_msid(s, at + 5);
	return 0;
}

int sdp_take_ssrc_group(struct sdp_section *s, const char *value)
{
	struct sdp_media *m = s->media;
	char semantics[16];
	uint64_t ssrc, first = 0;
	bool simulcast, repairs;

	if (!sdp_next_word(&value, semantics, sizeof(semantics)))
		return 0;
	simulcast = strcmp(semantics, "SIM") == 0;
	repairs = strcmp(semantics, "FID") == 0 || strcmp(semantics, "FEC-FR") == 0;
	value += strspn(value, " ");
	while (read_number(&value, UINT64_C(1) << 32, &ssrc)) {
		struct sdp_ssrc *entry = ssrc == 0 ? NULL : ssrc_entry(m, (uint32_t)ssrc);

		if (entry == NULL)
			return ssrc == 0 ? 0 : refuse_ssrcs(s);
		entry->simulcast |= simulcast;
		if (repairs && first != 0) {
			entry->repairs = (uint32_t)first;
			entry->fec = strcmp(semantics, "FID") != 0;
		}
		first = first == 0 ? ssrc : first;
	}
	return 0;
}

int sdp_take_msid(struct sdp_section *s, const char *value)
{
	struct sdp_media *m = s->media;
	char stream[SDP_ID_LEN_MAX + 1];

	if (!sdp_next_word(&value, stream, sizeof(stream)))
		return 0; // longer than we keep: they are only names
	if (strcmp(stream, "-") != 0)
		strcpy(m->stream_id, stream);
	if (!sdp_next_word(&value, m->track_id, sizeof(m->track_id)))
		m->track_id[0] = '\0';
	return 0;
}

// "q send pt=96;max-width=320": restrictions are the sender's own business.
int sdp_take_rid(struct sdp_section *s, const char *value)
{
	char rid[SDP_RID_LEN_MAX + 1], direction[8];
	const char *at = value;

	if (!sdp_next_word(&at, rid, sizeof(rid)) ||
	    rid[strspn(rid, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_")] != '\0')
		return sdp_section_refuse(
			s,
			"a=rid:%.30s does not begin with a rid of 1 to %d letters "
			"and digits; choose such a rid",
			value, SDP_RID_LEN_MAX);
	if (!sdp_next_word(&at, direction, sizeof(direction)) || strcmp(direction, "send") != 0)
		return 0;
	if (s->rid_count == SDP_RIDS_MAX) {
		(void)sdp_section_refuse(s, "more than %d rids; send fewer layers", SDP_RIDS_MAX);
		return -E2BIG;
	}
	strcpy(s->rids[s->rid_count++], rid);
	return 0;
}

int sdp_take_simulcast(struct sdp_section *s, const char *value)
{
	s->simulcast = value;
	return 0;
}

static bool rtx_apt(struct sdp_codec *c)
{
	char apt[4];

	if (strcasecmp(c->name, "rtx") != 0 || !sdp_fmtp_get(c->fmtp, "apt", apt, sizeof(apt)))
		return false;
	c->apt = (uint8_t)(strtoul(apt, NULL, 10) & SDP_PT_MAX);
	return true;
}

// The first one counts where several repair one payload type.
static void repair(struct sdp_media *m, const struct sdp_codec *rtx)
{
	for (size_t i = 0; i < m->codec_count; i++) {
		if (m->codecs[i].pt == rtx->apt && m->codecs[i].rtx == 0)
			m->codecs[i].rtx = rtx->pt;
	}
}

// One of another codec, or of several, is not served.
static void settle_red(struct sdp_media *m, struct sdp_codec *c)
{
	if (c->codec == CODEC_RED && sdp_red_codec(c, m->codecs, m->codec_count) == NULL)
		c->codec = CODEC_NONE;
}

void sdp_finish_codecs(struct sdp_section *s)
{
	for (size_t i = 0; i < s->media->codec_count; i++) {
		settle_red(s->media, &s->media->codecs[i]);
		s->media->codecs[i].feedback |= s->feedback_all;
		if (rtx_apt(&s->media->codecs[i]))
			repair(s->media, &s->media->codecs[i]);
	}
}

static bool rid_declared(const struct sdp_section *s, const char *rid)
{
	for (size_t i = 0; i < s->rid_count; i++) {
		if (strcmp(s->rids[i], rid) == 0)
			return true;
	}
	return false;
}

static void add_rid(struct sdp_section *s, const char *rid)
{
	struct sdp_media *m = s->media;

	for (size_t i = 0; i < m->rid_send_count; i++) {
		if (strcmp(m->rids_send[i], rid) == 0)
			return;
	}
	if (rid_declared(s, rid) && m->rid_send_count < SDP_RIDS_MAX)
		strcpy(m->rids_send[m->rid_send_count++], rid);
}

// "q;~h,x;f": layers by ';', of each the first alternative; '~' is one that starts paused.
static void add_layers(struct sdp_section *s, const char *layers)
{
	while (*layers != '\0') {
		char rid[SDP_RID_LEN_MAX + 1];
		size_t len;

		layers += *layers == '~';
		len = strcspn(layers, ",;");
		if (len > 0 && len < sizeof(rid)) {
			memcpy(rid, layers, len);
			rid[len] = '\0';
			add_rid(s, rid);
		}
		layers += strcspn(layers, ";");
		layers += *layers == ';';
	}
}

void sdp_finish_rids(struct sdp_section *s)
{
	const char *at = s->simulcast;
	char direction[8], layers[256];

	if (at == NULL) {
		if (s->rid_count > 0)
			add_rid(s, s->rids[0]);
		return;
	}
	while (sdp_next_word(&at, direction, sizeof(direction)) &&
	       sdp_next_word(&at, layers, sizeof(layers))) {
		if (strcmp(direction, "send") == 0)
			add_layers(s, layers);
	}
}
