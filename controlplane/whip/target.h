// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/target.h - what a path under /whip/ or /whep/ names.
//
//   /whip/ROOM                       endpoint: POST publishes into the room
//   /whep/ROOM                       endpoint: POST plays the room, in order of joining
//   /whep/ROOM/PARTICIPANT           endpoint: POST plays one participant
//   /whip/ROOM/PARTICIPANT/SECRET    session, and the same under /whep/
//
// Queries   /whip/ROOM?participant=ID  the id to publish under, else a random one
//           /whep/...?offer=server     the server is to offer (406 counter-offer)
// Thread    any; pure functions.
#pragma once

#include "controlplane/session/names.h"

#include <stdbool.h>

enum { WHIP_SECRET_BYTES = 32, WHIP_SECRET_CHARS = 2 * WHIP_SECRET_BYTES };

enum whip_target_kind { WHIP_ENDPOINT, WHIP_SESSION };

struct whip_target {
	enum whip_target_kind kind;
	bool whep;
	bool server_offers;
	char room[NAME_ID_LEN_MAX + 1];
	char participant[NAME_ID_LEN_MAX + 1]; // empty if none is named
	char secret[WHIP_SECRET_CHARS + 1]; // of a session
};

// False if the path is none of these.
bool whip_target_parse(const char *path, struct whip_target *out);
