// SPDX-License-Identifier: Apache-2.0
// tests/unit/session/journal_test.c - what is kept for readers that come back, against a list that
// keeps everything.
#include "controlplane/session/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char *const rooms[] = {"a", "b", "c"};

static void add(struct journal *j, const char *room, size_t size, unsigned number)
{
	unsigned *bytes = g_malloc0(MAX(size, sizeof(number)));

	*bytes = number;
	journal_add(j, room, g_bytes_new_take(bytes, MAX(size, sizeof(number))));
}

static void take(void *user, GBytes *event)
{
	unsigned number = *(const unsigned *)g_bytes_get_data(event, NULL);

	g_array_append_val((GArray *)user, number);
}

// The numbers a reader with that token would be sent, or NULL where it gets a snapshot.
static GArray *read_on(const struct journal *j, const char *token, const char *room)
{
	GArray *numbers = g_array_new(FALSE, FALSE, sizeof(unsigned));
	uint64_t after;

	if (journal_find(j, token, &after) != JOURNAL_HERE) {
		g_array_unref(numbers);
		return NULL;
	}
	journal_each(j, after, room, take, numbers);
	return numbers;
}

static void assert_numbers(GArray *found, const unsigned *wanted, size_t count)
{
	assert_non_null(found);
	assert_int_equal(found->len, count);
	assert_memory_equal(found->data, wanted, count * sizeof(*wanted));
	g_array_unref(found);
}

static void test_reads_on(void **state)
{
	struct journal *j = journal_new();
	char *start = journal_token(j);
	char *first = journal_next_token(j);
	char *now;

	(void)state;
	add(j, "a", 0, 1);
	now = journal_token(j);
	assert_string_equal(now, first);
	g_free(now);
	add(j, "b", 0, 2);
	add(j, "a", 0, 3);
	assert_numbers(read_on(j, start, NULL), (const unsigned[]){1, 2, 3}, 3);
	assert_numbers(read_on(j, start, "a"), (const unsigned[]){1, 3}, 2);
	assert_numbers(read_on(j, first, NULL), (const unsigned[]){2, 3}, 2);
	now = journal_token(j);
	assert_numbers(read_on(j, now, NULL), NULL, 0);
	assert_numbers(read_on(j, start, "c"), NULL, 0);
	g_free(start);
	g_free(first);
	g_free(now);
	journal_free(&j);
	assert_null(j);
}

// What concerns the node is read on by whoever listens to a room.
static void test_of_every_room(void **state)
{
	struct journal *j = journal_new();
	char *start = journal_token(j);

	(void)state;
	add(j, "a", 0, 1);
	add(j, NULL, 0, 2);
	add(j, "b", 0, 3);
	assert_numbers(read_on(j, start, NULL), (const unsigned[]){1, 2, 3}, 3);
	assert_numbers(read_on(j, start, "a"), (const unsigned[]){1, 2}, 2);
	assert_numbers(read_on(j, start, "c"), (const unsigned[]){2}, 1);
	g_free(start);
	journal_free(&j);
}

static void test_what_is_no_token(void **state)
{
	struct journal *j = journal_new();
	struct journal *other = journal_new();
	char *token = journal_token(j);
	char *next = journal_next_token(j);
	char *theirs = journal_token(other);
	char *longer = g_strconcat("0", token, NULL);
	char *upper = g_ascii_strup(token, -1);
	uint64_t after;
	const char *const bad[] = {"",
				   "-",
				   "x",
				   "0-0",
				   "0123456789abcdef",
				   "0123456789abcdef-",
				   "0123456789abcdef-x",
				   "0123456789abcdef--1",
				   "0123456789abcdef-18446744073709551616",
				   "0123456789abcdeg-1",
				   longer,
				   next}; // of an event that has not been

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_int_equal(journal_find(j, bad[i], &after), JOURNAL_NOT_A_TOKEN);
	if (!g_str_equal(upper, token)) // a run without a letter reads the same
		assert_int_equal(journal_find(j, upper, &after), JOURNAL_NOT_A_TOKEN);
	// Another run's is a token whose events nobody knows.
	assert_int_equal(journal_find(j, theirs, &after), JOURNAL_GONE);
	assert_int_equal(journal_find(j, token, &after), JOURNAL_HERE);
	g_free(token);
	g_free(next);
	g_free(theirs);
	g_free(longer);
	g_free(upper);
	journal_free(&j);
	journal_free(&other);
}

static void test_the_oldest_goes_by_count(void **state)
{
	struct journal *j = journal_new();
	char *start = journal_token(j);
	char *second;
	GArray *found;

	(void)state;
	add(j, "a", 0, 1);
	second = journal_token(j);
	for (unsigned i = 2; i <= JOURNAL_EVENTS_MAX; i++)
		add(j, "a", 0, i);
	found = read_on(j, start, NULL);
	assert_int_equal(found->len, JOURNAL_EVENTS_MAX);
	g_array_unref(found);
	add(j, "a", 0, JOURNAL_EVENTS_MAX + 1);
	assert_null(read_on(j, start, NULL)); // the first is missing
	found = read_on(j, second, NULL);
	assert_int_equal(found->len, JOURNAL_EVENTS_MAX);
	assert_int_equal(g_array_index(found, unsigned, 0), 2);
	g_array_unref(found);
	g_free(start);
	g_free(second);
	journal_free(&j);
}

static void test_an_event_larger_than_all(void **state)
{
	struct journal *j = journal_new();
	char *before = journal_token(j);
	char *after;

	(void)state;
	add(j, "a", JOURNAL_BYTES_MAX + 1, 1);
	assert_null(read_on(j, before, NULL));
	after = journal_token(j);
	assert_numbers(read_on(j, after, NULL), NULL, 0);
	add(j, "a", 0, 2);
	assert_numbers(read_on(j, after, NULL), (const unsigned[]){2}, 1);
	g_free(before);
	g_free(after);
	journal_free(&j);
}

// One event of the model: everything ever added, by number from 1.
struct added {
	const char *room;
	size_t size;
};

// The number of the oldest that is still there.
static guint oldest(const GArray *all)
{
	size_t bytes = 0;
	guint i = all->len;

	while (i > 0 && all->len - i < JOURNAL_EVENTS_MAX) {
		bytes += g_array_index(all, struct added, i - 1).size;
		if (bytes > JOURNAL_BYTES_MAX)
			break;
		i--;
	}
	return i + 1;
}

static void check_reader(const struct journal *j, const GArray *all, const char *token, guint seen,
			 const char *room)
{
	GArray *found = read_on(j, token, room);
	guint at = 0;

	if (seen + 1 < oldest(all)) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	for (guint i = seen + 1; i <= all->len; i++) {
		const char *its = g_array_index(all, struct added, i - 1).room;
		if (room != NULL && !g_str_equal(its, room))
			continue;
		assert_true(at < found->len);
		assert_int_equal(g_array_index(found, unsigned, at++), i);
	}
	assert_int_equal(at, found->len);
	g_array_unref(found);
}

static void test_random(void **state)
{
	const guint32 seed = 20261127;
	GRand *random = g_rand_new_with_seed(seed);
	struct journal *j = journal_new();
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct added));
	GPtrArray *tokens = g_ptr_array_new_with_free_func(g_free);

	(void)state;
	g_ptr_array_add(tokens, journal_token(j));
	for (unsigned i = 1; i <= 20000; i++) {
		const struct added a = {rooms[g_rand_int_range(random, 0, 3)],
					(size_t)g_rand_int_range(random, sizeof(unsigned),
								 i % 7000 < 300 ? 60000 : 900)};

		add(j, a.room, a.size, i);
		g_array_append_val(all, a);
		g_ptr_array_add(tokens, journal_token(j));
		if (i % 50 == 0) {
			guint back = (guint)g_rand_int_range(random, 0, JOURNAL_EVENTS_MAX + 100);
			guint seen = i - MIN(i, back);
			check_reader(j, all, tokens->pdata[seen], seen,
				     i % 100 == 0 ? NULL : rooms[i / 50 % 3]);
		}
	}
	g_ptr_array_unref(tokens);
	g_array_unref(all);
	journal_free(&j);
	g_rand_free(random);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_on),
		cmocka_unit_test(test_of_every_room),
		cmocka_unit_test(test_what_is_no_token),
		cmocka_unit_test(test_the_oldest_goes_by_count),
		cmocka_unit_test(test_an_event_larger_than_all),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
