// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/rtc/codec_fuzz.c - payloads through keyframe detection; the first byte chooses the
// codec. The payload is copied so that it ends where its heap block ends, whatever stands in front
// of it.
#undef NDEBUG
#include "proto/rtc/codec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	uint8_t *payload = malloc(size - 1);
	assert(payload != NULL);
	memcpy(payload, data + 1, size - 1);
	enum codec codec = (enum codec)(data[0] % CODEC_COUNT);
	bool whole = codec_keyframe_starts(codec, payload, size - 1);
	assert(whole == codec_keyframe_starts(codec, payload, size - 1));
	assert(codec != CODEC_NONE || !whole);
	free(payload);
	return 0;
}
