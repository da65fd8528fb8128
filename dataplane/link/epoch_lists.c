// SPDX-License-Identifier: Apache-2.0
//
// dataplane/link/epoch_lists.c - what an epoch changes around its records: who hangs on a
// transport, which consumers a worker has of a track.
//
// Cost     one walk over the used slots of a table per kind of list and epoch, on the main lcore.

#include "dataplane/link/model.h"

#include <rte_malloc.h>
#include <stdlib.h>
#include <string.h>

// Every track's transport is there and has a receive stream for each encoding.
static enum shm_refusal check_tracks(const struct model *m)
{
	memset(m->encodings, 0, m->transports_end * sizeof(m->encodings[0]));
	for (uint32_t i = 0; i < m->tracks_end; i++) {
		const struct track_config *c = m->tracks[i];
		if (c == NULL)
			continue;
		if (model_transport(m, c->shm.transport) == NULL)
			return SHM_REFUSAL_IN_USE;
		m->encodings[c->shm.transport.index] += c->shm.encoding_count;
		if (m->encodings[c->shm.transport.index] > ENCODINGS_RECEIVED_MAX)
			return SHM_REFUSAL_NO_MEMORY;
	}
	return SHM_REFUSAL_NONE;
}

enum shm_refusal model_check_references(const struct model *m)
{
	enum shm_refusal refusal = check_tracks(m);

	if (refusal != SHM_REFUSAL_NONE)
		return refusal;
	for (uint32_t i = 0; i < m->subscriptions_end; i++) {
		const struct subscription_config *c = m->subscriptions[i];
		if (c == NULL)
			continue;
		if (model_transport(m, c->shm.transport) == NULL ||
		    (c->shm.track.generation != 0 && model_track(m, c->shm.track) == NULL))
			return SHM_REFUSAL_IN_USE;
	}
	return SHM_REFUSAL_NONE;
}

// Marks of the slots an epoch touches.
struct touched {
	bool *transports;
	bool *tracks;
};

static bool touched_new(const struct model *m, struct touched *t)
{
	t->transports = calloc(m->dp->limits.transports, sizeof(bool));
	t->tracks = calloc(m->dp->limits.tracks, sizeof(bool));
	return t->transports != NULL && t->tracks != NULL;
}

static void touched_free(struct touched *t)
{
	free(t->transports);
	free(t->tracks);
}

static void touch_subscription(const struct subscription_config *c, struct touched *t)
{
	if (c == NULL)
		return;
	t->transports[c->shm.transport.index] = true;
	if (c->shm.track.generation != 0)
		t->tracks[c->shm.track.index] = true;
}

static void touch(const struct epoch *e, struct touched *t)
{
	for (uint32_t i = 0; i < e->transport_count; i++)
		if (e->transports[i].after == NULL)
			t->transports[e->transports[i].index] = true;
	for (uint32_t i = 0; i < e->track_count; i++) {
		const struct epoch_track *et = &e->tracks[i];
		const struct track_config *c = et->after != NULL ? et->after : et->before;
		t->tracks[et->index] = true;
		t->transports[c->shm.transport.index] = true;
	}
	for (uint32_t i = 0; i < e->subscription_count; i++) {
		touch_subscription(e->subscriptions[i].before, t);
		touch_subscription(e->subscriptions[i].after, t);
	}
}

static struct epoch_transport *epoch_transport_of(struct model *m, struct epoch *e, uint32_t index)
{
	for (uint32_t i = 0; i < e->transport_count; i++)
		if (e->transports[i].index == index)
			return &e->transports[i];
	struct epoch_transport *et = &e->transports[e->transport_count++];
	// Not an op: only its links change.
	*et = (struct epoch_transport){
		.index = index,
		.before = m->transports[index],
		.after = m->transports[index],
	};
	return et;
}

static struct transport_links *links_new(size_t slots, size_t consumers)
{
	struct transport_links *l;
	size_t head = RTE_ALIGN_CEIL(sizeof(*l) + slots * sizeof(l->index[0]),
				     alignof(struct consumer_ssrc));

	l = rte_zmalloc("links", head + consumers * sizeof(l->consumers[0]), 64);
	if (l != NULL)
		l->consumers = RTE_PTR_ADD(l, head);
	return l;
}

static int by_ssrc(const void *a, const void *b)
{
	uint32_t x = ((const struct consumer_ssrc *)a)->ssrc;
	uint32_t y = ((const struct consumer_ssrc *)b)->ssrc;

	return (x > y) - (x < y);
}

// For who is asked about by SSRC, which a peer may do often.
static void list_consumers(const struct model *m, struct transport_links *l)
{
	struct consumer_ssrc *to = (struct consumer_ssrc *)(uintptr_t)l->consumers;

	for (uint32_t i = 0; i < l->subscription_count; i++) {
		uint32_t slot = l->index[l->track_count + i];
		to[i] = (struct consumer_ssrc){m->subscriptions[slot]->shm.ssrc, slot};
	}
	qsort(to, l->subscription_count, sizeof(*to), by_ssrc);
}

static enum shm_refusal build_links(struct model *m, struct epoch *e, uint32_t index)
{
	struct epoch_transport *et = epoch_transport_of(m, e, index);
	uint32_t tracks = 0;
	uint32_t subscriptions = 0;

	et->links_before = m->links[index];
	for (uint32_t i = 0; i < m->tracks_end; i++)
		tracks += m->tracks[i] != NULL && m->tracks[i]->shm.transport.index == index;
	for (uint32_t i = 0; i < m->subscriptions_end; i++)
		subscriptions += m->subscriptions[i] != NULL &&
				 m->subscriptions[i]->shm.transport.index == index;
	struct transport_links *l = links_new(tracks + subscriptions, subscriptions);
	if (l == NULL)
		return SHM_REFUSAL_NO_MEMORY;
	for (uint32_t i = 0; i < m->tracks_end; i++)
		if (m->tracks[i] != NULL && m->tracks[i]->shm.transport.index == index)
			l->index[l->track_count++] = i;
	for (uint32_t i = 0; i < m->subscriptions_end; i++)
		if (m->subscriptions[i] != NULL &&
		    m->subscriptions[i]->shm.transport.index == index)
			l->index[l->track_count + l->subscription_count++] = i;
	list_consumers(m, l);
	et->links_after = l;
	return SHM_REFUSAL_NONE;
}

static uint32_t owner_of(const struct model *m, const struct subscription_config *c)
{
	const struct transport_config *t = m->transports[c->shm.transport.index];

	// A plain transport has its owner from the epoch that makes it.
	if (t != NULL && t->plain)
		return t->worker;
	return atomic_load(&m->dp->transports[c->shm.transport.index].owner);
}

static bool consumes(const struct subscription_config *c, uint32_t track)
{
	return c != NULL && c->shm.track.generation != 0 && c->shm.track.index == track;
}

static bool ext_class_same(const struct subscription_config *a, const struct subscription_config *b)
{
	return memcmp(&a->shm.ext, &b->shm.ext, sizeof(a->shm.ext)) == 0 &&
	       strnlen(a->shm.mid, sizeof(a->shm.mid)) == strnlen(b->shm.mid, sizeof(b->shm.mid));
}

// The class of 'c' among those of 'first', the classes' first members, which may become one more.
static uint8_t ext_class_of(const struct subscription_config *first[FANOUT_EXT_CLASSES],
			    const struct subscription_config *c)
{
	if (strnlen(c->shm.mid, sizeof(c->shm.mid)) > FANOUT_MID_BYTES)
		return FANOUT_EXT_OWN;
	for (uint8_t i = 0; i < FANOUT_EXT_CLASSES; i++) {
		if (first[i] == NULL)
			first[i] = c;
		if (ext_class_same(first[i], c))
			return i;
	}
	return FANOUT_EXT_OWN;
}

static void fanout_entry_fill(const struct model *m, struct fanout_entry *entry,
			      const struct subscription_config *c)
{
	const struct track_config *track = m->tracks[c->shm.track.index];

	*entry = (struct fanout_entry){
		.subscription = &m->dp->subscriptions[c->index],
		.transport = &m->dp->transports[c->shm.transport.index],
		.config = c,
		.srtp = c->srtp,
		.ssrc = c->shm.ssrc,
		.mid_size = (uint8_t)strnlen(c->shm.mid, sizeof(c->shm.mid)),
		.paused = c->shm.paused != 0,
	};
	memcpy(entry->mid, c->shm.mid, RTE_MIN(entry->mid_size, sizeof(entry->mid)));
	for (unsigned i = 0; i < SHM_CODECS_MAX; i++)
		entry->pt[i] = i < track->shm.codec_count && !entry->paused
				       ? c->pt_by_pt[track->shm.codecs[i].pt]
				       : 0xff;
}

static struct fanout_list *build_fanout(const struct model *m, uint32_t track, uint32_t worker,
					uint32_t count)
{
	const struct subscription_config *first[FANOUT_EXT_CLASSES] = {0};
	struct fanout_list *l = rte_zmalloc(
		"fanout", sizeof(*l) + (count + FANOUT_AHEAD) * sizeof(l->entries[0]), 64);

	if (l == NULL)
		return NULL;
	l->track_generation = m->tracks[track]->generation;
	for (uint32_t i = 0; i < m->subscriptions_end; i++) {
		const struct subscription_config *c = m->subscriptions[i];

		if (!consumes(c, track) || owner_of(m, c) != worker)
			continue;
		fanout_entry_fill(m, &l->entries[l->count], c);
		l->entries[l->count++].ext_class = ext_class_of(first, c);
		l->keeps_history |=
			c->shm.rtx_ssrc != 0 || c->shm.ext.id[RTP_EXT_TRANSPORT_WIDE_CC] != 0;
	}
	for (uint32_t i = 0; i < FANOUT_AHEAD; i++)
		l->entries[l->count + i] = l->entries[l->count - 1];
	return l;
}

// The lists of one track, one per worker; 'mask' gets the workers that have consumers.
static enum shm_refusal build_fanouts(struct model *m, struct epoch *e, uint32_t track,
				      uint32_t *mask)
{
	uint32_t count[SHM_WORKERS_MAX] = {0};

	*mask = 0;
	for (uint32_t i = 0; i < m->subscriptions_end; i++)
		if (consumes(m->subscriptions[i], track))
			count[owner_of(m, m->subscriptions[i])]++;
	for (uint32_t w = 0; w < m->dp->worker_count; w++) {
		struct fanout_list *before = m->fanouts[track * m->dp->worker_count + w];
		struct epoch_fanout *ef = &e->fanouts[e->fanout_count];

		if (before == NULL && count[w] == 0)
			continue;
		*ef = (struct epoch_fanout){.worker = w, .track = track, .before = before};
		e->fanout_count++;
		if (count[w] == 0)
			continue;
		*mask |= 1u << w;
		ef->after = build_fanout(m, track, w, count[w]);
		if (ef->after == NULL)
			return SHM_REFUSAL_NO_MEMORY;
	}
	return SHM_REFUSAL_NONE;
}

// The config of a track of this epoch, or a copy of the running one to carry the new mask.
static struct track_config *track_to_mask(struct model *m, struct epoch *e, uint32_t index)
{
	for (uint32_t i = 0; i < e->track_count; i++)
		if (e->tracks[i].index == index)
			return (struct track_config *)(uintptr_t)e->tracks[i].after;
	struct track_config *c = rte_malloc("track_config", sizeof(*c), 64);
	if (c == NULL)
		return NULL;
	*c = *m->tracks[index];
	memset(c->codec_by_pt, 0, sizeof(c->codec_by_pt));
	model_track_index_codecs(c);
	e->tracks[e->track_count++] = (struct epoch_track){
		.index = index,
		.before = m->tracks[index],
		.after = c,
	};
	m->tracks[index] = c;
	return c;
}

static enum shm_refusal build_track_lists(struct model *m, struct epoch *e, uint32_t index)
{
	uint32_t mask;
	enum shm_refusal refusal = build_fanouts(m, e, index, &mask);

	if (refusal != SHM_REFUSAL_NONE || m->tracks[index] == NULL)
		return refusal;
	if (m->tracks[index]->worker_mask == mask)
		return SHM_REFUSAL_NONE;
	struct track_config *c = track_to_mask(m, e, index);
	if (c == NULL)
		return SHM_REFUSAL_NO_MEMORY;
	c->worker_mask = mask;
	return SHM_REFUSAL_NONE;
}

enum shm_refusal model_build_lists(struct model *m, struct epoch *e)
{
	struct touched t = {0};
	enum shm_refusal refusal = SHM_REFUSAL_NONE;

	if (!touched_new(m, &t))
		refusal = SHM_REFUSAL_NO_MEMORY;
	else
		touch(e, &t);
	for (uint32_t i = 0; refusal == SHM_REFUSAL_NONE && i < m->tracks_end; i++)
		if (t.tracks[i])
			refusal = build_track_lists(m, e, i);
	for (uint32_t i = 0; refusal == SHM_REFUSAL_NONE && i < m->transports_end; i++)
		if (t.transports[i])
			refusal = build_links(m, e, i);
	touched_free(&t);
	return refusal;
}
