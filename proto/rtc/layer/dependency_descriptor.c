// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/dependency_descriptor.c - reading Dependency Descriptors. Contract in
// dependency_descriptor.h; function names are those of the specification's A.8.
#include "proto/rtc/layer/dependency_descriptor.h"

#include "proto/rtc/bytes.h"
#include "proto/rtc/layer/bit_reader.h"

enum { MANDATORY_BYTES = 3 };

static bool template_layers(struct bit_reader *r, struct dd_structure *s)
{
	enum { SAME, NEXT_TEMPORAL, NEXT_SPATIAL, NO_MORE };
	unsigned spatial = 0, temporal = 0, next;

	do {
		if (s->template_count == DD_TEMPLATES_MAX || spatial >= DD_SPATIAL_MAX ||
		    temporal >= DD_TEMPORAL_MAX)
			return false;
		struct dd_template *t = &s->templates[s->template_count++];
		t->spatial = (uint8_t)spatial;
		t->temporal = (uint8_t)temporal;
		next = bit_reader_take(r, 2);
		if (next == NEXT_TEMPORAL)
			temporal++;
		if (next == NEXT_SPATIAL) {
			temporal = 0;
			spatial++;
		}
	} while (next != NO_MORE && !r->failed);
	return !r->failed;
}

static uint64_t take_indications(struct bit_reader *r, unsigned targets)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < targets; i++)
		all |= (uint64_t)bit_reader_take(r, 2) << (2 * i);
	return all;
}

static bool template_fdiffs(struct bit_reader *r, struct dd_template *t)
{
	while (bit_reader_flag(r)) {
		if (t->reference_count == DD_REFERENCES_MAX)
			return false;
		t->references[t->reference_count++] = (uint8_t)(bit_reader_take(r, 4) + 1);
	}
	return !r->failed;
}

// Only the count is kept: whether a frame can be followed is told by its references.
static void template_chains(struct bit_reader *r, struct dd_structure *s)
{
	s->chain_count = (uint8_t)bit_reader_below(r, s->target_count + 1u);
	if (s->chain_count == 0)
		return;
	for (unsigned i = 0; i < s->target_count; i++)
		bit_reader_below(r, s->chain_count);
	for (unsigned i = 0; i < s->template_count * (unsigned)s->chain_count; i++)
		bit_reader_take(r, 4);
}

static void decode_target_layers(struct dd_structure *s)
{
	for (unsigned target = 0; target < s->target_count; target++)
		for (unsigned i = 0; i < s->template_count; i++) {
			const struct dd_template *t = &s->templates[i];
			if (dd_indication_of(t->indications, target) == DD_NOT_PRESENT)
				continue;
			if (t->spatial > s->target_spatial[target])
				s->target_spatial[target] = t->spatial;
			if (t->temporal > s->target_temporal[target])
				s->target_temporal[target] = t->temporal;
		}
}

static void render_resolutions(struct bit_reader *r, struct dd_structure *s)
{
	unsigned spatial_max = s->templates[s->template_count - 1].spatial;

	s->has_resolutions = bit_reader_flag(r);
	for (unsigned i = 0; s->has_resolutions && i <= spatial_max; i++) {
		// One less is on the wire; 65536 does not fit and nobody sends it.
		s->width[i] = (uint16_t)(bit_reader_take(r, 16) + 1);
		s->height[i] = (uint16_t)(bit_reader_take(r, 16) + 1);
	}
}

static bool template_dependency_structure(struct bit_reader *r, struct dd_structure *s)
{
	*s = (struct dd_structure){.template_id_offset = (uint8_t)bit_reader_take(r, 6)};
	s->target_count = (uint8_t)(bit_reader_take(r, 5) + 1);
	if (!template_layers(r, s))
		return false;
	for (unsigned i = 0; i < s->template_count; i++)
		s->templates[i].indications = take_indications(r, s->target_count);
	for (unsigned i = 0; i < s->template_count; i++)
		if (!template_fdiffs(r, &s->templates[i]))
			return false;
	template_chains(r, s);
	decode_target_layers(s);
	render_resolutions(r, s);
	return !r->failed;
}

static bool frame_fdiffs(struct bit_reader *r, struct dd_frame *f)
{
	unsigned size;

	while ((size = bit_reader_take(r, 2)) != 0) {
		if (f->reference_count == DD_REFERENCES_MAX)
			return false;
		f->references[f->reference_count++] = (uint16_t)(bit_reader_take(r, 4 * size) + 1);
	}
	return true;
}

struct extended_fields {
	bool structure;
	bool active_targets;
	bool custom_indications;
	bool custom_references;
	bool custom_chains;
};

static bool frame_dependency_definition(struct bit_reader *r, struct dd_frame *f,
					const struct dd_structure *s,
					const struct extended_fields *x, unsigned template_id)
{
	unsigned index = (template_id + 64 - s->template_id_offset) % 64;

	if (index >= s->template_count)
		return false;
	const struct dd_template *t = &s->templates[index];
	f->spatial = t->spatial;
	f->temporal = t->temporal;
	f->indications =
		x->custom_indications ? take_indications(r, s->target_count) : t->indications;
	if (x->custom_references)
		return frame_fdiffs(r, f);
	f->reference_count = t->reference_count;
	for (unsigned i = 0; i < t->reference_count; i++)
		f->references[i] = t->references[i];
	return true;
}

static struct extended_fields extended_fields(struct bit_reader *r)
{
	struct extended_fields x;

	x.structure = bit_reader_flag(r);
	x.active_targets = bit_reader_flag(r);
	x.custom_indications = bit_reader_flag(r);
	x.custom_references = bit_reader_flag(r);
	x.custom_chains = bit_reader_flag(r);
	return x;
}

static uint32_t all_targets(const struct dd_structure *s)
{
	return UINT32_MAX >> (DD_TARGETS_MAX - s->target_count);
}

static bool read_all(struct bit_reader *r, struct dd_frame *f, struct dd_structure *s,
		     struct dd_structure *brought, bool extended)
{
	struct extended_fields x = {0};
	const struct dd_structure *in_force = s;

	f->start = bit_reader_flag(r);
	f->end = bit_reader_flag(r);
	unsigned template_id = bit_reader_take(r, 6);
	f->number = (uint16_t)bit_reader_take(r, 16);
	if (extended)
		x = extended_fields(r);
	if (x.structure) {
		if (!template_dependency_structure(r, brought))
			return false;
		f->has_structure = true;
		in_force = brought;
	}
	if (in_force->template_count == 0)
		return false;
	f->has_active_targets = x.structure || x.active_targets;
	f->active_targets = x.active_targets ? bit_reader_take(r, in_force->target_count)
					     : all_targets(in_force);
	if (!frame_dependency_definition(r, f, in_force, &x, template_id))
		return false;
	if (x.custom_chains)
		for (unsigned i = 0; i < in_force->chain_count; i++)
			bit_reader_take(r, 8);
	return !r->failed;
}

bool dd_read(struct dd_frame *f, struct dd_structure *s, const uint8_t *bytes, size_t size)
{
	struct dd_structure brought;
	struct bit_reader r;
	struct dd_frame read = {0};

	if (size < MANDATORY_BYTES)
		return false;
	bit_reader_init(&r, bytes, size);
	if (!read_all(&r, &read, s, &brought, size > MANDATORY_BYTES))
		return false;
	if (read.has_structure)
		*s = brought;
	*f = read;
	return true;
}

void dd_patch_frame_number(uint8_t *bytes, uint16_t number)
{
	bytes_store_be16(bytes + 1, number);
}
