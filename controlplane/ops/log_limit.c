// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/log_limit.c - see log_limit.h: a small open-addressed table.
#include "controlplane/ops/log_limit.h"

#include <glib.h>
#include <stddef.h>

static struct log_limit_message *find(struct log_limit *limit, const void *message)
{
	size_t home = ((uintptr_t)message >> 3) * 2654435761u;

	for (size_t i = 0; i < LOG_LIMIT_MESSAGES; i++) {
		struct log_limit_message *m =
			&limit->messages[(home + i) & (LOG_LIMIT_MESSAGES - 1)];
		if (m->message == message || m->message == NULL)
			return m;
	}
	return NULL;
}

bool log_limit_allows(struct log_limit *limit, const void *message, int64_t now_us,
		      uint64_t *held_back)
{
	struct log_limit_message *m = find(limit, message);

	*held_back = 0;
	if (m == NULL)
		return true;
	if (m->message == NULL || now_us - m->began_us >= LOG_LIMIT_S * G_USEC_PER_SEC) {
		m->message = message;
		m->began_us = now_us;
		m->lines = 0;
	}
	if (m->lines == LOG_LIMIT_LINES) {
		m->held_back++;
		return false;
	}
	m->lines++;
	*held_back = m->held_back;
	m->held_back = 0;
	return true;
}
