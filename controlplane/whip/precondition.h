// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/precondition.h - If-Match against the entity-tag of an ICE session.
//
// Thread   any; pure function.
// Spec     RFC 9110 13.1.1 (If-Match; strong comparison), RFC 6585 3 (428), RFC 9725 4.3.1.
#pragma once

enum whip_precondition {
	WHIP_IF_MATCH_MISSING, // 428
	WHIP_IF_MATCH_ANY, // "*": whichever ICE session there is
	WHIP_IF_MATCH_HELD,
	WHIP_IF_MATCH_STALE, // 412
};

// 'if_match' is the field's value, or NULL; 'etag' the current one, with its quotes. RFC 9725's own
// figure writes "*" in quotes: taken as *.
enum whip_precondition whip_precondition(const char *if_match, const char *etag);
