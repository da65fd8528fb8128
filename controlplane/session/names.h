// SPDX-License-Identifier: Apache-2.0
// controlplane/session/names.h - resource names:
// rooms/{room}/participants/{participant}/tracks/{track}.
//
// Place    every service takes them apart here; ids are 1..64 characters of [A-Za-z0-9_-].
// Thread   any; pure functions.
#pragma once

#include <stdbool.h>

enum { NAME_ID_LEN_MAX = 64 };
#define NAME_ID_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

struct resource_name {
	char room[NAME_ID_LEN_MAX + 1];
	char participant[NAME_ID_LEN_MAX + 1]; // empty in the name of a room
	char track[NAME_ID_LEN_MAX + 1]; // empty unless it names a track
};

enum name_depth { NAME_ROOM = 1, NAME_PARTICIPANT = 2, NAME_TRACK = 3 };

bool name_id_ok(const char *id);

// False unless 'text' is exactly a name of that depth.
bool name_parse(const char *text, enum name_depth depth, struct resource_name *out);

// Unguessable, for uids and secrets: 'bytes' random bytes as hexadecimal. Gives the string.
char *name_random(unsigned bytes);

// The form such a name has, for error messages: "rooms/{room}".
const char *name_form(enum name_depth depth);
