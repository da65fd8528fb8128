// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/attributes.c - the meaning of a= lines, see attributes.h.
//
// Place    fills in struct sdp_media; codecs and streams are in attributes_rtp.c.
// Thread   any.
// Owns     nothing but what it hangs into the media it fills in.
// Spec     RFC 8839 (ICE), RFC 8122 (fingerprint), RFC 8842 (setup), RFC 8285 (extmap), RFC 5888.
#include "controlplane/session/sdp/attributes.h"

#include "controlplane/session/sdp/attributes_rtp.h"

#include <errno.h>
#include <glib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sdp_section_refuse(const struct sdp_section *s, const char *format, ...)
{
	const struct sdp_media *m = s->media;
	va_list args;
	int n = 0;

	if (!s->is_session)
		n = snprintf(s->reason, SDP_REASON_SIZE, "m-line %u (%s%s%s%s): ", s->index,
			     m->kind_name, m->mid[0] ? ", mid \"" : "", m->mid,
			     m->mid[0] ? "\"" : "");
	va_start(args, format);
	vsnprintf(s->reason + n, (size_t)(SDP_REASON_SIZE - n), format, args);
	va_end(args);
	return -EINVAL;
}

bool sdp_next_word(const char **at, char *out, size_t out_size)
{
	size_t len;

	*at += strspn(*at, " \t");
	len = strcspn(*at, " \t");
	if (len == 0 || len >= out_size)
		return false;
	memcpy(out, *at, len);
	out[len] = '\0';
	*at += len;
	return true;
}

static int take_ufrag(struct sdp_section *s, const char *value)
{
	s->ufrag = value;
	return 0;
}

static int take_pwd(struct sdp_section *s, const char *value)
{
	s->pwd = value;
	return 0;
}

static int take_ice_options(struct sdp_section *s, const char *value)
{
	char word[32];

	while (sdp_next_word(&value, word, sizeof(word))) {
		if (strcmp(word, "trickle") == 0)
			s->transport.trickle = true;
	}
	return 0;
}

static int take_ice_lite(struct sdp_section *s, const char *value)
{
	(void)value;
	s->ice_lite = true;
	return 0;
}

// Several may be given; the strongest hash we know counts. Others are no mistake.
static int take_fingerprint(struct sdp_section *s, const char *value)
{
	struct dtls_fingerprint f;
	int err = dtls_fingerprint_parse(value, &f);

	if (err == -ENOTSUP)
		return 0;
	if (err != 0)
		return sdp_section_refuse(s,
					  "a=fingerprint:%.40s is malformed; write the hash, a "
					  "blank and all its octets as AB:CD:...",
					  value);
	if (!s->transport.has_fingerprint || f.hash > s->transport.fingerprint.hash)
		s->transport.fingerprint = f;
	s->transport.has_fingerprint = true;
	return 0;
}

static int take_setup(struct sdp_section *s, const char *value)
{
	if (strcmp(value, "actpass") == 0)
		s->transport.setup = SDP_SETUP_ACTPASS;
	else if (strcmp(value, "active") == 0)
		s->transport.setup = SDP_SETUP_ACTIVE;
	else if (strcmp(value, "passive") == 0)
		s->transport.setup = SDP_SETUP_PASSIVE;
	else
		return sdp_section_refuse(
			s, "a=setup:%.20s is not served; use actpass, active or passive", value);
	return 0;
}

static int take_group(struct sdp_section *s, const char *value)
{
	if (s->bundle == NULL && strncmp(value, "BUNDLE", 6) == 0 &&
	    (value[6] == ' ' || value[6] == '\0'))
		s->bundle = value + 6;
	return 0;
}

static int take_mid(struct sdp_section *s, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || len > SDP_MID_LEN_MAX || strpbrk(value, " \t\"") != NULL)
		return sdp_section_refuse(
			s, "a=mid:%.20s is not a token of 1 to %d characters; choose such a mid",
			value, SDP_MID_LEN_MAX);
	memcpy(s->media->mid, value, len + 1);
	return 0;
}

static int take_sendrecv(struct sdp_section *s, const char *value)
{
	(void)value;
	s->media->direction = SDP_SENDRECV;
	return 0;
}

static int take_sendonly(struct sdp_section *s, const char *value)
{
	(void)value;
	s->media->direction = SDP_SENDONLY;
	return 0;
}

static int take_recvonly(struct sdp_section *s, const char *value)
{
	(void)value;
	s->media->direction = SDP_RECVONLY;
	return 0;
}

static int take_inactive(struct sdp_section *s, const char *value)
{
	(void)value;
	s->media->direction = SDP_INACTIVE;
	return 0;
}

static int take_rtcp_mux(struct sdp_section *s, const char *value)
{
	(void)value;
	s->media->rtcp_mux = true;
	return 0;
}

static int take_rtcp_rsize(struct sdp_section *s, const char *value)
{
	(void)value;
	s->media->rtcp_rsize = true;
	return 0;
}

static int take_bundle_only(struct sdp_section *s, const char *value)
{
	(void)value;
	s->bundle_only = true;
	return 0;
}

static int take_allow_mixed(struct sdp_section *s, const char *value)
{
	(void)value;
	s->media->extmap_allow_mixed = true;
	return 0;
}

static enum sdp_direction direction_of(const char *word)
{
	if (strcmp(word, "/sendonly") == 0)
		return SDP_SENDONLY;
	if (strcmp(word, "/recvonly") == 0)
		return SDP_RECVONLY;
	return strcmp(word, "/inactive") == 0 ? SDP_INACTIVE : SDP_SENDRECV;
}

// "4 uri" or "4/recvonly uri attributes". Ids that no packet can carry (15, and 4096 and up: an
// offer of more than fits) and what we don't know are left out.
static int take_extmap(struct sdp_section *s, const char *value)
{
	char *end;
	unsigned long id = strtoul(value, &end, 10);
	char direction[16] = "", uri[128];
	const char *at = end;

	if (end == value || (*at != ' ' && *at != '/'))
		return sdp_section_refuse(s, "a=extmap:%.20s has no id; write a=extmap:<id> <uri>",
					  value);
	if (*at == '/')
		(void)sdp_next_word(&at, direction, sizeof(direction));
	if (id == 0 || id == 15 || id > 255 || !sdp_next_word(&at, uri, sizeof(uri)))
		return 0;
	for (unsigned kind = 0; kind < RTP_EXT_COUNT; kind++) {
		if (strcmp(uri, rtp_ext_uri[kind]) == 0) {
			s->media->ext.id[kind] = (uint8_t)id;
			s->media->ext_direction[kind] = direction_of(direction);
		}
	}
	return 0;
}

static int take_candidate(struct sdp_section *s, const char *value)
{
	struct sdp_media *m = s->media;

	if (m->candidate_count < SDP_CANDIDATES_MAX) {
		m->candidates = g_renew(char *, m->candidates, m->candidate_count + 1);
		m->candidates[m->candidate_count++] = g_strconcat("candidate:", value, NULL);
	}
	return 0;
}

static int take_end_of_candidates(struct sdp_section *s, const char *value)
{
	(void)value;
	s->media->end_of_candidates = true;
	return 0;
}

enum level { ANY, SESSION, MEDIA };

static const struct {
	const char *key;
	enum level level;
	int (*take)(struct sdp_section *s, const char *value);
} attributes[] = {
	{"rtcp-fb", MEDIA, sdp_take_rtcp_fb},
	{"rtpmap", MEDIA, sdp_take_rtpmap},
	{"fmtp", MEDIA, sdp_take_fmtp},
	{"ssrc", MEDIA, sdp_take_ssrc},
	{"ssrc-group", MEDIA, sdp_take_ssrc_group},
	{"candidate", MEDIA, take_candidate},
	{"extmap", ANY, take_extmap},
	{"extmap-allow-mixed", ANY, take_allow_mixed},
	{"ice-ufrag", ANY, take_ufrag},
	{"ice-pwd", ANY, take_pwd},
	{"ice-options", ANY, take_ice_options},
	{"ice-lite", ANY, take_ice_lite},
	{"fingerprint", ANY, take_fingerprint},
	{"setup", ANY, take_setup},
	{"group", SESSION, take_group},
	{"mid", MEDIA, take_mid},
	{"msid", MEDIA, sdp_take_msid},
	{"rid", MEDIA, sdp_take_rid},
	{"simulcast", MEDIA, sdp_take_simulcast},
	{"sendrecv", ANY, take_sendrecv},
	{"sendonly", ANY, take_sendonly},
	{"recvonly", ANY, take_recvonly},
	{"inactive", ANY, take_inactive},
	{"rtcp-mux", MEDIA, take_rtcp_mux},
	{"rtcp-rsize", MEDIA, take_rtcp_rsize},
	{"bundle-only", MEDIA, take_bundle_only},
	{"end-of-candidates", ANY, take_end_of_candidates},
};

int sdp_section_take(struct sdp_section *s, const char *key, const char *value)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (strcmp(attributes[i].key, key) != 0)
			continue;
		if (attributes[i].level == (s->is_session ? MEDIA : SESSION))
			return 0;
		return attributes[i].take(s, value);
	}
	return 0;
}

static int finish_ice(struct sdp_section *s)
{
	struct sdp_transport *t = &s->media->transport;

	*t = s->transport;
	if (s->ufrag == NULL || s->pwd == NULL)
		return 0; // sdp_description_check() says so where it matters
	if (ice_credentials_set(&t->ice, s->ufrag, s->pwd) != 0)
		return sdp_section_refuse(
			s, "a=ice-ufrag or a=ice-pwd is malformed; use 4 to 256 and 22 to 256 "
			   "letters, digits, + and /");
	t->has_ice = true;
	return 0;
}

int sdp_section_finish(struct sdp_section *s)
{
	int err = finish_ice(s);

	if (err != 0)
		return err;
	s->media->ext.allow_mixed = s->media->extmap_allow_mixed;
	sdp_finish_codecs(s);
	sdp_finish_rids(s);
	return 0;
}
