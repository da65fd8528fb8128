// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/dataplane/record_fuzz.c - records as another process may have left them: what the
// check accepts, the dataplane can index and copy by.
//
// Input    first byte: which record; then 4 bytes each: offset (little endian), operation, value,
//          patched into zeroes. Seeds are made of whole right records so.
#undef NDEBUG
#include "dataplane/link/record_check.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void patch(void *record, size_t record_size, const uint8_t *data, size_t size)
{
	for (; size >= 4; data += 4, size -= 4) {
		uint8_t *at = (uint8_t *)record + (data[0] | data[1] << 8) % record_size;
		*at = data[2] % 2 == 0 ? data[3] : *at ^ data[3];
	}
}

static void credentials(const struct shm_credentials *c)
{
	assert(c->local_ufrag_size <= sizeof(c->local_ufrag));
	assert(c->local_pwd_size <= sizeof(c->local_pwd));
	assert(c->remote_ufrag_size <= sizeof(c->remote_ufrag));
	assert(c->remote_pwd_size <= sizeof(c->remote_pwd));
}

static void transport(const uint8_t *data, size_t size)
{
	struct shm_transport_config c = {
		.internal_port = 40000,
		.rtcp_ssrc = 1,
		.credentials = {{.local_ufrag_size = 8, .local_pwd_size = 24}},
	};

	patch(&c, sizeof(c), data, size);
	if (!record_transport_ok(&c, 40000, 48191))
		return;
	assert(c.internal_port >= 40000 && c.internal_port <= 48191);
	credentials(&c.credentials[0]);
	if (c.credentials[1].local_ufrag_size != 0)
		credentials(&c.credentials[1]);
	if ((c.flags & SHM_TRANSPORT_ESTABLISHED) != 0)
		assert(c.suite != SHM_SUITE_NONE &&
		       c.selected_remote.family == c.selected_local.family);
}

static void track(const uint8_t *data, size_t size)
{
	struct shm_track_config c = {
		.kind = SHM_KIND_VIDEO,
		.codec_count = 1,
		.encoding_count = 1,
		.codecs = {{.pt = 96, .codec = SHM_CODEC_VP8, .clock_rate = 90000}},
		.encodings = {{.ssrc = 1}},
	};

	patch(&c, sizeof(c), data, size);
	if (!record_track_ok(&c))
		return;
	assert(c.codec_count >= 1 && c.codec_count <= SHM_CODECS_MAX);
	assert(c.encoding_count >= 1 && c.encoding_count <= SHM_ENCODINGS_MAX);
	for (unsigned i = 0; i < c.codec_count; i++)
		assert(c.codecs[i].pt < 128 && c.codecs[i].clock_rate != 0 &&
		       c.codecs[i].codec < SHM_CODEC_COUNT);
}

static void subscription(const uint8_t *data, size_t size)
{
	struct shm_subscription_config c = {.ssrc = 1, .pt_count = 1, .pts = {{96, 100}}};

	patch(&c, sizeof(c), data, size);
	if (!record_subscription_ok(&c))
		return;
	assert(c.ssrc != 0 && c.pt_count <= SHM_CODECS_MAX && c.sequence_start < 0x8000);
	for (unsigned i = 0; i < c.pt_count; i++)
		assert(c.pts[i].from < 128 && c.pts[i].to < 128);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 3 == 0)
		transport(data + 1, size - 1);
	else if (data[0] % 3 == 1)
		track(data + 1, size - 1);
	else
		subscription(data + 1, size - 1);
	return 0;
}
