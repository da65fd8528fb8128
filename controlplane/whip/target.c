// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/target.c - see target.h.
#include "controlplane/whip/target.h"

#include <glib.h>
#include <string.h>

static bool take_id(char out[NAME_ID_LEN_MAX + 1], const char *text)
{
	if (!name_id_ok(text))
		return false;
	g_strlcpy(out, text, NAME_ID_LEN_MAX + 1);
	return true;
}

static bool take_secret(struct whip_target *t, const char *text)
{
	t->kind = WHIP_SESSION;
	return g_strlcpy(t->secret, text, sizeof(t->secret)) == WHIP_SECRET_CHARS;
}

// Queries nobody knows are none of our business.
static bool take_query(struct whip_target *t, const char *query)
{
	char **pairs = g_strsplit(query, "&", -1);
	bool ok = true;

	for (char **pair = pairs; ok && *pair != NULL; pair++) {
		if (t->whep && g_str_equal(*pair, "offer=server"))
			t->server_offers = true;
		else if (!t->whep && g_str_has_prefix(*pair, "participant="))
			ok = take_id(t->participant, *pair + strlen("participant="));
	}
	g_strfreev(pairs);
	return ok;
}

// "ROOM", "ROOM/PARTICIPANT", "ROOM/PARTICIPANT/SECRET"
static bool take_path(struct whip_target *t, const char *path)
{
	char **parts = g_strsplit(path, "/", 4);
	guint count = g_strv_length(parts);
	bool ok = count >= 1 && take_id(t->room, parts[0]);

	if (count >= 2)
		ok = ok && (t->whep || count == 3) && take_id(t->participant, parts[1]);
	if (count >= 3)
		ok = ok && count == 3 && take_secret(t, parts[2]);
	g_strfreev(parts);
	return ok;
}

bool whip_target_parse(const char *path, struct whip_target *out)
{
	size_t size = strcspn(path, "?");
	char *plain;
	bool ok;

	*out = (struct whip_target){.whep = g_str_has_prefix(path, "/whep/")};
	if (!out->whep && !g_str_has_prefix(path, "/whip/"))
		return false;
	plain = g_strndup(path + strlen("/whip/"), size - strlen("/whip/"));
	ok = take_path(out, plain);
	g_free(plain);
	if (ok && path[size] == '?' && out->kind == WHIP_ENDPOINT)
		ok = take_query(out, path + size + 1);
	return ok;
}
