// SPDX-License-Identifier: Apache-2.0
//
// dataplane/ingress/streams.c - SSRC, else MID and RID, to encoding (RFC 8843 9.2, RFC 8852).

#include "dataplane/ingress/streams.h"

#include "proto/rtc/rtp_ext.h"

#include <string.h>

enum { ASK_AGAIN_US = 200000 }; // a request or its answer was lost in a full ring

static bool name_equal(const char *ours, size_t room, const uint8_t *theirs, size_t size)
{
	return size != 0 && size <= room && memcmp(ours, theirs, size) == 0 &&
	       (size == room || ours[size] == '\0');
}

// The track of this transport with the packet's MID.
static const struct track_config *track_by_mid(struct worker *w, struct transport *t,
					       const struct rtp_ext_set *ext)
{
	const struct transport_links *links = atomic_load_explicit(&t->links, memory_order_acquire);

	if (links == NULL || ext->data[RTP_EXT_MID] == NULL)
		return NULL;
	for (uint32_t i = 0; i < links->track_count; i++) {
		const struct track_config *c = atomic_load_explicit(
			&w->dp->tracks[links->index[i]].config, memory_order_acquire);
		if (c != NULL && name_equal(c->shm.mid, sizeof(c->shm.mid), ext->data[RTP_EXT_MID],
					    ext->size[RTP_EXT_MID]))
			return c;
	}
	return NULL;
}

// The encoding by RID; a track without simulcast has just the one. Negative if there is none.
static int encoding_by_rid(const struct track_config *c, const struct rtp_ext_set *ext,
			   enum rtp_ext_kind kind)
{
	if (c->shm.encoding_count == 1 && c->shm.encodings[0].rid[0] == '\0')
		return 0;
	for (uint8_t i = 0; ext->data[kind] != NULL && i < c->shm.encoding_count; i++)
		if (name_equal(c->shm.encodings[i].rid, SHM_RID_BYTES_MAX, ext->data[kind],
			       ext->size[kind]))
			return i;
	return -1;
}

// The encoding whose RTX the record announces under that SSRC. NULL: none of this transport's.
static const struct track_config *track_by_rtx(struct worker *w, struct transport *t, uint32_t ssrc,
					       int *encoding)
{
	const struct transport_links *links = atomic_load_explicit(&t->links, memory_order_acquire);

	for (uint32_t i = 0; links != NULL && i < links->track_count; i++) {
		const struct track_config *c = atomic_load_explicit(
			&w->dp->tracks[links->index[i]].config, memory_order_acquire);
		for (unsigned n = 0; c != NULL && n < c->shm.encoding_count; n++) {
			*encoding = (int)n;
			if (c->shm.encodings[n].rtx_ssrc == ssrc)
				return c;
		}
	}
	return NULL;
}

static void stream_clear(struct worker *w, struct receive_stream *s)
{
	struct xmsg msg = {.kind = XMSG_FREE_STREAM, .pointer = s->srtp};

	if (s->plain)
		msg = (struct xmsg){.kind = XMSG_FREE_SOURCE, .pointer = s->source};
	// Main makes room for these by draining its ring every round; if it is full all the same
	// the stream is lost until exit, which is worse only than blocking.
	if (msg.pointer != NULL)
		xmsg_to_main(w, &msg);
	memset(s, 0, sizeof(*s));
}

// A free place, or that of the unbound stream asked for longest ago. Those the control plane has
// announced (never asked for) stay: their first packet need not carry a MID.
static struct receive_stream *place(struct worker *w, struct transport *t)
{
	struct receive_stream *oldest = NULL;

	for (unsigned i = 0; i < RECEIVE_STREAMS_MAX; i++) {
		struct receive_stream *s = &t->streams[i];
		if (s->ssrc == 0)
			return s;
		if (!s->bound && s->asked_us != 0 &&
		    (oldest == NULL || s->asked_us < oldest->asked_us))
			oldest = s;
	}
	if (oldest != NULL)
		stream_clear(w, oldest);
	return oldest;
}

static void ask(struct worker *w, struct transport *t, struct receive_stream *s)
{
	struct xmsg msg = {
		.kind = XMSG_WANT_STREAM,
		.ref = {(uint32_t)(t - w->dp->transports), t->generation},
		.b = s->ssrc,
	};

	s->pending = true;
	s->asked_us = w->now_us;
	xmsg_to_main(w, &msg); // asked again after ASK_AGAIN_US if this is lost
}

static struct receive_stream *by_ssrc(struct transport *t, uint32_t ssrc)
{
	for (unsigned i = 0; i < RECEIVE_STREAMS_MAX; i++)
		if (t->streams[i].ssrc == ssrc)
			return &t->streams[i];
	return NULL;
}

struct receive_stream *streams_find(struct worker *w, struct transport *t, const struct rtp_view *v)
{
	struct receive_stream *s = v->ssrc != 0 ? by_ssrc(t, v->ssrc) : NULL;

	if (s != NULL) {
		if (s->pending && w->now_us - s->asked_us > ASK_AGAIN_US)
			ask(w, t, s);
		return s;
	}
	const struct transport_config *tc = atomic_load_explicit(&t->config, memory_order_acquire);
	if (tc == NULL || v->ssrc == 0)
		return NULL;
	struct rtp_ext_set ext;
	rtp_ext_collect(&ext, v, &tc->shm.receive_ext);
	int encoding = -1;
	const struct track_config *c = track_by_rtx(w, t, v->ssrc, &encoding);
	bool repairs = c != NULL;
	if (c == NULL) {
		c = track_by_mid(w, t, &ext);
		repairs = c != NULL && track_codec_of_rtx(c, v->pt) != NULL;
		encoding = c == NULL
				   ? -1
				   : encoding_by_rid(c, &ext,
						     repairs ? RTP_EXT_REPAIRED_RID : RTP_EXT_RID);
	}
	if (encoding < 0)
		return NULL;
	s = place(w, t);
	if (s == NULL)
		return NULL;
	*s = (struct receive_stream){
		.ssrc = v->ssrc,
		.encoding = (uint8_t)encoding,
		.repairs = repairs,
		.track = {c->index, c->generation},
	};
	ask(w, t, s);
	return s;
}

// The encoding changed its SSRC: the stream it had is no longer wanted.
static void unbind_former(struct worker *w, struct transport *t, const struct receive_stream *now)
{
	for (unsigned i = 0; i < RECEIVE_STREAMS_MAX; i++) {
		struct receive_stream *s = &t->streams[i];
		if (s != now && s->bound && s->encoding == now->encoding &&
		    s->repairs == now->repairs && s->track.index == now->track.index)
			stream_clear(w, s);
	}
}

const struct track_config *streams_bound(struct worker *w, struct transport *t,
					 struct receive_stream *s)
{
	const struct track_config *c = track_config_of(w->dp, s->track);

	if (c == NULL || s->bound)
		return c;
	s->bound = true;
	unbind_former(w, t, s);
	if (!s->repairs)
		track_bind(w, c, s->encoding, s->ssrc);
	return c;
}

void streams_made(struct worker *w, struct shm_ref transport, uint32_t ssrc,
		  struct srtp_stream *made)
{
	struct transport *t = transport_owned(w, transport);
	struct receive_stream *s = t != NULL && ssrc != 0 ? by_ssrc(t, ssrc) : NULL;

	if (s == NULL || !s->pending) {
		struct receive_stream unwanted = {.srtp = made};
		stream_clear(w, &unwanted);
		return;
	}
	s->srtp = made;
	s->pending = false;
	if (made == NULL)
		stream_clear(w, s);
}

void streams_add(struct worker *w, struct transport *t, const struct receive_stream *made)
{
	struct receive_stream *s = by_ssrc(t, made->ssrc);
	struct receive_stream unwanted = *made;

	if (s == NULL)
		s = place(w, t);
	else
		stream_clear(w, s);
	if (s != NULL)
		*s = *made;
	else // link/epochs.c refuses more encodings than there is room for
		stream_clear(w, &unwanted);
}

void streams_remove(struct worker *w, struct transport *t, const struct track_config *c)
{
	for (unsigned i = 0; i < RECEIVE_STREAMS_MAX; i++)
		if (t->streams[i].ssrc != 0 && (c == NULL || t->streams[i].track.index == c->index))
			stream_clear(w, &t->streams[i]);
}
