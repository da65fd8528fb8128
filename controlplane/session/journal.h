// SPDX-License-Identifier: Apache-2.0
// controlplane/session/journal.h - the last events, so that a reader goes on where it was cut off.
//
// Place    watch.c writes every event of every room here before it sends it.
// Thread   the API's GMainContext.
// Bounds   JOURNAL_EVENTS_MAX events of JOURNAL_BYTES_MAX together; the oldest goes first.
// Token    names the run of the control plane and the event: another run's is an old one.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum { JOURNAL_EVENTS_MAX = 4096, JOURNAL_BYTES_MAX = 4 << 20 };

struct journal;

struct journal *journal_new(void);
void journal_free(struct journal **journal);

// Of the newest event, or of the one that the next journal_add will be. Gives the string.
char *journal_token(const struct journal *journal);
char *journal_next_token(const struct journal *journal);

// Takes the packed event. 'room' is an id; NULL: readers of every room get it.
void journal_add(struct journal *journal, const char *room, GBytes *event);

enum journal_place {
	JOURNAL_HERE, // '*after' is set
	JOURNAL_GONE, // a token, but what followed it is not known any more
	JOURNAL_NOT_A_TOKEN,
};
enum journal_place journal_find(const struct journal *journal, const char *token, uint64_t *after);

// Every event after that one, of a room (id) or of all (NULL), oldest first.
typedef void (*journal_event_fn)(void *user, GBytes *event);
void journal_each(const struct journal *journal, uint64_t after, const char *room,
		  journal_event_fn each, void *user);
