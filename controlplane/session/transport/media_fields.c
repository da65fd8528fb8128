// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/media_fields.c - codecs, encodings, extensions and payload types
// of a request.

#include "controlplane/session/node.h"
#include "controlplane/session/transport/fields.h"

#include <string.h>

static void too_many(struct rpc_call *call, const char *field, size_t count, unsigned first,
		     unsigned last)
{
	rpc_call_fact(call, "field", "%s", field);
	rpc_call_fact(call, "value", "%zu", count);
	rpc_call_fact(call, "limit", "%u", last);
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(TOO_MANY_ITEMS),
		      "%s: %zu of them: give %u to %u.", field, count, first, last);
}

bool field_extensions(struct rpc_call *call, Sluice__V1__HeaderExtension *const *list, size_t count,
		      struct rtp_ext_map *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < count; i++) {
		char value[16];
		g_snprintf(value, sizeof(value), "%u", list[i]->id);
		if (list[i]->id < 1 || list[i]->id > 255) {
			field_wrong(call, "header_extensions.id", value, "1 to 255");
			return false;
		}
		for (unsigned k = 0; k < RTP_EXT_COUNT; k++) {
			if (out->id[k] == list[i]->id) {
				field_wrong(call, "header_extensions.id", value,
					    "one id for one extension");
				return false;
			}
		}
		for (unsigned k = 0; k < RTP_EXT_COUNT; k++)
			if (g_str_equal(rtp_ext_uri[k], list[i]->uri))
				out->id[k] = (uint8_t)list[i]->id;
	}
	return true;
}

bool field_mid(struct rpc_call *call, const char *mid)
{
	if (strlen(mid) <= SHM_MID_BYTES_MAX)
		return true;
	rpc_call_fact(call, "field", "mid");
	rpc_call_fact(call, "value", "%zu", strlen(mid));
	rpc_call_fact(call, "limit", "%d", SHM_MID_BYTES_MAX);
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_TOO_LONG),
		      "mid: %zu bytes: at most %d.", strlen(mid), SHM_MID_BYTES_MAX);
	return false;
}

static bool codec(struct rpc_call *call, const Sluice__V1__RtpCodec *m, struct sdp_track *out)
{
	const char *slash = strchr(m->mime_type, '/');
	unsigned channels = m->channels != 0 ? m->channels : 1;
	struct sdp_codec *c = &out->codecs[out->codec_count];
	bool kind_ok = slash != NULL &&
		       g_str_has_prefix(m->mime_type, out->kind == SDP_AUDIO ? "audio/" : "video/");

	memset(c, 0, sizeof(*c));
	if (kind_ok)
		c->codec = sdp_codec_find(out->kind, slash + 1, m->clock_rate, channels);
	if (c->codec == CODEC_NONE) {
		rpc_call_fact(call, "field", "codecs.mime_type");
		rpc_call_fact(call, "value", "%s", m->mime_type);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(CODEC_UNSUPPORTED),
			      "codecs: \"%.100s\" at %u Hz with %u channels is not served: "
			      "audio/opus or audio/red at 48000 Hz with 2 channels, or video/VP8, "
			      "VP9, H264, AV1 "
			      "at 90000 Hz.",
			      m->mime_type, m->clock_rate, channels);
		return false;
	}
	for (size_t i = 0; i < out->codec_count; i++)
		if (m->payload_type > SDP_PT_MAX || out->codecs[i].pt == m->payload_type)
			c->codec = CODEC_NONE;
	if (m->payload_type > SDP_PT_MAX || c->codec == CODEC_NONE ||
	    strlen(m->fmtp) > SDP_FMTP_LEN_MAX) {
		char value[16];
		g_snprintf(value, sizeof(value), "%u", m->payload_type);
		field_wrong(call, "codecs.payload_type", value,
			    "0 to 127, each once, with an fmtp of at most 511 bytes");
		return false;
	}
	c->pt = (uint8_t)m->payload_type;
	c->clock_rate = m->clock_rate;
	c->channels = (uint8_t)channels;
	c->apt = SDP_PT_NONE;
	c->feedback = out->feedback;
	g_strlcpy(c->name, slash + 1, sizeof(c->name));
	g_strlcpy(c->fmtp, m->fmtp, sizeof(c->fmtp));
	out->codec_count++;
	return true;
}

static bool is_rtx(const Sluice__V1__RtpCodec *m)
{
	return g_ascii_strcasecmp(m->mime_type, "video/rtx") == 0;
}

// The codec that "apt=..." names, where it has no RTX yet and 'pt' means nothing else.
static struct sdp_codec *repaired(struct sdp_track *t, const char *fmtp, uint32_t pt)
{
	struct sdp_codec *found = NULL;
	char apt[4];

	if (pt < 1 || pt > SDP_PT_MAX || !sdp_fmtp_get(fmtp, "apt", apt, sizeof(apt)))
		return NULL;
	for (size_t i = 0; i < t->codec_count; i++) {
		if (t->codecs[i].pt == pt || t->codecs[i].rtx == pt)
			return NULL;
		if (t->codecs[i].rtx == 0 && t->codecs[i].pt == g_ascii_strtoull(apt, NULL, 10))
			found = &t->codecs[i];
	}
	return found;
}

static bool rtx(struct rpc_call *call, const Sluice__V1__RtpCodec *m, struct sdp_track *out)
{
	struct sdp_codec *c =
		out->kind == SDP_VIDEO ? repaired(out, m->fmtp, m->payload_type) : NULL;

	if (c == NULL) {
		char value[16];
		g_snprintf(value, sizeof(value), "%u", m->payload_type);
		field_wrong(call, "codecs.payload_type", value,
			    "video/rtx: 1 to 127, each once, with an fmtp \"apt=\" and the payload "
			    "type of another of the codecs");
		return false;
	}
	c->rtx = (uint8_t)m->payload_type;
	return true;
}

static bool red_ok(struct rpc_call *call, const struct sdp_codec *c, const struct sdp_track *track)
{
	if (c->codec != CODEC_RED || sdp_red_codec(c, track->codecs, track->codec_count) != NULL)
		return true;
	field_wrong(call, "codecs.fmtp", c->fmtp,
		    "audio/red: the payload type of the track's Opus, as in \"111/111\"");
	return false;
}

static bool codecs(struct rpc_call *call, const Sluice__V1__ProduceRequest *q,
		   struct sdp_track *out)
{
	for (size_t i = 0; i < q->n_codecs; i++)
		if (!is_rtx(q->codecs[i]) && !codec(call, q->codecs[i], out))
			return false;
	for (size_t i = 0; i < q->n_codecs; i++)
		if (is_rtx(q->codecs[i]) && !rtx(call, q->codecs[i], out))
			return false;
	for (size_t i = 0; i < out->codec_count; i++)
		if (!red_ok(call, &out->codecs[i], out))
			return false;
	return true;
}

static bool has_rtx(const struct sdp_track *t)
{
	for (size_t i = 0; i < t->codec_count; i++)
		if (t->codecs[i].rtx != 0)
			return true;
	return false;
}

static bool encoding_rtx(struct rpc_call *call, const Sluice__V1__RtpEncoding *m, bool plain,
			 const struct sdp_track *track, struct sdp_encoding *e)
{
	if (m->rtx != NULL ? !has_rtx(track) || m->rtx->ssrc == 0 || m->rtx->ssrc == m->ssrc
			   : plain && has_rtx(track)) {
		char value[16];
		g_snprintf(value, sizeof(value), "%u", m->rtx != NULL ? m->rtx->ssrc : 0);
		field_wrong(
			call, "encodings.rtx.ssrc", value,
			"an SSRC of its own, where there is a codec video/rtx; a plain transport "
			"needs it then");
		return false;
	}
	e->rtx_ssrc = m->rtx != NULL ? m->rtx->ssrc : 0;
	return true;
}

static bool encodings(struct rpc_call *call, const Sluice__V1__ProduceRequest *q, bool plain,
		      struct sdp_track *out)
{
	for (size_t i = 0; i < q->n_encodings; i++) {
		const Sluice__V1__RtpEncoding *m = q->encodings[i];
		struct sdp_encoding *e = &out->encodings[out->encoding_count++];
		if (strlen(m->rid) > SDP_RID_LEN_MAX) {
			field_wrong(call, "encodings.rid", m->rid, "at most 16 bytes");
			return false;
		}
		if (m->ssrc == 0 &&
		    (plain || q->mid[0] == '\0' || (q->n_encodings > 1 && m->rid[0] == '\0'))) {
			field_wrong(call, "encodings.ssrc", "0",
				    plain ? "a plain transport needs every SSRC"
					  : "without an SSRC give a mid, and a rid where there are "
					    "several encodings");
			return false;
		}
		e->ssrc = m->ssrc;
		g_strlcpy(e->rid, m->rid, sizeof(e->rid));
		if (!encoding_rtx(call, m, plain, out, e))
			return false;
	}
	return true;
}

static uint8_t feedback(const Sluice__V1__ProduceRequest *q)
{
	static const struct {
		const char *text;
		uint8_t bit;
	} known[] = {{"nack", SDP_FEEDBACK_NACK},
		     {"goog-remb", SDP_FEEDBACK_REMB},
		     {"nack pli", SDP_FEEDBACK_PLI},
		     {"ccm fir", SDP_FEEDBACK_FIR},
		     {"transport-cc", SDP_FEEDBACK_TWCC}};
	uint8_t bits = 0;

	for (size_t i = 0; i < q->n_rtcp_feedback; i++)
		for (size_t k = 0; k < G_N_ELEMENTS(known); k++)
			if (g_str_equal(q->rtcp_feedback[i], known[k].text))
				bits |= known[k].bit;
	return bits;
}

bool field_media(struct rpc_call *call, const Sluice__V1__ProduceRequest *q, struct transport *on,
		 struct sdp_track *out)
{
	memset(out, 0, sizeof(*out));
	if (q->kind == SLUICE__V1__MEDIA_KIND__MEDIA_KIND_UNSPECIFIED) {
		rpc_call_fact(call, "field", "kind");
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_MISSING),
			      "kind: missing: say audio or video.");
		return false;
	}
	if (q->n_codecs < 1 || q->n_codecs > SDP_TRACK_CODECS_MAX) {
		too_many(call, "codecs", q->n_codecs, 1, SDP_TRACK_CODECS_MAX);
		return false;
	}
	if (q->n_encodings < 1 || q->n_encodings > SDP_ENCODINGS_MAX) {
		too_many(call, "encodings", q->n_encodings, 1, SDP_ENCODINGS_MAX);
		return false;
	}
	if (!field_mid(call, q->mid) ||
	    !field_extensions(call, q->header_extensions, q->n_header_extensions, &out->ext))
		return false;
	out->kind = q->kind == SLUICE__V1__MEDIA_KIND__MEDIA_KIND_AUDIO ? SDP_AUDIO : SDP_VIDEO;
	out->sending = true;
	out->feedback = feedback(q);
	g_strlcpy(out->mid, q->mid, sizeof(out->mid));
	if (!codecs(call, q, out))
		return false;
	return encodings(call, q, on->plain, out);
}

static bool pt_clashes(const struct shm_pt_map *a, const Sluice__V1__PayloadTypeMap *b)
{
	return a->from == b->from || (b->rtx != 0 && (a->to == b->rtx || a->rtx == b->rtx)) ||
	       (a->rtx != 0 && a->rtx == b->to);
}

static bool pt_add(struct rpc_call *call, struct shm_subscription_config *out,
		   const Sluice__V1__PayloadTypeMap *m)
{
	bool ok = m->from <= SDP_PT_MAX && m->to <= SDP_PT_MAX && m->rtx <= SDP_PT_MAX &&
		  (m->rtx == 0 || m->rtx != m->to) && out->pt_count < SHM_CODECS_MAX;
	char value[64];

	for (unsigned i = 0; i < out->pt_count; i++)
		ok = ok && !pt_clashes(&out->pts[i], m);
	if (ok) {
		out->pts[out->pt_count++] = (struct shm_pt_map){
			.from = (uint8_t)m->from, .to = (uint8_t)m->to, .rtx = (uint8_t)m->rtx};
		return true;
	}
	g_snprintf(value, sizeof(value), "%u to %u, rtx %u", m->from, m->to, m->rtx);
	field_wrong(call, "payload_types", value,
		    "1 to 16 of 0 to 127, each `from` once, each `rtx` nothing else");
	return false;
}

bool field_payload_types(struct rpc_call *call, const Sluice__V1__ConsumerSpec *spec,
			 const struct track *track, struct shm_subscription_config *out)
{
	const struct sdp_track *n = &track->negotiated;

	out->pt_count = 0;
	for (size_t i = 0; i < spec->n_payload_types; i++)
		if (!pt_add(call, out, spec->payload_types[i]))
			return false;
	for (size_t i = 0; spec->n_payload_types == 0 && i < n->codec_count; i++)
		out->pts[out->pt_count++] = (struct shm_pt_map){
			.from = n->codecs[i].pt,
			.to = n->codecs[i].pt,
			.rtx = spec->rtx != NULL ? n->codecs[i].rtx : 0,
		};
	return true;
}

bool field_rtx(struct rpc_call *call, const Sluice__V1__ConsumerSpec *spec,
	       const struct track *track, struct shm_subscription_config *out)
{
	bool numbered = false;

	for (unsigned i = 0; i < out->pt_count; i++)
		numbered |= out->pts[i].rtx != 0;
	if (!numbered && spec->rtx == NULL)
		return true;
	uint32_t ssrc = spec->rtx != NULL ? spec->rtx->ssrc : 0;
	if (!numbered || track->negotiated.kind != SDP_VIDEO || ssrc == out->ssrc) {
		char value[16];
		g_snprintf(value, sizeof(value), "%u", ssrc);
		field_wrong(call, "rtx.ssrc", value,
			    "another than `ssrc`, with payload types for it, and of video alone");
		return false;
	}
	out->rtx_ssrc = ssrc != 0 ? ssrc : g_random_int() & ~UINT32_C(1);
	out->rtx_sequence_start = (uint16_t)g_random_int_range(1, 1 << 15);
	return true;
}
