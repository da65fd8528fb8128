// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_layer_selector_test.c - layered video from a model publisher through a
// selector to a model decoder, while the wanted layers change at random and packets change places.
//
// What must hold: every frame that is forwarded is whole and stands on frames that were forwarded;
// each picture ends with exactly one marker; nothing above the wanted layers comes; and what is
// wanted is reached.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/layer/selector.h"
#include "tests/unit/rtc/svc_publisher.h"

#include <string.h>

enum { PICTURES = 600, PACKETS_MAX = 3, FRAMES = PICTURES * SVC_SPATIAL_MAX };
enum { TICKS = 3000 }; // of 90 kHz, a picture

enum carriage { AS_VP8, AS_VP9, AS_DD };

struct sent_packet {
	struct layer_packet layer;
	struct svc_frame frame;
	bool marker;
	unsigned packets; // of the frame
};

struct run {
	struct prng rng;
	enum carriage as;
	struct svc_publisher publisher;
	struct dd_structure structure;
	struct layer_selector selector;
	bool key_wanted;
	unsigned steady; // packets that the short way decided on
	struct sent_packet queue[SVC_SPATIAL_MAX * PACKETS_MAX + 1];
	unsigned queued;
	// the receiver
	unsigned got[FRAMES], whole[FRAMES];
	struct svc_frame frames[FRAMES];
	unsigned markers[PICTURES];
	unsigned spatial_max[PICTURES], temporal_max[PICTURES];
	bool any[PICTURES];
	struct layer_pair wanted[PICTURES];
};

static size_t vp8_payload(const struct run *r, uint8_t *p, const struct svc_frame *f, bool first)
{
	// Y: a frame that refers to the base layer alone.
	bool sync = f->temporal > 0 && r->frames[f->references[0]].temporal == 0;
	const uint8_t bytes[] = {
		(uint8_t)(0x80 | (first ? 0x10 : 0)),
		0xe0,
		(uint8_t)(0x80 | (f->picture >> 8 & 0x7f)),
		(uint8_t)f->picture,
		(uint8_t)(f->picture / 4),
		(uint8_t)(f->temporal << 6 | (sync ? 0x20 : 0)),
		f->key ? 0x10 : 0x11,
		0,
	};

	memcpy(p, bytes, sizeof(bytes));
	return sizeof(bytes);
}

static size_t vp9_payload(uint8_t *p, const struct svc_frame *f, bool first, bool last)
{
	bool inter_layer = f->spatial > 0 && f->reference_count > (f->key ? 0u : 1u);
	const uint8_t bytes[] = {
		(uint8_t)(0x80 | (f->key ? 0 : 0x40) | 0x20 | (first ? 8 : 0) | (last ? 4 : 0)),
		(uint8_t)(0x80 | (f->picture >> 8 & 0x7f)),
		(uint8_t)f->picture,
		(uint8_t)(f->temporal << 5 | (f->temporal == 0 ? 0x10 : 0) | f->spatial << 1 |
			  inter_layer),
		(uint8_t)(f->picture / 4),
		0,
	};

	memcpy(p, bytes, sizeof(bytes));
	return sizeof(bytes);
}

static struct layer_packet packet_read(struct run *r, const struct svc_frame *f, unsigned i,
				       unsigned count)
{
	uint8_t payload[16] = {0};
	bool first = i == 0, last = i + 1 == count;
	struct layer_packet l;

	if (r->as == AS_DD) {
		struct svc_bits b = svc_descriptor(&r->publisher, f, first, last,
						   f->key && f->spatial == 0 && first, 7);
		layer_read(&l, CODEC_AV1, payload, sizeof(payload), b.bytes, (b.count + 7) / 8,
			   &r->structure);
		assert_int_equal(l.form, LAYER_FORM_DD);
	} else if (r->as == AS_VP9) {
		size_t size = vp9_payload(payload, f, first, last);
		layer_read(&l, CODEC_VP9, payload, size, NULL, 0, &r->structure);
		assert_int_equal(l.form, LAYER_FORM_VP9);
	} else {
		size_t size = vp8_payload(r, payload, f, first);
		layer_read(&l, CODEC_VP8, payload, size, NULL, 0, &r->structure);
		assert_int_equal(l.form, LAYER_FORM_VP8);
	}
	return l;
}

static void queue_picture(struct run *r, bool key)
{
	struct svc_frame frames[SVC_SPATIAL_MAX];
	unsigned count = svc_next_picture(&r->publisher, key, frames);

	for (unsigned s = 0; s < count; s++) {
		unsigned packets = 1 + (unsigned)prng_below(&r->rng, PACKETS_MAX);

		r->frames[frames[s].number] = frames[s];
		r->whole[frames[s].number] = packets;
		for (unsigned i = 0; i < packets; i++)
			r->queue[r->queued++] = (struct sent_packet){
				.layer = packet_read(r, &frames[s], i, packets),
				.frame = frames[s],
				.marker = frames[s].top && i + 1 == packets,
				.packets = packets,
			};
	}
}

// The short way gives what the long one does, or leaves it to that.
static enum layer_verdict choose(struct run *r, const struct layer_packet *l, uint32_t ts)
{
	static struct layer_selector steady;
	enum layer_verdict short_verdict = LAYER_WAIT;

	steady = r->selector;
	bool taken = layer_select_may_be_steady(l) && steady.started &&
		     layer_select_is_steady(&steady, l, ts);
	if (taken)
		short_verdict = layer_select_take_steady(&steady, l, ts) ? LAYER_FORWARD_MARKED
									 : LAYER_FORWARD;
	enum layer_verdict verdict = layer_select(&r->selector, l, ts);
	if (!taken)
		return verdict;
	r->steady++;
	assert_int_equal(short_verdict, verdict);
	assert_int_equal(steady.changed_ts, r->selector.changed_ts);
	assert_int_equal(steady.newest_ts, r->selector.newest_ts);
	assert_int_equal(steady.newest_spatial, r->selector.newest_spatial);
	assert_memory_equal(&steady.current, &r->selector.current, sizeof(steady.current));
	assert_memory_equal(&steady.before, &r->selector.before, sizeof(steady.before));
	return verdict;
}

static void deliver(struct run *r, const struct sent_packet *p)
{
	uint32_t ts = 0xffff0000u + p->frame.picture * TICKS; // wraps
	enum layer_verdict verdict = choose(r, &p->layer, ts);
	unsigned picture = p->frame.picture;

	if (layer_selector_wants_keyframe(&r->selector, &p->layer) || verdict == LAYER_WAIT)
		r->key_wanted = true;
	if (verdict == LAYER_DROP || verdict == LAYER_WAIT)
		return;
	r->got[p->frame.number]++;
	r->markers[picture] += p->marker || verdict == LAYER_FORWARD_MARKED;
	if (!r->any[picture] || p->frame.spatial > r->spatial_max[picture])
		r->spatial_max[picture] = p->frame.spatial;
	r->temporal_max[picture] = p->frame.temporal;
	r->any[picture] = true;
}

// All but the last packet go out, some with their neighbour; a keyframe's in order, since what
// comes before its first packet tells nobody that it is one.
static void flush(struct run *r, bool all)
{
	unsigned keep = all || r->queued == 0 ? 0 : 1;

	for (unsigned i = 0; i + keep < r->queued; i++) {
		bool swap = i + 1 < r->queued && !r->queue[i].frame.key &&
			    !r->queue[i + 1].frame.key && prng_below(&r->rng, 8) == 0;
		if (swap) {
			struct sent_packet p = r->queue[i];
			r->queue[i] = r->queue[i + 1];
			r->queue[i + 1] = p;
		}
		deliver(r, &r->queue[i]);
	}
	if (keep != 0)
		r->queue[0] = r->queue[r->queued - 1];
	r->queued = keep;
}

static void check_decoder(const struct run *r)
{
	static bool decoded[FRAMES];

	for (unsigned n = 0; n < r->publisher.next_number; n++) {
		const struct svc_frame *f = &r->frames[n];

		decoded[n] = r->got[n] == r->whole[n];
		if (r->got[n] != 0 && !decoded[n])
			fail_msg("frame %u (%u,%u) of picture %u: %u of %u packets", n, f->spatial,
				 f->temporal, f->picture, r->got[n], r->whole[n]);
		for (unsigned i = 0; decoded[n] && i < f->reference_count; i++)
			if (!decoded[f->references[i]])
				fail_msg("frame %u (%u,%u) of picture %u stands on frame %u", n,
					 f->spatial, f->temporal, f->picture, f->references[i]);
	}
}

static void check_pictures(const struct run *r)
{
	for (unsigned i = 0; i < PICTURES; i++)
		if (r->any[i] && r->markers[i] != 1)
			fail_msg("picture %u ends with %u markers", i, r->markers[i]);
	// The last stretch wants one thing all along: it is reached, and nothing above it comes.
	unsigned spatial = 0, temporal = 0;
	struct layer_pair want = r->wanted[PICTURES - 1];
	for (unsigned i = PICTURES - 40; i < PICTURES; i++) {
		assert_true(r->any[i] || want.temporal < r->publisher.temporal_count - 1);
		if (r->any[i] && r->spatial_max[i] > spatial)
			spatial = r->spatial_max[i];
		if (r->any[i] && r->temporal_max[i] > temporal)
			temporal = r->temporal_max[i];
	}
	unsigned top_spatial = r->publisher.spatial_count - 1;
	unsigned top_temporal = r->publisher.temporal_count - 1;
	assert_int_equal(spatial, want.spatial < top_spatial ? want.spatial : top_spatial);
	assert_int_equal(temporal, want.temporal < top_temporal ? want.temporal : top_temporal);
}

static struct layer_pair any_layers(struct run *r)
{
	struct layer_pair w = {(uint8_t)prng_below(&r->rng, r->publisher.spatial_count),
			       (uint8_t)prng_below(&r->rng, r->publisher.temporal_count)};

	if (prng_below(&r->rng, 4) == 0)
		w = (struct layer_pair){LAYER_HIGHEST, LAYER_HIGHEST};
	return w;
}

// How many packets the short way decided on.
static unsigned run_one(const struct svc_publisher *shape, enum carriage as, uint64_t seed)
{
	static struct run r;

	memset(&r, 0, sizeof(r));
	r.rng.state = seed;
	r.as = as;
	r.publisher = *shape;
	struct layer_pair wanted = any_layers(&r);
	layer_selector_init(&r.selector, wanted);
	for (unsigned picture = 0; picture < PICTURES; picture++) {
		if (picture < PICTURES - 120 && prng_below(&r.rng, 25) == 0) {
			wanted = any_layers(&r);
			layer_selector_want(&r.selector, wanted);
		}
		r.wanted[picture] = wanted;
		// The gate lets one request through now and then.
		bool key = picture == 3 || (r.key_wanted && prng_below(&r.rng, 10) == 0);
		r.key_wanted &= !key;
		queue_picture(&r, key || picture == 0);
		flush(&r, key || picture == 0 || picture + 1 == PICTURES);
	}
	check_decoder(&r);
	check_pictures(&r);
	return r.steady;
}

static void run_all(enum carriage as, const struct svc_publisher *shapes, unsigned count)
{
	struct prng rng = prng_start(0x5e1ec7);
	unsigned steady = 0;

	for (unsigned i = 0; i < count; i++)
		for (unsigned round = 0; round < 60; round++)
			steady += run_one(&shapes[i], as, prng_next(&rng));
	assert_true(as == AS_DD ? steady == 0 : steady > 1000);
}

static void vp8_temporal_layers(void **state)
{
	static const struct svc_publisher shapes[] = {
		{.spatial_count = 1, .temporal_count = 1},
		{.spatial_count = 1, .temporal_count = 2},
		{.spatial_count = 1, .temporal_count = 3},
	};

	(void)state;
	run_all(AS_VP8, shapes, 3);
}

static const struct svc_publisher svc_shapes[] = {
	{.spatial_count = 1, .temporal_count = 3},
	{.spatial_count = 3, .temporal_count = 1},
	{.spatial_count = 2, .temporal_count = 2},
	{.spatial_count = 3, .temporal_count = 3},
	{.spatial_count = 3, .temporal_count = 3, .key_mode = true},
};

static void vp9_spatial_layers(void **state)
{
	(void)state;
	run_all(AS_VP9, svc_shapes, 5);
}

static void decode_targets(void **state)
{
	(void)state;
	run_all(AS_DD, svc_shapes, 5);
}

// In key mode a decode target does without the layers below it: they are not paid for.
static void key_mode_sends_one_layer(void **state)
{
	static struct run r;
	struct svc_frame frames[SVC_SPATIAL_MAX];

	(void)state;
	memset(&r, 0, sizeof(r));
	r.as = AS_DD;
	r.publisher = svc_shapes[4];
	layer_selector_init(&r.selector, (struct layer_pair){2, 2});
	for (unsigned picture = 0; picture < 8; picture++) {
		unsigned count = svc_next_picture(&r.publisher, picture == 0, frames);
		for (unsigned s = 0; s < count; s++) {
			struct layer_packet l = packet_read(&r, &frames[s], 0, 1);
			enum layer_verdict verdict = layer_select(&r.selector, &l, picture * TICKS);
			if (picture > 0 && s < 2)
				assert_int_equal(verdict, LAYER_DROP);
			else
				assert_int_equal(verdict,
						 s == 2 ? LAYER_FORWARD_MARKED : LAYER_FORWARD);
		}
	}
}

// Without layers to tell apart everything passes, and the caller looks for keyframes itself.
static void no_layers(void **state)
{
	static const uint8_t idr[] = {0x65, 0x88, 0x80};
	struct layer_selector s;
	struct layer_packet l;

	(void)state;
	layer_selector_init(&s, (struct layer_pair){0, 0});
	layer_read(&l, CODEC_H264, idr, sizeof(idr), NULL, 0, NULL);
	assert_int_equal(l.form, LAYER_FORM_NONE);
	assert_int_equal(l.flags, LAYER_KEYFRAME);
	assert_int_equal(layer_select(&s, &l, 1), LAYER_FORWARD);
	assert_false(layer_selector_wants_keyframe(&s, &l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vp8_temporal_layers),	    cmocka_unit_test(vp9_spatial_layers),
		cmocka_unit_test(decode_targets),	    cmocka_unit_test(no_layers),
		cmocka_unit_test(key_mode_sends_one_layer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
