// SPDX-License-Identifier: Apache-2.0
// controlplane/session/journal.c - see journal.h.

#include "controlplane/session/journal.h"

#include "controlplane/session/names.h"

#include <string.h>

enum { RUN_BYTES = 8 };

struct entry {
	uint64_t number;
	char *room; // NULL: every room's
	GBytes *event;
};

struct journal {
	char *run; // of this control plane
	uint64_t newest; // 0: none yet
	size_t bytes;
	GQueue entries; // struct entry, oldest first
};

static void entry_free(gpointer data)
{
	struct entry *e = data;

	g_bytes_unref(e->event);
	g_free(e->room);
	g_free(e);
}

struct journal *journal_new(void)
{
	struct journal *j = g_new0(struct journal, 1);

	j->run = name_random(RUN_BYTES);
	g_queue_init(&j->entries);
	return j;
}

void journal_free(struct journal **journal)
{
	if (*journal == NULL)
		return;
	g_queue_clear_full(&(*journal)->entries, entry_free);
	g_free((*journal)->run);
	g_clear_pointer(journal, g_free);
}

static char *token_of(const struct journal *j, uint64_t number)
{
	return g_strdup_printf("%s-%" G_GUINT64_FORMAT, j->run, number);
}

char *journal_token(const struct journal *j)
{
	return token_of(j, j->newest);
}

char *journal_next_token(const struct journal *j)
{
	return token_of(j, j->newest + 1);
}

void journal_add(struct journal *j, const char *room, GBytes *event)
{
	struct entry *e = g_new0(struct entry, 1);

	e->number = ++j->newest;
	e->room = g_strdup(room);
	e->event = event;
	j->bytes += g_bytes_get_size(event);
	g_queue_push_tail(&j->entries, e);
	while (g_queue_get_length(&j->entries) > JOURNAL_EVENTS_MAX ||
	       j->bytes > JOURNAL_BYTES_MAX) {
		struct entry *oldest = g_queue_pop_head(&j->entries);
		j->bytes -= g_bytes_get_size(oldest->event);
		entry_free(oldest);
	}
}

enum journal_place journal_find(const struct journal *j, const char *token, uint64_t *after)
{
	const char *dash = strchr(token, '-');
	const struct entry *oldest = g_queue_peek_head((GQueue *)(uintptr_t)&j->entries);
	guint64 number;

	if (dash == NULL || dash - token != 2 * RUN_BYTES ||
	    strspn(token, "0123456789abcdef") != 2 * RUN_BYTES ||
	    !g_ascii_string_to_unsigned(dash + 1, 10, 0, UINT64_MAX, &number, NULL))
		return JOURNAL_NOT_A_TOKEN;
	if (strncmp(token, j->run, 2 * RUN_BYTES) != 0)
		return JOURNAL_GONE;
	if (number > j->newest)
		return JOURNAL_NOT_A_TOKEN;
	*after = number;
	return number == j->newest || (oldest != NULL && oldest->number <= number + 1)
		       ? JOURNAL_HERE
		       : JOURNAL_GONE;
}

void journal_each(const struct journal *j, uint64_t after, const char *room, journal_event_fn each,
		  void *user)
{
	for (const GList *i = j->entries.head; i != NULL; i = i->next) {
		const struct entry *e = i->data;
		bool heard = room == NULL || e->room == NULL || g_str_equal(room, e->room);
		if (e->number > after && heard)
			each(user, e->event);
	}
}
