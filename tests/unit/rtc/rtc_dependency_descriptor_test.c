// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_dependency_descriptor_test.c - descriptors written by a model publisher read
// back as the model meant them; and what is cut, contradictory or out of place is refused.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/layer/dependency_descriptor.h"
#include "tests/unit/rtc/svc_publisher.h"

static const struct svc_publisher shapes[] = {
	{.spatial_count = 1, .temporal_count = 1},
	{.spatial_count = 1, .temporal_count = 2},
	{.spatial_count = 1, .temporal_count = 3},
	{.spatial_count = 2, .temporal_count = 1},
	{.spatial_count = 3, .temporal_count = 3},
	{.spatial_count = 3, .temporal_count = 3, .key_mode = true},
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static size_t bytes_of(const struct svc_bits *b)
{
	return (b->count + 7) / 8;
}

static void assert_frame(const struct svc_publisher *p, const struct svc_frame *want,
			 const struct dd_frame *got)
{
	assert_int_equal(got->number, want->number & 0xffff);
	assert_int_equal(got->spatial, want->spatial);
	assert_int_equal(got->temporal, want->temporal);
	assert_int_equal(got->reference_count, want->reference_count);
	for (unsigned i = 0; i < want->reference_count; i++)
		assert_int_equal(got->references[i], want->number - want->references[i]);
	for (unsigned s = 0; s < p->spatial_count; s++)
		for (unsigned t = 0; t < p->temporal_count; t++)
			assert_int_equal(dd_indication_of(got->indications, svc_target(p, s, t)),
					 svc_indication_of(p, want, s, t));
}

static void assert_structure(const struct svc_publisher *p, const struct dd_structure *s)
{
	assert_int_equal(s->target_count, p->spatial_count * p->temporal_count);
	assert_int_equal(s->template_count, 2 * s->target_count);
	assert_int_equal(s->chain_count, 0);
	for (unsigned i = 0; i < s->target_count; i++) {
		assert_int_equal(s->target_spatial[i], i / p->temporal_count);
		assert_int_equal(s->target_temporal[i], i % p->temporal_count);
	}
	for (unsigned i = 0; i < p->spatial_count; i++) {
		assert_int_equal(s->width[i], 320 << i);
		assert_int_equal(s->height[i], 180 << i);
	}
}

static void pictures_read_back(void **state)
{
	(void)state;
	for (unsigned shape = 0; shape < SHAPES; shape++) {
		struct svc_publisher p = shapes[shape];
		struct dd_structure s = {0};
		struct svc_frame frames[SVC_SPATIAL_MAX];
		struct dd_frame got;

		p.next_number = 65530; // wraps
		for (unsigned picture = 0; picture < 40; picture++) {
			bool key = picture % 20 == 0;
			unsigned offset = 5 + picture / 20 * 50; // wraps over 64
			unsigned count = svc_next_picture(&p, key, frames);

			for (unsigned i = 0; i < count; i++) {
				bool structure = key && i == 0;
				struct svc_bits b = svc_descriptor(&p, &frames[i], true, i != 1,
								   structure, offset);
				assert_true(dd_read(&got, &s, b.bytes, bytes_of(&b)));
				assert_true(got.start);
				assert_int_equal(got.end, i != 1);
				assert_int_equal(got.has_structure, structure);
				assert_frame(&p, &frames[i], &got);
				assert_structure(&p, &s);
			}
		}
	}
}

static void targets_by_layer(void **state)
{
	struct svc_publisher p = shapes[4];
	struct svc_frame frames[SVC_SPATIAL_MAX];
	struct dd_structure s = {0};
	struct dd_frame got;

	(void)state;
	svc_next_picture(&p, true, frames);
	struct svc_bits b = svc_descriptor(&p, &frames[0], true, true, true, 0);
	assert_true(dd_read(&got, &s, b.bytes, bytes_of(&b)));
	assert_int_equal(got.active_targets, 0x1ff);
	assert_int_equal(s.target_count, 9);
	for (unsigned i = 0; i < s.target_count; i++) {
		assert_int_equal(s.target_spatial[i], i / 3);
		assert_int_equal(s.target_temporal[i], i % 3);
	}
}

// Cut anywhere, a descriptor is refused and the structure in force stays; or it was long enough.
static void cut_anywhere(void **state)
{
	(void)state;
	for (unsigned shape = 0; shape < SHAPES; shape++) {
		struct svc_publisher p = shapes[shape];
		struct svc_frame frames[SVC_SPATIAL_MAX];

		svc_next_picture(&p, true, frames);
		struct svc_bits b = svc_descriptor(&p, &frames[0], true, true, true, 9);
		for (size_t size = 0; size < bytes_of(&b); size++) {
			struct dd_structure s = {0};
			struct dd_frame got = {.number = 4711};
			uint8_t *exact = malloc(size + 1);

			memcpy(exact, b.bytes, size);
			assert_false(dd_read(&got, &s, exact, size));
			assert_int_equal(s.template_count, 0);
			assert_int_equal(got.number, 4711);
			free(exact);
		}
	}
}

static void needs_its_structure(void **state)
{
	struct svc_publisher p = shapes[1];
	struct svc_frame frames[SVC_SPATIAL_MAX];
	struct dd_structure s = {0};
	struct dd_frame got;

	(void)state;
	svc_next_picture(&p, true, frames);
	struct svc_bits b = svc_descriptor(&p, &frames[0], true, true, false, 0);
	assert_false(dd_read(&got, &s, b.bytes, bytes_of(&b)));
	struct svc_bits with = svc_descriptor(&p, &frames[0], true, true, true, 0);
	assert_true(dd_read(&got, &s, with.bytes, bytes_of(&with)));
	assert_true(dd_read(&got, &s, b.bytes, bytes_of(&b)));
	// The three mandatory octets alone; then a template there is none of.
	assert_true(dd_read(&got, &s, b.bytes, 3));
	b.bytes[0] = 0xc0 | 4;
	assert_false(dd_read(&got, &s, b.bytes, 3));
}

static void a_patched_number(void **state)
{
	struct svc_publisher p = shapes[4];
	struct svc_frame frames[SVC_SPATIAL_MAX];
	struct dd_structure s = {0};
	struct dd_frame got;

	(void)state;
	svc_next_picture(&p, true, frames);
	struct svc_bits b = svc_descriptor(&p, &frames[0], true, true, true, 63);
	dd_patch_frame_number(b.bytes, 0xbeef);
	frames[0].number = 0xbeef;
	assert_true(dd_read(&got, &s, b.bytes, bytes_of(&b)));
	assert_frame(&p, &frames[0], &got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pictures_read_back), cmocka_unit_test(targets_by_layer),
		cmocka_unit_test(cut_anywhere),	      cmocka_unit_test(needs_its_structure),
		cmocka_unit_test(a_patched_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
