// SPDX-License-Identifier: Apache-2.0
// controlplane/session/names.c - taking resource names apart.

#include "controlplane/session/names.h"

#include <glib.h>
#include <openssl/rand.h>
#include <string.h>

bool name_id_ok(const char *id)
{
	size_t len = strlen(id);

	return len >= 1 && len <= NAME_ID_LEN_MAX && strspn(id, NAME_ID_CHARS) == len;
}

bool name_parse(const char *text, enum name_depth depth, struct resource_name *out)
{
	static const char *const collection[] = {"rooms", "participants", "tracks"};
	char *into[] = {out->room, out->participant, out->track};
	char **parts = g_strsplit(text, "/", 2 * NAME_TRACK + 1);
	bool ok = g_strv_length(parts) == 2 * (guint)depth;

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; ok && i < depth; i++) {
		ok = strcmp(parts[2 * i], collection[i]) == 0 && name_id_ok(parts[2 * i + 1]);
		if (ok)
			g_strlcpy(into[i], parts[2 * i + 1], NAME_ID_LEN_MAX + 1);
	}
	g_strfreev(parts);
	return ok;
}

char *name_random(unsigned bytes)
{
	uint8_t raw[64];
	GString *text = g_string_new(NULL);

	g_assert(bytes <= sizeof(raw));
	if (RAND_bytes(raw, (int)bytes) != 1)
		g_error("no random bytes from OpenSSL");
	for (unsigned i = 0; i < bytes; i++)
		g_string_append_printf(text, "%02x", raw[i]);
	return g_string_free(text, FALSE);
}

const char *name_form(enum name_depth depth)
{
	switch (depth) {
	case NAME_ROOM:
		return "rooms/{room}";
	case NAME_PARTICIPANT:
		return "rooms/{room}/participants/{participant}";
	case NAME_TRACK:
		break;
	}
	return "rooms/{room}/participants/{participant}/tracks/{track}";
}
