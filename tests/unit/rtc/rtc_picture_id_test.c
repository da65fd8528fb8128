// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_picture_id_test.c - the wire forms, cases in words, and random operations
// against a naive model that remembers every picture.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/layer/picture_id.h"

static void wire_forms(void **state)
{
	static const struct {
		uint8_t bytes[2];
		size_t left, size;
		uint16_t id;
	} rows[] = {
		{{0x11, 0}, 2, 1, 0x11},      {{0x7f, 0}, 1, 1, 0x7f}, {{0x80, 0x05}, 2, 2, 5},
		{{0xff, 0xff}, 2, 2, 0x7fff}, {{0x81, 0}, 1, 0, 0},    {{0, 0}, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t out[2] = {0};
		uint16_t id = 0;
		assert_int_equal(picture_id_read(rows[i].bytes, rows[i].left, &id), rows[i].size);
		if (rows[i].size == 0)
			continue;
		assert_int_equal(id, rows[i].id);
		picture_id_write(out, rows[i].size == 2, id);
		assert_memory_equal(out, rows[i].bytes, rows[i].size);
	}
}

static void assert_same(const struct picture_ids *a, const struct picture_ids *b)
{
	assert_int_equal(a->left_out, b->left_out);
	assert_int_equal(a->newest, b->newest);
	assert_int_equal(a->out & a->mask, b->out & b->mask);
	assert_int_equal(a->tl0_newest, b->tl0_newest);
}

static bool map_next(struct picture_ids *p, uint16_t id, uint16_t *out, uint8_t *tl0)
{
	if (!p->started || !picture_ids_is_next(p, id))
		return false;
	*out = picture_ids_take_next(p, id, tl0);
	return true;
}

// The short way gives what the long one does, or says that it cannot.
static bool map(struct picture_ids *p, uint16_t id, uint16_t *out, uint8_t *tl0)
{
	struct picture_ids next = *p, before = *p;
	uint16_t next_out = 0;
	uint8_t next_tl0 = *tl0;
	bool taken = map_next(&next, id, &next_out, &next_tl0);
	bool found = picture_ids_map(p, id, out, tl0);

	if (taken) {
		assert_true(found);
		assert_int_equal(next_out, *out);
		assert_int_equal(next_tl0, *tl0);
	}
	assert_same(&next, taken ? p : &before);
	return found;
}

static uint16_t mapped(struct picture_ids *p, uint16_t id)
{
	uint16_t out = 0xffff;
	uint8_t tl0 = 0;

	assert_true(map(p, id, &out, &tl0));
	return out;
}

static void the_next_is_mapped_the_short_way(void **state)
{
	struct picture_ids p = {0};
	uint16_t out = 0;
	uint8_t tl0 = 7;

	(void)state;
	assert_false(map_next(&p, 1, &out, &tl0)); // not started
	picture_ids_switch(&p, 0x7f, 0x7e, 5);
	assert_true(map_next(&p, 0x7e, &out, &tl0));
	assert_true(map_next(&p, 0x7f, &out, &tl0));
	picture_ids_leave_out(&p, 0);
	assert_false(map_next(&p, 0, &out, &tl0));
	assert_true(map_next(&p, 1, &out, &tl0));
	assert_int_equal(out, 0);
	assert_false(map_next(&p, 3, &out, &tl0)); // one is missing
	assert_false(map_next(&p, 0x7f, &out, &tl0)); // late
}

static void left_out_pictures_leave_no_gap_and_lost_ones_do(void **state)
{
	struct picture_ids p = {0};
	uint16_t out;
	uint8_t tl0 = 0;

	(void)state;
	picture_ids_switch(&p, 0x7fff, 0x7ffd, 0);
	assert_int_equal(mapped(&p, 0x7ffd), 0x7ffd);
	picture_ids_leave_out(&p, 0x7ffe);
	assert_int_equal(mapped(&p, 0x7fff), 0x7ffe);
	assert_int_equal(mapped(&p, 1), 0); // 0 was lost on the way here
	assert_int_equal(mapped(&p, 0), 0x7fff); // and comes late
	picture_ids_leave_out(&p, 2);
	picture_ids_leave_out(&p, 3);
	assert_int_equal(mapped(&p, 4), 1);
	assert_int_equal(mapped(&p, 4), 1); // its next packet
	assert_false(map(&p, 3, &out, &tl0)); // a late packet of one left out
	assert_int_equal(mapped(&p, 1), 0);
}

static void a_switch_goes_on_after_the_newest(void **state)
{
	struct picture_ids p = {0};
	uint16_t out;
	uint8_t tl0 = 200;

	(void)state;
	picture_ids_switch(&p, 0x7fff, 100, 200);
	assert_true(map(&p, 100, &out, &tl0));
	assert_int_equal(tl0, 200);
	tl0 = 201;
	assert_true(map(&p, 103, &out, &tl0));
	picture_ids_switch(&p, 0x7f, 5, 17);
	tl0 = 17;
	assert_true(map(&p, 5, &out, &tl0));
	assert_int_equal(out, 104);
	assert_int_equal(tl0, 202);
	tl0 = 18;
	assert_true(map(&p, 6, &out, &tl0));
	assert_int_equal(out, 105);
	assert_int_equal(tl0, 203);
	assert_false(map(&p, 4, &out, &tl0)); // before the switch
}

// The model: what each unwrapped source picture became.
enum { PICTURES = 4000 };
struct model {
	bool left_out[PICTURES];
	int newest; // unwrapped, relative to the first
	int floor; // pictures below belong to before the switch
	int base; // id of picture 'floor'
};

static int model_map(const struct model *m, int picture)
{
	int out = m->base;

	for (int i = m->floor; i < picture; i++)
		out += !m->left_out[i];
	return out;
}

static void random_operations(void **state)
{
	struct prng rng = prng_start(20261126);

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		static struct model m;
		struct picture_ids p = {0};
		uint16_t mask = round % 3 == 0 ? 0x7f : round % 3 == 1 ? 0x7fff : 0xffff;
		uint16_t first = (uint16_t)(prng_next(&rng) & mask);

		m = (struct model){.base = first};
		picture_ids_switch(&p, mask, first, 0);
		assert_int_equal(mapped(&p, first), first);
		while (m.newest < PICTURES - 8) {
			int at = m.newest + 1 +
				 (int)prng_below(&rng, 20) / 17; // at times one is lost
			uint16_t out, id = (uint16_t)((first + at) & mask);
			uint8_t tl0 = 0;

			if (prng_below(&rng, 3) == 0) {
				picture_ids_leave_out(&p, id);
				m.left_out[at] = true;
				m.newest = at;
				continue;
			}
			assert_int_equal(mapped(&p, id), model_map(&m, at) & mask);
			m.newest = at;
			int late = at - (int)prng_below(&rng, 40);
			if (late < m.floor)
				continue;
			id = (uint16_t)((first + late) & mask);
			assert_int_equal(map(&p, id, &out, &tl0), !m.left_out[late]);
			if (!m.left_out[late])
				assert_int_equal(out, model_map(&m, late) & mask);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wire_forms),
		cmocka_unit_test(the_next_is_mapped_the_short_way),
		cmocka_unit_test(left_out_pictures_leave_no_gap_and_lost_ones_do),
		cmocka_unit_test(a_switch_goes_on_after_the_newest),
		cmocka_unit_test(random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
