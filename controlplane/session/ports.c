// SPDX-License-Identifier: Apache-2.0
// controlplane/session/ports.c - the internal port range, handed out in turn.

#include "controlplane/session/ports.h"

#include <glib.h>

struct ports {
	uint16_t first;
	uint32_t count;
	uint32_t next;
	int64_t *free_at_us; // by offset; INT64_MAX: taken
};

struct ports *ports_new(uint16_t first, uint16_t last)
{
	struct ports *p = g_new0(struct ports, 1);

	p->first = first;
	p->count = (uint32_t)last - first + 1;
	p->free_at_us = g_new0(int64_t, p->count);
	return p;
}

void ports_free(struct ports **ports)
{
	if (*ports != NULL)
		g_free((*ports)->free_at_us);
	g_clear_pointer(ports, g_free);
}

uint16_t ports_take(struct ports *p)
{
	int64_t now = g_get_monotonic_time();

	for (uint32_t n = 0; n < p->count; n++) {
		uint32_t i = (p->next + n) % p->count;
		if (p->free_at_us[i] > now)
			continue;
		p->free_at_us[i] = INT64_MAX;
		p->next = i + 1;
		return (uint16_t)(p->first + i);
	}
	return 0;
}

void ports_release(struct ports *p, uint16_t port)
{
	uint32_t i = (uint32_t)port - p->first;

	if (i < p->count)
		p->free_at_us[i] = g_get_monotonic_time() + PORT_REST_S * G_USEC_PER_SEC;
}

void ports_reserve(struct ports *p, uint16_t port)
{
	uint32_t i = (uint32_t)port - p->first;

	if (i < p->count)
		p->free_at_us[i] = INT64_MAX;
}
