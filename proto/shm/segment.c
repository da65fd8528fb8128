// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/segment.c - makes, maps and checks the shared segment.
//
// Place   the dataplane creates, the control plane attaches; both at start, never on a packet path.
// Owns    the mapping behind a view. Descriptors are the caller's.
#include "proto/shm/segment.h"
#include "proto/shm/sizes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert((SHM_COMMAND_SLOTS & (SHM_COMMAND_SLOTS - 1)) == 0, "rings mask their indices");
static_assert((SHM_EVENT_SLOTS & (SHM_EVENT_SLOTS - 1)) == 0, "rings mask their indices");
static_assert(offsetof(struct shm_header, abi_version) == 4, "readable by any version");

static const char *const span_names[SHM_SPAN_COUNT] = {
	[SHM_SPAN_COMMANDS] = "commands", [SHM_SPAN_ACKS] = "acks",
	[SHM_SPAN_EVENTS] = "events",	  [SHM_SPAN_TRANSPORTS] = "transports",
	[SHM_SPAN_TRACKS] = "tracks",	  [SHM_SPAN_SUBSCRIPTIONS] = "subscriptions",
	[SHM_SPAN_BLOBS] = "blobs",	  [SHM_SPAN_REPEATS] = "repeats",
	[SHM_SPAN_REVOKED] = "revoked",	  [SHM_SPAN_WORKERS] = "workers",
};

static bool limits_ok(const struct shm_limits_config *l)
{
	return l->transports >= 1 && l->transports <= SHM_TRANSPORTS_MAX && l->tracks >= 1 &&
	       l->tracks <= SHM_TRACKS_MAX && l->subscriptions >= 1 &&
	       l->subscriptions <= SHM_SUBSCRIPTIONS_MAX && l->workers >= 1 &&
	       l->workers <= SHM_WORKERS_MAX;
}

// Bytes of a span's content, before it is rounded up to whole cache lines.
static uint64_t span_bytes(const struct shm_limits_config *l, enum shm_span_id id)
{
	switch (id) {
	case SHM_SPAN_COMMANDS:
		return shm_ring_bytes(SHM_COMMAND_SLOTS);
	case SHM_SPAN_ACKS:
		return SHM_ACK_SLOTS * sizeof(struct shm_ack);
	case SHM_SPAN_EVENTS:
		return shm_ring_bytes(SHM_EVENT_SLOTS);
	case SHM_SPAN_TRANSPORTS:
		return (uint64_t)l->transports * sizeof(struct shm_transport_slot);
	case SHM_SPAN_TRACKS:
		return (uint64_t)l->tracks * sizeof(struct shm_track_slot);
	case SHM_SPAN_SUBSCRIPTIONS:
		return (uint64_t)l->subscriptions * sizeof(struct shm_subscription_slot);
	case SHM_SPAN_BLOBS:
		return (uint64_t)l->transports * sizeof(struct shm_blob);
	case SHM_SPAN_REPEATS:
		return sizeof(struct shm_repeats);
	case SHM_SPAN_REVOKED:
		return sizeof(struct shm_revoked);
	case SHM_SPAN_WORKERS:
		return (SHM_WORKERS_MAX + 1) * sizeof(struct shm_worker_slot);
	case SHM_SPAN_COUNT:
		break;
	}
	return 0;
}

static uint64_t whole_lines(uint64_t bytes)
{
	return (bytes + SHM_CACHE_LINE - 1) / SHM_CACHE_LINE * SHM_CACHE_LINE;
}

// Lays the spans out one after the other behind the header. Returns the bytes of the whole.
static uint64_t layout(const struct shm_limits_config *limits, struct shm_span *spans)
{
	uint64_t at = whole_lines(sizeof(struct shm_header));

	for (int id = 0; id < SHM_SPAN_COUNT; id++) {
		spans[id].offset = at;
		spans[id].size = whole_lines(span_bytes(limits, (enum shm_span_id)id));
		at += spans[id].size;
	}
	return at;
}

uint64_t shm_segment_bytes(const struct shm_limits_config *limits)
{
	struct shm_span spans[SHM_SPAN_COUNT];

	return limits_ok(limits) ? layout(limits, spans) : 0;
}

// The layout follows from the limits alone, so a span that lies anywhere else is a lie.
static int spans_check(const struct shm_header *h, char *why, size_t why_size)
{
	struct shm_span want[SHM_SPAN_COUNT];
	uint64_t bytes = layout(&h->limits, want);

	for (int id = 0; id < SHM_SPAN_COUNT; id++) {
		if (h->spans[id].offset == want[id].offset && h->spans[id].size == want[id].size)
			continue;
		snprintf(why, why_size,
			 "the segment has its %s at offset %" PRIu64 " with %" PRIu64
			 " bytes; its limits put them at %" PRIu64 " with %" PRIu64
			 ": start the dataplane again",
			 span_names[id], h->spans[id].offset, h->spans[id].size, want[id].offset,
			 want[id].size);
		return -EPROTO;
	}
	if (h->segment_size != bytes) {
		snprintf(why, why_size,
			 "the segment claims %" PRIu64 " bytes; its limits need %" PRIu64
			 ": start the dataplane again",
			 h->segment_size, bytes);
		return -EPROTO;
	}
	return 0;
}

static int identity_check(const struct shm_header *h, char *why, size_t why_size)
{
	uint32_t magic = atomic_load_explicit(&h->magic, memory_order_relaxed);

	if (magic != SHM_MAGIC) {
		snprintf(why, why_size,
			 "the segment begins with 0x%08" PRIx32 " instead of 0x%08" PRIx32
			 ": it is not Sluice's or not finished yet",
			 magic, SHM_MAGIC);
		return -EPROTO;
	}
	if (h->abi_version != SHM_ABI_VERSION) {
		snprintf(why, why_size,
			 "the segment has ABI version %" PRIu32 " and this program %d: run both "
			 "processes from one build",
			 h->abi_version, (int)SHM_ABI_VERSION);
		return -EPROTO;
	}
	return 0;
}

static int ports_check(const struct shm_header *h, char *why, size_t why_size)
{
	bool plain_ok =
		h->plain_port_first <= h->plain_port_last &&
		(h->plain_port_last < h->internal_port_first ||
		 h->plain_port_first > h->internal_port_last) &&
		(h->public_port < h->plain_port_first || h->public_port > h->plain_port_last);

	if (h->public_port != 0 && h->internal_port_first != 0 &&
	    h->internal_port_first <= h->internal_port_last &&
	    (h->public_port < h->internal_port_first || h->public_port > h->internal_port_last) &&
	    plain_ok)
		return 0;
	snprintf(why, why_size,
		 "the segment has public port %u, internal ports %u to %u and plain ports %u to "
		 "%u: ports start at 1, a range does not run backwards, and neither the public "
		 "port nor another range lies in it",
		 h->public_port, h->internal_port_first, h->internal_port_last, h->plain_port_first,
		 h->plain_port_last);
	return -EPROTO;
}

int shm_header_check(const struct shm_header *copy, uint64_t mapped_size, char *why,
		     size_t why_size)
{
	if (identity_check(copy, why, why_size) != 0 ||
	    shm_sizes_check("the segment", copy->sizes, copy->size_count, why, why_size) != 0)
		return -EPROTO;
	if (!limits_ok(&copy->limits)) {
		snprintf(why, why_size,
			 "the segment's limits (%" PRIu32 " transports, %" PRIu32
			 " tracks, %" PRIu32 " subscriptions, %" PRIu32
			 " workers) are outside 1..%d, 1..%d, 1..%d, 1..%d",
			 copy->limits.transports, copy->limits.tracks, copy->limits.subscriptions,
			 copy->limits.workers, SHM_TRANSPORTS_MAX, SHM_TRACKS_MAX,
			 SHM_SUBSCRIPTIONS_MAX, SHM_WORKERS_MAX);
		return -EPROTO;
	}
	if (spans_check(copy, why, why_size) != 0)
		return -EPROTO;
	if (mapped_size < copy->segment_size) {
		snprintf(why, why_size,
			 "the segment is truncated: %" PRIu64 " bytes of %" PRIu64
			 ": start the dataplane again",
			 mapped_size, copy->segment_size);
		return -EPROTO;
	}
	return ports_check(copy, why, why_size);
}

static void view_fill(struct shm_view *view, void *base, size_t size,
		      const struct shm_limits_config *limits)
{
	struct shm_span spans[SHM_SPAN_COUNT];
	uint8_t *at = base;

	layout(limits, spans);
	*view = (struct shm_view){
		.header = base,
		.size = size,
		.limits = *limits,
		.commands = (void *)(at + spans[SHM_SPAN_COMMANDS].offset),
		.acks = (void *)(at + spans[SHM_SPAN_ACKS].offset),
		.events = (void *)(at + spans[SHM_SPAN_EVENTS].offset),
		.transports = (void *)(at + spans[SHM_SPAN_TRANSPORTS].offset),
		.tracks = (void *)(at + spans[SHM_SPAN_TRACKS].offset),
		.subscriptions = (void *)(at + spans[SHM_SPAN_SUBSCRIPTIONS].offset),
		.blobs = (void *)(at + spans[SHM_SPAN_BLOBS].offset),
		.repeats = (void *)(at + spans[SHM_SPAN_REPEATS].offset),
		.revoked = (void *)(at + spans[SHM_SPAN_REVOKED].offset),
		.workers = (void *)(at + spans[SHM_SPAN_WORKERS].offset),
	};
}

static void header_write(struct shm_header *h, const struct shm_limits_config *limits,
			 uint64_t boot_id)
{
	h->abi_version = SHM_ABI_VERSION;
	h->segment_size = layout(limits, h->spans);
	h->boot_id = boot_id;
	h->limits = *limits;
	h->size_count = shm_sizes_fill(h->sizes);
	// Pairs with the load in header_copy(): whoever sees the magic sees all of the above.
	atomic_store_explicit(&h->magic, SHM_MAGIC, memory_order_release);
}

// An anonymous file of this size that nobody can resize any more: a shrunken one would be a
// SIGBUS in the other process.
static int sealed_file(uint64_t bytes)
{
	int fd = memfd_create("sluice", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static void *map(int fd, size_t size)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (base == MAP_FAILED)
		return base;
	// Keys and passwords lie in it.
	madvise(base, size, MADV_DONTDUMP);
	return base;
}

int shm_segment_create(struct shm_view *view, const struct shm_limits_config *limits,
		       uint64_t boot_id)
{
	uint64_t bytes = shm_segment_bytes(limits);

	*view = (struct shm_view){0};
	if (bytes == 0)
		return -EINVAL;
	int fd = sealed_file(bytes);
	if (fd < 0)
		return fd;
	void *base = map(fd, bytes);
	// All of it now: a page taken later is a fault on the packet path, or memory that is not
	// there.
	if (base == MAP_FAILED ||
	    (madvise(base, bytes, MADV_POPULATE_WRITE) != 0 && errno != EINVAL)) {
		int err = -errno;
		if (base != MAP_FAILED)
			munmap(base, bytes);
		close(fd);
		return err;
	}
	header_write(base, limits, boot_id);
	view_fill(view, base, bytes, limits);
	return fd;
}

// Copies the constant part of a mapped header; its magic first, with acquire.
static void header_copy(struct shm_header *copy, struct shm_header *shared)
{
	uint32_t magic = atomic_load_explicit(&shared->magic, memory_order_acquire);

	memcpy(copy, shared, sizeof(*copy));
	atomic_store_explicit(&copy->magic, magic, memory_order_relaxed);
}

// Bytes of the file if it can be mapped and will stay as long as it is, else 0 with a sentence.
static size_t file_bytes(int fd, char *why, size_t why_size)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (fstat(fd, &st) != 0 || seals < 0) {
		snprintf(why, why_size, "the descriptor received is not a memory file: %s",
			 strerror(errno));
		return 0;
	}
	if ((seals & F_SEAL_SHRINK) == 0) {
		snprintf(why, why_size,
			 "the segment is not sealed against shrinking: whoever made "
			 "it is not Sluice's dataplane");
		return 0;
	}
	if (st.st_size < (off_t)sizeof(struct shm_header)) {
		snprintf(why, why_size,
			 "the segment is truncated: %lld bytes, less than its header of %zu",
			 (long long)st.st_size, sizeof(struct shm_header));
		return 0;
	}
	return (size_t)st.st_size;
}

int shm_segment_attach(struct shm_view *view, int fd, char *why, size_t why_size)
{
	*view = (struct shm_view){0};
	size_t size = file_bytes(fd, why, why_size);
	if (size == 0)
		return -EPROTO;
	void *base = map(fd, size);
	if (base == MAP_FAILED) {
		int err = -errno;
		snprintf(why, why_size, "the segment of %zu bytes cannot be mapped: %s", size,
			 strerror(errno));
		return err;
	}
	struct shm_header copy;
	header_copy(&copy, base);
	int err = shm_header_check(&copy, size, why, why_size);
	if (err != 0) {
		munmap(base, size);
		return err;
	}
	view_fill(view, base, size, &copy.limits);
	return 0;
}

void shm_segment_detach(struct shm_view *view)
{
	if (view->header != NULL)
		munmap(view->header, view->size);
	*view = (struct shm_view){0};
}
