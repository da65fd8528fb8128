// SPDX-License-Identifier: Apache-2.0
//
// dataplane/link/epoch_build.c - one record of an epoch: copied out, checked, built.
//
// Trust    the segment's bytes are the other process's: a private copy is checked and used, the
//          segment is not read again. A refusal names its reason and changes nothing.

#include "dataplane/forward/bandwidth.h"
#include "dataplane/link/model.h"
#include "dataplane/link/record_check.h"
#include "dataplane/tables/ufrag.h"

#include <rte_malloc.h>
#include <stdlib.h>
#include <string.h>

const struct transport_config *model_transport(const struct model *m, struct shm_ref ref)
{
	if (ref.generation == 0 || ref.index >= m->dp->limits.transports)
		return NULL;
	const struct transport_config *c = m->transports[ref.index];
	return c != NULL && c->generation == ref.generation ? c : NULL;
}

const struct track_config *model_track(const struct model *m, struct shm_ref ref)
{
	if (ref.generation == 0 || ref.index >= m->dp->limits.tracks)
		return NULL;
	const struct track_config *c = m->tracks[ref.index];
	return c != NULL && c->generation == ref.generation ? c : NULL;
}

// Apply: a free slot, or the generation that runs. Remove: the generation that runs.
static bool generation_fits(uint32_t running, const struct shm_command *op)
{
	if (op->ref.generation == 0)
		return false;
	if (op->action == SHM_ACTION_REMOVE)
		return running == op->ref.generation;
	return running == 0 || running == op->ref.generation;
}

static void place_remember(struct model *m, int32_t place)
{
	if (place >= 0 && m->ufrag_place_count < m->ufrag_place_room)
		m->ufrag_places[m->ufrag_place_count++] = place;
}

static bool has_ufrag(const struct transport_config *c, const struct shm_credentials *cr)
{
	for (unsigned i = 0; c != NULL && i < 2; i++)
		if (c->shm.credentials[i].local_ufrag_size == cr->local_ufrag_size &&
		    memcmp(c->shm.credentials[i].local_ufrag, cr->local_ufrag,
			   cr->local_ufrag_size) == 0)
			return true;
	return false;
}

// Adds the ufrags of 'of' that 'but' has not, or removes them.
static enum shm_refusal ufrags_add(struct model *m, const struct transport_config *of,
				   const struct transport_config *but)
{
	struct shm_ref ref = {of->index, of->generation};

	for (unsigned i = 0; i < 2; i++) {
		const struct shm_credentials *cr = &of->shm.credentials[i];
		struct shm_ref holder;
		if (cr->local_ufrag_size == 0 || has_ufrag(but, cr))
			continue;
		if (ufrag_table_lookup(m->dp->ufrags, cr->local_ufrag, cr->local_ufrag_size,
				       &holder))
			return SHM_REFUSAL_DUPLICATE_UFRAG;
		if (!ufrag_table_add(m->dp->ufrags, cr->local_ufrag, cr->local_ufrag_size, ref))
			return SHM_REFUSAL_NO_MEMORY;
	}
	return SHM_REFUSAL_NONE;
}

static void ufrags_remove(struct model *m, const struct transport_config *of,
			  const struct transport_config *but)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct shm_credentials *cr = &of->shm.credentials[i];
		struct shm_ref holder;
		// One that another transport holds was never ours: a refused duplicate.
		if (cr->local_ufrag_size == 0 || has_ufrag(but, cr) ||
		    !ufrag_table_lookup(m->dp->ufrags, cr->local_ufrag, cr->local_ufrag_size,
					&holder) ||
		    holder.index != of->index || holder.generation != of->generation)
			continue;
		place_remember(m, ufrag_table_remove(m->dp->ufrags, cr->local_ufrag,
						     cr->local_ufrag_size));
	}
}

static uint16_t held_port(const struct model *m, const struct transport_config *c)
{
	if (!c->plain)
		return c->shm.internal_port;
	return c->shm.selected_local.port != m->dp->public_port ? c->shm.selected_local.port : 0;
}

// Two plain transports cannot have one peer on the public port.
static bool tuple_taken(const struct model *m, const struct transport_config *of)
{
	for (uint32_t i = 0; i < m->transports_end; i++) {
		const struct transport_config *c = m->transports[i];
		if (c == NULL || c->index == of->index || !c->plain ||
		    (c->shm.flags & SHM_TRANSPORT_LATCH) != 0)
			continue;
		if (rtc_addr_equal(&c->shm.selected_remote, &of->shm.selected_remote) &&
		    rtc_addr_equal(&c->shm.selected_local, &of->shm.selected_local))
			return true;
	}
	return false;
}

// A plain transport keeps its kind, our address and its owner; a fixed peer's address may change.
static enum shm_refusal plain_step_ok(const struct model *m, const struct transport_config *before,
				      const struct transport_config *after)
{
	bool comes = (after->shm.flags & SHM_TRANSPORT_LATCH) == 0 &&
		     (before == NULL ||
		      !rtc_addr_equal(&before->shm.selected_remote, &after->shm.selected_remote));

	if (before != NULL &&
	    (before->shm.flags != after->shm.flags ||
	     !rtc_addr_equal(&before->shm.selected_local, &after->shm.selected_local)))
		return SHM_REFUSAL_BAD_FIELD;
	return comes && tuple_taken(m, after) ? SHM_REFUSAL_DUPLICATE_TUPLE : SHM_REFUSAL_NONE;
}

// Key and path rules between what runs and what shall run.
static enum shm_refusal transport_step_ok(const struct model *m,
					  const struct transport_config *before,
					  const struct transport_config *after)
{
	uint32_t holder = m->by_port[held_port(m, after)];

	if (holder != 0 && holder != after->index + 1)
		return SHM_REFUSAL_DUPLICATE_PORT;
	if (before != NULL && (before->shm.internal_port != after->shm.internal_port ||
			       before->plain != after->plain))
		return SHM_REFUSAL_BAD_FIELD;
	enum shm_refusal plain = after->plain ? plain_step_ok(m, before, after) : SHM_REFUSAL_NONE;
	if (plain != SHM_REFUSAL_NONE)
		return plain;
	if (before != NULL && before->established) {
		bool same = after->established && before->shm.suite == after->shm.suite &&
			    memcmp(before->shm.receive_master, after->shm.receive_master,
				   SHM_MASTER_BYTES_MAX) == 0 &&
			    memcmp(before->shm.send_master, after->shm.send_master,
				   SHM_MASTER_BYTES_MAX) == 0;
		return same ? SHM_REFUSAL_NONE : SHM_REFUSAL_KEY_CHANGE;
	}
	if (after->established && !after->plain &&
	    (before == NULL ||
	     atomic_load(&m->dp->transports[after->index].owner) == TRANSPORT_UNOWNED))
		return SHM_REFUSAL_NO_TUPLE;
	return SHM_REFUSAL_NONE;
}

static bool record_ok(const struct dataplane *dp, const struct transport_config *c)
{
	return c->plain ? record_plain_ok(&c->shm, dp->public_port, dp->plain_port_first,
					  dp->plain_port_last)
			: record_transport_ok(&c->shm, dp->internal_port_first,
					      dp->internal_port_last);
}

static enum shm_refusal build_transport(struct model *m, struct epoch *e,
					const struct shm_command *op)
{
	if (op->ref.index >= m->dp->limits.transports)
		return SHM_REFUSAL_BAD_INDEX;
	const struct transport_config *before = m->transports[op->ref.index];
	if (!generation_fits(before != NULL ? before->generation : 0, op))
		return SHM_REFUSAL_BAD_GENERATION;
	struct epoch_transport *et = &e->transports[e->transport_count++];
	*et = (struct epoch_transport){.index = op->ref.index, .before = before};
	if (op->action == SHM_ACTION_REMOVE) {
		m->transports[op->ref.index] = NULL;
		return SHM_REFUSAL_NONE;
	}
	struct transport_config *c = rte_zmalloc("transport_config", sizeof(*c), 64);
	if (c == NULL)
		return SHM_REFUSAL_NO_MEMORY;
	et->after = c;
	m->transports[op->ref.index] = c;
	memcpy(&c->shm, &m->dp->shm.transports[op->ref.index].config, sizeof(c->shm));
	c->index = op->ref.index;
	c->generation = op->ref.generation;
	c->established = (c->shm.flags & SHM_TRANSPORT_ESTABLISHED) != 0;
	c->plain = (c->shm.flags & SHM_TRANSPORT_PLAIN) != 0;
	if (c->shm.generation != op->ref.generation)
		return SHM_REFUSAL_BAD_GENERATION;
	if (!record_ok(m->dp, c))
		return SHM_REFUSAL_BAD_FIELD;
	enum shm_refusal refusal = transport_step_ok(m, before, c);
	if (refusal != SHM_REFUSAL_NONE)
		return refusal;
	if (held_port(m, c) != 0)
		m->by_port[held_port(m, c)] = c->index + 1;
	if (c->plain)
		c->worker = before != NULL ? before->worker : m->plain_next++ % m->dp->worker_count;
	if (c->established && (before == NULL || !before->established) &&
	    c->shm.suite != SHM_SUITE_NONE) {
		et->srtcp = srtcp_new(m->dp->srtp->srtcp, (enum shm_suite)c->shm.suite,
				      c->shm.receive_master, c->shm.send_master);
		if (et->srtcp == NULL)
			return SHM_REFUSAL_BAD_KEY;
		et->bandwidth = c->plain ? NULL : bandwidth_new();
		if (et->bandwidth == NULL && !c->plain)
			return SHM_REFUSAL_NO_MEMORY;
	}
	return ufrags_add(m, c, before);
}

static bool track_ssrc_free(const struct model *m, const struct track_config *of, uint32_t ssrc)
{
	for (uint32_t i = 0; i < m->tracks_end; i++) {
		const struct track_config *c = m->tracks[i];
		if (c == NULL || c == of || c->shm.transport.index != of->shm.transport.index)
			continue;
		for (unsigned j = 0; j < c->shm.encoding_count; j++)
			if (c->shm.encodings[j].ssrc == ssrc)
				return false;
	}
	return true;
}

// The receive streams of the SSRCs that are new with this epoch.
static enum shm_refusal track_streams(struct model *m, struct epoch_track *et,
				      const struct transport_config *t)
{
	const struct shm_track_config *c = &et->after->shm;

	for (unsigned i = 0; i < c->encoding_count; i++) {
		uint32_t ssrc = c->encodings[i].ssrc;
		if (ssrc == 0 && t->plain)
			return SHM_REFUSAL_BAD_FIELD; // no MID leads to it
		if (ssrc == 0 || (et->before != NULL && et->before->shm.encodings[i].ssrc == ssrc))
			continue;
		if (!track_ssrc_free(m, et->after, ssrc))
			return SHM_REFUSAL_DUPLICATE_SSRC;
		if (t->shm.suite == SHM_SUITE_NONE) {
			et->sources[i] = malloc(sizeof(*et->sources[i]));
			if (et->sources[i] == NULL)
				return SHM_REFUSAL_NO_MEMORY;
			rtp_source_init(et->sources[i]);
			continue;
		}
		et->streams[i] = m->engine->stream_new((enum shm_suite)t->shm.suite, SRTP_RECEIVE,
						       t->shm.receive_master, ssrc, 0);
		if (et->streams[i] == NULL)
			return SHM_REFUSAL_BAD_KEY;
	}
	return SHM_REFUSAL_NONE;
}

void model_track_index_codecs(struct track_config *c)
{
	for (unsigned i = 0; i < c->shm.codec_count; i++)
		c->codec_by_pt[c->shm.codecs[i].pt] = &c->shm.codecs[i];
}

// What is missing from the publisher: goes on over changes of the record. False without memory.
static bool track_nacks(struct track_config *c, const struct track_config *before)
{
	if ((c->shm.feedback & SHM_FEEDBACK_NACK) == 0 || c->shm.kind != SHM_KIND_VIDEO)
		return true;
	if (before != NULL && before->nacks != NULL)
		c->nacks = before->nacks;
	else
		c->nacks = rte_zmalloc("nacks", SHM_ENCODINGS_MAX * sizeof(*c->nacks), 64);
	return c->nacks != NULL;
}

static enum shm_refusal build_track(struct model *m, struct epoch *e, const struct shm_command *op)
{
	if (op->ref.index >= m->dp->limits.tracks)
		return SHM_REFUSAL_BAD_INDEX;
	const struct track_config *before = m->tracks[op->ref.index];
	if (!generation_fits(before != NULL ? before->generation : 0, op))
		return SHM_REFUSAL_BAD_GENERATION;
	struct epoch_track *et = &e->tracks[e->track_count++];
	*et = (struct epoch_track){.index = op->ref.index, .before = before};
	if (op->action == SHM_ACTION_REMOVE) {
		m->tracks[op->ref.index] = NULL;
		return SHM_REFUSAL_NONE;
	}
	struct track_config *c = rte_zmalloc("track_config", sizeof(*c), 64);
	if (c == NULL)
		return SHM_REFUSAL_NO_MEMORY;
	et->after = c;
	m->tracks[op->ref.index] = c;
	memcpy(&c->shm, &m->dp->shm.tracks[op->ref.index].config, sizeof(c->shm));
	c->index = op->ref.index;
	c->generation = op->ref.generation;
	if (c->shm.generation != op->ref.generation)
		return SHM_REFUSAL_BAD_GENERATION;
	if (!record_track_ok(&c->shm) ||
	    (before != NULL &&
	     memcmp(&before->shm.transport, &c->shm.transport, sizeof(c->shm.transport)) != 0))
		return SHM_REFUSAL_BAD_FIELD;
	model_track_index_codecs(c);
	const struct transport_config *t = model_transport(m, c->shm.transport);
	if (t == NULL)
		return SHM_REFUSAL_NO_TRANSPORT;
	if (!track_nacks(c, before))
		return SHM_REFUSAL_NO_MEMORY;
	return t->established ? track_streams(m, et, t) : SHM_REFUSAL_NOT_ESTABLISHED;
}

// An SSRC once sent under a key is spent: its indices must not come again (RFC 3711 9.1, RFC 7714
// 8).
static enum shm_refusal ssrc_spend(struct ssrc_list *l, uint32_t ssrc)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (l->ssrc[i] == ssrc)
			return SHM_REFUSAL_DUPLICATE_SSRC;
	if (l->count == l->room) {
		uint32_t room = l->room == 0 ? SENT_SSRCS_FIRST : 2 * l->room;
		uint32_t *more = realloc(l->ssrc, room * sizeof(*more));
		if (more == NULL)
			return SHM_REFUSAL_NO_MEMORY;
		l->ssrc = more;
		l->room = room;
	}
	l->ssrc[l->count++] = ssrc;
	return SHM_REFUSAL_NONE;
}

static void ssrc_unspend(struct ssrc_list *l, uint32_t ssrc)
{
	for (uint32_t i = 0; i < l->count; i++) {
		if (l->ssrc[i] != ssrc)
			continue;
		l->ssrc[i] = l->ssrc[--l->count];
		return;
	}
}

void model_unspend_ssrcs(struct model *m, const struct subscription_config *c)
{
	struct ssrc_list *l = &m->sent_ssrcs[c->shm.transport.index];

	ssrc_unspend(l, c->shm.ssrc);
	if (c->shm.rtx_ssrc != 0)
		ssrc_unspend(l, c->shm.rtx_ssrc);
}

// One stream under a key of its own SSRC. Nothing stays spent where it is refused.
static enum shm_refusal send_stream(struct model *m, const struct transport_config *t,
				    uint32_t ssrc, uint16_t first, struct srtp_stream **made)
{
	enum shm_refusal refusal = ssrc_spend(&m->sent_ssrcs[t->index], ssrc);

	if (refusal != SHM_REFUSAL_NONE)
		return refusal;
	*made = m->engine->stream_new((enum shm_suite)t->shm.suite, SRTP_SEND, t->shm.send_master,
				      ssrc, first);
	if (*made != NULL)
		return SHM_REFUSAL_NONE;
	ssrc_unspend(&m->sent_ssrcs[t->index], ssrc);
	return SHM_REFUSAL_BAD_KEY;
}

static bool same_streams(const struct shm_subscription_config *before,
			 const struct shm_subscription_config *after)
{
	return before->ssrc == after->ssrc && before->rtx_ssrc == after->rtx_ssrc &&
	       memcmp(&before->transport, &after->transport, sizeof(after->transport)) == 0;
}

// The send streams: the running ones go on, a new subscription gets its own.
static enum shm_refusal subscription_streams(struct model *m, struct subscription_config *c,
					     const struct subscription_config *before,
					     const struct transport_config *t)
{
	if (before != NULL) {
		// Another track may follow under the same SSRC; the indices go on.
		if (!same_streams(&before->shm, &c->shm))
			return SHM_REFUSAL_BAD_FIELD;
		c->srtp = before->srtp;
		c->rtx = before->rtx;
		return SHM_REFUSAL_NONE;
	}
	if (t->shm.suite == SHM_SUITE_NONE) // goes out as it is
		return SHM_REFUSAL_NONE;
	enum shm_refusal refusal = send_stream(m, t, c->shm.ssrc, c->shm.sequence_start, &c->srtp);
	if (refusal != SHM_REFUSAL_NONE || c->shm.rtx_ssrc == 0)
		return refusal;
	refusal = send_stream(m, t, c->shm.rtx_ssrc, c->shm.rtx_sequence_start, &c->rtx);
	if (refusal == SHM_REFUSAL_NONE)
		return refusal;
	ssrc_unspend(&m->sent_ssrcs[t->index], c->shm.ssrc);
	m->engine->stream_free(c->srtp);
	c->srtp = NULL;
	return refusal;
}

static enum shm_refusal build_subscription(struct model *m, struct epoch *e,
					   const struct shm_command *op)
{
	if (op->ref.index >= m->dp->limits.subscriptions)
		return SHM_REFUSAL_BAD_INDEX;
	const struct subscription_config *before = m->subscriptions[op->ref.index];
	if (!generation_fits(before != NULL ? before->generation : 0, op))
		return SHM_REFUSAL_BAD_GENERATION;
	struct epoch_subscription *es = &e->subscriptions[e->subscription_count++];
	*es = (struct epoch_subscription){.index = op->ref.index, .before = before};
	if (op->action == SHM_ACTION_REMOVE) {
		m->subscriptions[op->ref.index] = NULL;
		return SHM_REFUSAL_NONE;
	}
	struct subscription_config *c = rte_zmalloc("subscription_config", sizeof(*c), 64);
	if (c == NULL)
		return SHM_REFUSAL_NO_MEMORY;
	es->after = c;
	m->subscriptions[op->ref.index] = c;
	memcpy(&c->shm, &m->dp->shm.subscriptions[op->ref.index].config, sizeof(c->shm));
	c->index = op->ref.index;
	c->generation = op->ref.generation;
	if (c->shm.generation != op->ref.generation)
		return SHM_REFUSAL_BAD_GENERATION;
	if (!record_subscription_ok(&c->shm))
		return SHM_REFUSAL_BAD_FIELD;
	memset(c->pt_by_pt, 0xff, sizeof(c->pt_by_pt));
	for (unsigned i = 0; i < c->shm.pt_count; i++) {
		c->pt_by_pt[c->shm.pts[i].from] = c->shm.pts[i].to;
		c->rtx_pt_by_pt[c->shm.pts[i].from] = c->shm.pts[i].rtx;
	}
	const struct transport_config *t = model_transport(m, c->shm.transport);
	if (t == NULL)
		return SHM_REFUSAL_NO_TRANSPORT;
	if (c->shm.track.generation != 0 && model_track(m, c->shm.track) == NULL)
		return SHM_REFUSAL_NO_TRACK;
	return t->established ? subscription_streams(m, c, before, t) : SHM_REFUSAL_NOT_ESTABLISHED;
}

// A record may appear once in an epoch: its slot has one 'before'.
static bool seen_already(const struct epoch *e, const struct shm_command *op)
{
	for (uint32_t i = 0; op->record_type == SHM_RECORD_TRANSPORT && i < e->transport_count; i++)
		if (e->transports[i].index == op->ref.index)
			return true;
	for (uint32_t i = 0; op->record_type == SHM_RECORD_TRACK && i < e->track_count; i++)
		if (e->tracks[i].index == op->ref.index)
			return true;
	for (uint32_t i = 0;
	     op->record_type == SHM_RECORD_SUBSCRIPTION && i < e->subscription_count; i++)
		if (e->subscriptions[i].index == op->ref.index)
			return true;
	return false;
}

static void raise_end(uint32_t *end, uint32_t index)
{
	if (index >= *end)
		*end = index + 1;
}

enum shm_refusal model_build_op(struct model *m, struct epoch *e, const struct shm_command *op)
{
	if (op->kind != SHM_COMMAND_OP || op->epoch != e->number || seen_already(e, op) ||
	    (op->action != SHM_ACTION_APPLY && op->action != SHM_ACTION_REMOVE))
		return SHM_REFUSAL_MALFORMED;
	switch (op->record_type) {
	case SHM_RECORD_TRANSPORT:
		if (op->ref.index < m->dp->limits.transports)
			raise_end(&m->transports_end, op->ref.index);
		return build_transport(m, e, op);
	case SHM_RECORD_TRACK:
		if (op->ref.index < m->dp->limits.tracks)
			raise_end(&m->tracks_end, op->ref.index);
		return build_track(m, e, op);
	case SHM_RECORD_SUBSCRIPTION:
		if (op->ref.index < m->dp->limits.subscriptions)
			raise_end(&m->subscriptions_end, op->ref.index);
		return build_subscription(m, e, op);
	default:
		return SHM_REFUSAL_MALFORMED;
	}
}

void model_release_transport(struct model *m, const struct transport_config *gone,
			     const struct transport_config *stays)
{
	if (gone == NULL)
		return;
	ufrags_remove(m, gone, stays);
	uint16_t port = held_port(m, gone);
	if (stays == NULL && m->by_port[port] == gone->index + 1)
		m->by_port[port] = 0;
}
