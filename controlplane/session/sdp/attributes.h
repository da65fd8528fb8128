// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/attributes.h - what each a= line means for the section it stands in.
//
// Place    description.c feeds it the attributes of the session level and of each m-line.
// Thread   any.
// Owns     nothing: a section borrows attribute values until its m-line is finished.
// Spec     the RFCs named in description.h.
#pragma once

#include "controlplane/session/sdp/description.h"

// The session level, or one m-line, while its attributes are read.
struct sdp_section {
	struct sdp_media *media; // what is filled in; a scratch one for the session level
	unsigned index; // of the m-line
	bool is_session;
	char *reason;
	// Borrowed values, inherited by m-lines as they stand after the session level.
	const char *ufrag;
	const char *pwd;
	const char *simulcast;
	const char *bundle; // session level only
	struct sdp_transport transport;
	bool ice_lite;
	bool bundle_only;
	uint8_t feedback_all; // rtcp-fb:*
	uint8_t codec_at[SDP_PT_MAX + 1]; // 1 + index into media->codecs; 0: none
	char rids[SDP_RIDS_MAX][SDP_RID_LEN_MAX + 1];
	size_t rid_count;
};

// Takes one attribute; unknown ones are skipped. 0, -EINVAL or -E2BIG with the sentence.
int sdp_section_take(struct sdp_section *s, const char *key, const char *value);

// After the last attribute of an m-line: what only the whole section tells.
int sdp_section_finish(struct sdp_section *s);

// Writes 'm-line 3 (video, mid "1"): ...' and returns -EINVAL.
int sdp_section_refuse(const struct sdp_section *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

// The next blank-separated word of '*at' into 'out'; false at the end or if it is too long.
bool sdp_next_word(const char **at, char *out, size_t out_size);
