// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/precondition.c - see precondition.h.
#include "controlplane/whip/precondition.h"

#include <glib.h>

enum whip_precondition whip_precondition(const char *if_match, const char *etag)
{
	enum whip_precondition found = WHIP_IF_MATCH_STALE;
	char **tags;

	if (if_match == NULL || if_match[0] == '\0')
		return WHIP_IF_MATCH_MISSING;
	tags = g_strsplit(if_match, ",", -1); // no tag of ours holds a comma
	for (char **tag = tags; *tag != NULL; tag++) {
		g_strstrip(*tag);
		if (g_str_equal(*tag, "*") || g_str_equal(*tag, "\"*\""))
			found = WHIP_IF_MATCH_ANY;
		else if (g_str_equal(*tag, etag) && found == WHIP_IF_MATCH_STALE)
			found = WHIP_IF_MATCH_HELD;
	}
	g_strfreev(tags);
	return found;
}
