// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/caller.c - see caller.h.
#include "controlplane/auth/caller.h"

#include <string.h>

struct caller *caller_new(enum caller_kind kind, unsigned grants, const char *subject,
			  const char *tenant, const char *rooms)
{
	struct caller *c = g_rc_box_new0(struct caller);

	c->kind = kind;
	c->grants = grants;
	c->subject = g_strdup(subject);
	c->tenant = g_strdup(tenant);
	c->rooms = g_strdup(rooms);
	return c;
}

static void caller_clear(void *data)
{
	struct caller *c = data;

	g_free(c->subject);
	g_free(c->tenant);
	g_free(c->rooms);
}

void caller_drop(void *c)
{
	if (c != NULL)
		g_rc_box_release_full(c, caller_clear);
}

bool caller_reaches(const struct caller *c, const char *room_id)
{
	size_t size = strlen(c->rooms);

	if (size > 0 && c->rooms[size - 1] == '*')
		return strncmp(c->rooms, room_id, size - 1) == 0;
	return strcmp(c->rooms, room_id) == 0;
}

bool caller_speaks_for(const struct caller *c, const char *tenant)
{
	return c->tenant[0] == '\0' || strcmp(c->tenant, tenant) == 0;
}

bool caller_holds(const struct caller *c, unsigned grants)
{
	return (c->grants & GRANT_ADMINISTER) != 0 || (c->grants & grants) == grants;
}

bool caller_sees(const struct caller *c, const char *room_id, const char *tenant)
{
	return caller_reaches(c, room_id) && caller_speaks_for(c, tenant);
}
