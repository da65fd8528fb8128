// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/shm/header_fuzz.c - shm_header_check() on patched headers.
//
// Input    4 bytes each: offset (little endian), operation, value. They patch a right header, so
//          that seeds outlive layout changes and the fuzzer starts behind the magic.
#include "proto/shm/segment.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct shm_header *right_header(void)
{
	static const struct shm_limits_config limits = {2, 3, 4, 1};
	static struct shm_view view;

	if (view.header == NULL) {
		int fd = shm_segment_create(&view, &limits, 1);
		if (fd < 0)
			abort();
		close(fd);
		view.header->public_port = 3478;
		view.header->internal_port_first = 40000;
		view.header->internal_port_last = 48191;
	}
	return view.header;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct shm_header h;
	char why[160] = "";

	memcpy(&h, right_header(), sizeof(h));
	uint64_t mapped = h.segment_size;
	for (; size >= 4; data += 4, size -= 4) {
		uint8_t *at = (uint8_t *)&h + (data[0] | data[1] << 8) % sizeof(h);
		*at = data[2] % 2 == 0 ? data[3] : *at ^ data[3];
	}
	if (shm_header_check(&h, mapped, why, sizeof(why)) == 0) {
		// What is accepted fits the mapping.
		if (h.segment_size > mapped || shm_segment_bytes(&h.limits) != h.segment_size)
			abort();
	} else if (why[0] == 0 || memchr(why, 0, sizeof(why)) == NULL) {
		abort();
	}
	return 0;
}
