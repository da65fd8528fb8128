// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/roles.c - see roles.h.
#include "controlplane/auth/roles.h"

#include <string.h>

struct role {
	char *name; // a SAN: DNS name, URI or address
	char *tenant;
	unsigned grants;
};

struct roles {
	GArray *list; // struct role
};

static void role_clear(void *data)
{
	struct role *r = data;

	g_free(r->name);
	g_free(r->tenant);
}

// A URI may hold "=" itself, so the last one counts.
static struct role parse(const char *text)
{
	const char *equals = strrchr(text, '='), *at = strchr(equals, '@');

	return (struct role){
		.name = g_strndup(text, (size_t)(equals - text)),
		.tenant = g_strdup(at != NULL ? at + 1 : ""),
		.grants = equals[1] == 'a' ? GRANT_ADMINISTER : GRANT_OBSERVE,
	};
}

struct roles *roles_new(const char *const *lines)
{
	struct roles *roles = g_new0(struct roles, 1);

	roles->list = g_array_new(FALSE, FALSE, sizeof(struct role));
	g_array_set_clear_func(roles->list, role_clear);
	for (size_t i = 0; lines != NULL && lines[i] != NULL; i++) {
		struct role r = parse(lines[i]);

		g_array_append_val(roles->list, r);
	}
	return roles;
}

void roles_free(struct roles **roles)
{
	if (*roles == NULL)
		return;
	g_array_unref((*roles)->list);
	g_clear_pointer(roles, g_free);
}

struct caller *roles_find(const struct roles *roles, char *const *names)
{
	for (guint i = 0; i < roles->list->len; i++) {
		const struct role *r = &g_array_index(roles->list, struct role, i);

		if (g_strv_contains((const char *const *)names, r->name))
			return caller_new(CALLER_CERTIFICATE, r->grants, r->name, r->tenant, "*");
	}
	return NULL;
}
