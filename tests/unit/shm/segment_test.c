// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/shm/segment_test.c - what one process makes the other attaches to, and nothing else.
#include "proto/shm/segment.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct shm_limits_config limits = {
	.transports = 3, .tracks = 5, .subscriptions = 7, .workers = 2};

struct fixture {
	struct shm_view view;
	int fd;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->fd = shm_segment_create(&f->view, &limits, 42);
	if (f->fd < 0)
		return -1;
	f->view.header->public_port = 3478;
	f->view.header->internal_port_first = 40000;
	f->view.header->internal_port_last = 48191;
	f->view.header->wire_mtu = 1500;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	shm_segment_detach(&f->view);
	close(f->fd);
	free(f);
	return 0;
}

static void spans_lie_apart_and_inside(void **state)
{
	const struct shm_header *h = ((struct fixture *)*state)->view.header;
	uint64_t end = sizeof(*h);

	for (int i = 0; i < SHM_SPAN_COUNT; i++) {
		assert_int_equal(h->spans[i].offset % SHM_CACHE_LINE, 0);
		assert_true(h->spans[i].offset >= end);
		assert_true(h->spans[i].size > 0);
		end = h->spans[i].offset + h->spans[i].size;
	}
	assert_true(end <= h->segment_size);
	assert_true(h->segment_size == shm_segment_bytes(&limits));
	assert_true(h->spans[SHM_SPAN_TRACKS].size >= 5 * sizeof(struct shm_track_slot));
	assert_true(h->spans[SHM_SPAN_WORKERS].size >=
		    (SHM_WORKERS_MAX + 1) * sizeof(struct shm_worker_slot));
}

static void both_sides_see_the_same(void **state)
{
	struct fixture *f = *state;
	struct shm_view other;
	char why[256] = "";

	assert_int_equal(shm_segment_attach(&other, f->fd, why, sizeof(why)), 0);
	assert_ptr_not_equal(other.header, f->view.header);
	assert_int_equal(other.header->boot_id, 42);
	assert_int_equal(other.limits.subscriptions, 7);
	f->view.subscriptions[6].config.ssrc = 0xcafe;
	assert_int_equal(other.subscriptions[6].config.ssrc, 0xcafe);
	other.workers[SHM_WORKERS_MAX].stats.polls = 99;
	assert_int_equal(f->view.workers[SHM_WORKERS_MAX].stats.polls, 99);
	other.blobs[2].bytes[sizeof(other.blobs[2].bytes) - 1] = 7;
	assert_int_equal(f->view.blobs[2].bytes[sizeof(other.blobs[2].bytes) - 1], 7);
	shm_segment_detach(&other);
	shm_segment_detach(&other);
}

static void size_is_sealed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fcntl(f->fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_int_equal(ftruncate(f->fd, 4096), -1);
	assert_int_equal(errno, EPERM);
}

static void limits_out_of_range_make_nothing(void **state)
{
	static const struct shm_limits_config bad[] = {
		{0, 1, 1, 1},
		{1, 0, 1, 1},
		{1, 1, 0, 1},
		{1, 1, 1, 0},
		{SHM_TRANSPORTS_MAX + 1, 1, 1, 1},
		{1, SHM_TRACKS_MAX + 1, 1, 1},
		{1, 1, SHM_SUBSCRIPTIONS_MAX + 1, 1},
		{1, 1, 1, SHM_WORKERS_MAX + 1},
		{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
	};
	struct shm_view view;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(shm_segment_bytes(&bad[i]), 0);
		assert_int_equal(shm_segment_create(&view, &bad[i], 1), -EINVAL);
		assert_null(view.header);
	}
}

// Each lie about one field is refused with a sentence that holds 'word'.
static void lies_are_refused(void **state)
{
	struct fixture *f = *state;
	struct shm_header h;
	char why[256];

	memcpy(&h, f->view.header, sizeof(h));
	assert_int_equal(shm_header_check(&h, h.segment_size, why, sizeof(why)), 0);
#define LIE(field, value, word)                                                                    \
	do {                                                                                       \
		memcpy(&h, f->view.header, sizeof(h));                                             \
		h.field = (value);                                                                 \
		why[0] = 0;                                                                        \
		assert_int_equal(shm_header_check(&h, f->view.size, why, sizeof(why)), -EPROTO);   \
		assert_non_null(strstr(why, word));                                                \
	} while (0)
	LIE(magic, 0, "not Sluice's");
	LIE(abi_version, SHM_ABI_VERSION + 1, "ABI version");
	LIE(size_count, 0, "struct sizes");
	LIE(size_count, SHM_SIZES_MAX + 1, "struct sizes");
	LIE(sizes[1], h.sizes[1] + 8, "shm_command");
	LIE(limits.transports, 0, "transports");
	LIE(limits.transports, 4, "offset");
	LIE(limits.workers, UINT32_MAX, "workers");
	LIE(spans[SHM_SPAN_TRACKS].offset, UINT64_MAX, "tracks");
	LIE(spans[SHM_SPAN_TRACKS].offset, 0, "tracks");
	LIE(spans[SHM_SPAN_EVENTS].size, UINT64_MAX - 63, "events");
	LIE(segment_size, UINT64_MAX, "claims");
	LIE(segment_size, 0, "claims");
	LIE(public_port, 0, "public port");
	LIE(public_port, 40001, "public port");
	LIE(internal_port_first, 50000, "range");
#undef LIE
	memcpy(&h, f->view.header, sizeof(h));
	assert_int_equal(shm_header_check(&h, h.segment_size - 1, why, sizeof(why)), -EPROTO);
	assert_non_null(strstr(why, "truncated"));
}

static int file_of(const void *bytes, size_t size, unsigned seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void refuse_file(int fd, const char *word)
{
	struct shm_view view;
	char why[256] = "";

	assert_true(shm_segment_attach(&view, fd, why, sizeof(why)) < 0);
	assert_null(view.header);
	assert_non_null(strstr(why, word));
	close(fd);
}

static void files_that_are_no_segment(void **state)
{
	struct fixture *f = *state;
	size_t header = sizeof(struct shm_header);
	int pipes[2];

	refuse_file(file_of("", 0, F_SEAL_SHRINK), "truncated");
	refuse_file(file_of(f->view.header, header - 1, F_SEAL_SHRINK), "truncated");
	refuse_file(file_of(f->view.header, header, F_SEAL_SHRINK), "truncated");
	refuse_file(file_of(f->view.header, f->view.size - 1, F_SEAL_SHRINK), "truncated");
	// Its owner could shrink it under our feet.
	refuse_file(file_of(f->view.header, f->view.size, F_SEAL_GROW), "sealed");
	assert_int_equal(pipe(pipes), 0);
	close(pipes[1]);
	refuse_file(pipes[0], "not a memory file");
}

// Random changes: whatever still attaches has a view inside the mapping.
static void random_headers(void **state)
{
	struct fixture *f = *state;
	uint64_t rng = 0x9e3779b97f4a7c15;
	unsigned refused = 0;

	for (int i = 0; i < 20000; i++) {
		struct shm_header h;
		char why[256] = "";
		memcpy(&h, f->view.header, sizeof(h));
		for (int flips = 1 + i % 4; flips > 0; flips--) {
			rng ^= rng << 13, rng ^= rng >> 7, rng ^= rng << 17;
			((uint8_t *)&h)[rng % sizeof(h)] ^= (uint8_t)(1 << (rng >> 32) % 8);
		}
		if (shm_header_check(&h, f->view.size, why, sizeof(why)) != 0) {
			assert_true(strlen(why) > 10);
			refused++;
			continue;
		}
		assert_int_equal(shm_segment_bytes(&h.limits), f->view.size);
	}
	assert_true(refused > 1000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(spans_lie_apart_and_inside),
		T(both_sides_see_the_same),
		T(size_is_sealed),
		T(limits_out_of_range_make_nothing),
		T(lies_are_refused),
		T(files_that_are_no_segment),
		T(random_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
