// SPDX-License-Identifier: Apache-2.0
// tests/fuzz/rpc/h1_head_fuzz.c - any bytes as a head of HTTP/1.1: what is let pass has but one
// reading.
#include <glib.h>
#include <string.h>

#include "controlplane/rpc/h1_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *head = (const char *)data;
	size_t head_size = h1_head_size(head, size);
	struct h1_framing framing = {0};

	g_assert(head_size <= size);
	if (head_size == 0 || h1_head_check(head, head_size, &framing) != 0)
		return 0;
	g_assert(!framing.chunked || framing.body_bytes == 0);
	for (size_t i = 0; i < head_size; i++) {
		g_assert(data[i] != 0);
		g_assert(data[i] != '\n' || (i > 0 && data[i - 1] == '\r'));
		g_assert(data[i] != '\r' || data[i + 1] == '\n');
		g_assert(i < 2 || data[i - 1] != '\n' || (data[i] != ' ' && data[i] != '\t'));
	}
	return 0;
}
