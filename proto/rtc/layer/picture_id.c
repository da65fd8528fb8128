// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/picture_id.c - mapping picture ids. Contract in picture_id.h.
#include "proto/rtc/layer/picture_id.h"

size_t picture_id_read(const uint8_t *at, size_t left, uint16_t *id)
{
	if (left == 0)
		return 0;
	if ((at[0] & 0x80) == 0) {
		*id = at[0];
		return 1;
	}
	if (left < 2)
		return 0;
	*id = (uint16_t)((at[0] & 0x7f) << 8 | at[1]);
	return 2;
}

// How far 'id' is ahead of the newest, in the source's id space: below 0 behind it.
static int ahead(const struct picture_ids *p, uint16_t id)
{
	int distance = (id - p->newest) & p->mask;

	return distance > p->mask / 2 ? distance - p->mask - 1 : distance;
}

void picture_ids_switch(struct picture_ids *p, uint16_t mask, uint16_t id, uint8_t tl0)
{
	if (p->started) {
		p->out = (uint16_t)(p->out + 1);
		p->tl0_newest++;
	} else {
		p->out = id;
		p->tl0_newest = tl0;
	}
	p->tl0_delta = (uint8_t)(p->tl0_newest - tl0);
	p->newest = id;
	p->mask = mask;
	// What came before the switch maps nowhere: as if it were all left out.
	p->left_out = ~UINT64_C(1);
	p->started = true;
}

void picture_ids_join(struct picture_ids *p, uint16_t mask, uint16_t id, uint8_t tl0)
{
	*p = (struct picture_ids){
		.newest = (uint16_t)(id - 1) & mask,
		.out = (uint16_t)(id - 1) & mask,
		.mask = mask,
		.tl0_newest = tl0,
		.started = true,
	};
}

static void advance(struct picture_ids *p, unsigned by)
{
	p->left_out = by < PICTURE_ID_WINDOW ? p->left_out << by : 0;
	p->newest = (uint16_t)((p->newest + by) & p->mask);
}

// Pictures sent or missed, not left out, from newest - 'behind' + 1 up to the newest.
static unsigned kept(const struct picture_ids *p, unsigned behind)
{
	unsigned count = 0;

	for (unsigned i = 0; i < behind; i++)
		count += (p->left_out >> i & 1) == 0;
	return count;
}

bool picture_ids_map(struct picture_ids *p, uint16_t id, uint16_t *out, uint8_t *tl0)
{
	int distance = ahead(p, id);

	if (!p->started || distance <= -PICTURE_ID_WINDOW)
		return false;
	if (distance > 0) {
		p->out = (uint16_t)(p->out + distance);
		advance(p, (unsigned)distance);
		distance = 0;
	}
	if ((p->left_out >> -distance & 1) != 0)
		return false;
	*out = (uint16_t)(p->out - kept(p, (unsigned)-distance)) & p->mask;
	*tl0 = (uint8_t)(*tl0 + p->tl0_delta);
	if ((uint8_t)(*tl0 - p->tl0_newest) < 0x80)
		p->tl0_newest = *tl0;
	return true;
}

void picture_ids_leave_out(struct picture_ids *p, uint16_t id)
{
	int distance = ahead(p, id);

	if (!p->started || distance <= 0)
		return;
	p->out = (uint16_t)(p->out + distance - 1);
	advance(p, (unsigned)distance);
	p->left_out |= 1;
}
