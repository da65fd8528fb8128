// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/payload_types.c - numbering of codecs, see payload_types.h.
//
// Place    below offer.c.
// Thread   one at a time.
// Owns     nothing.
#include "controlplane/session/sdp/payload_types.h"

#include <stddef.h>

enum { DYNAMIC_MIN = 96, DYNAMIC_MAX = 127, FURTHER_MIN = 35, FURTHER_MAX = 63 };

static struct sdp_codec *find(struct sdp_pt_table *table, const struct sdp_codec *wanted,
			      bool (*relation)(const struct sdp_codec *, const struct sdp_codec *))
{
	for (unsigned pt = 0; pt <= SDP_PT_MAX; pt++) {
		if (relation(&table->at[pt], wanted))
			return &table->at[pt];
	}
	return NULL;
}

static bool is_free(const struct sdp_pt_table *table, unsigned pt)
{
	return ((pt >= DYNAMIC_MIN && pt <= DYNAMIC_MAX) ||
		(pt >= FURTHER_MIN && pt <= FURTHER_MAX)) &&
	       table->at[pt].codec == CODEC_NONE && table->at[pt].apt == 0;
}

static unsigned pick(const struct sdp_pt_table *table, unsigned wanted)
{
	if (is_free(table, wanted))
		return wanted;
	for (unsigned pt = DYNAMIC_MIN; pt <= DYNAMIC_MAX; pt++) {
		if (is_free(table, pt))
			return pt;
	}
	for (unsigned pt = FURTHER_MAX; pt >= FURTHER_MIN; pt--) {
		if (is_free(table, pt))
			return pt;
	}
	return SDP_PT_NONE;
}

// Behind its own where that is free, as browsers do. 0 where none is.
static uint8_t assign_rtx(struct sdp_pt_table *table, const struct sdp_codec *codec)
{
	unsigned pt = sdp_codec_kind(codec->codec) == SDP_VIDEO ? pick(table, codec->pt + 1u)
								: SDP_PT_NONE;

	if (pt == SDP_PT_NONE)
		return 0;
	table->at[pt].apt = codec->pt;
	return (uint8_t)pt;
}

const struct sdp_codec *sdp_pt_assign(struct sdp_pt_table *table, const struct sdp_codec *wanted)
{
	struct sdp_codec *entry = find(table, wanted, sdp_codec_same);
	unsigned pt;

	if (entry != NULL)
		return entry;
	pt = pick(table, wanted->pt);
	if (pt == SDP_PT_NONE)
		return find(table, wanted, sdp_codec_equal);
	table->at[pt] = *wanted;
	table->at[pt].pt = (uint8_t)pt;
	table->at[pt].rtx = assign_rtx(table, &table->at[pt]);
	return &table->at[pt];
}
