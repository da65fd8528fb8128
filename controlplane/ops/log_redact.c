// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/log_redact.c - see log_redact.h.
#include "controlplane/ops/log_redact.h"

#include <gio/gio.h>
#include <stdbool.h>
#include <string.h>

static const char address_bytes[] = "0123456789abcdefABCDEF.:";

static bool is_address(const char *word, size_t size)
{
	char text[64];

	if (size >= sizeof(text) || strcspn(word, "0123456789") >= size)
		return false;
	memcpy(text, word, size);
	text[size] = '\0';
	return g_hostname_is_ip_address(text);
}

// How many of the word's bytes are an address: all, all but what ends a sentence, or all but a
// port.
static size_t address_size(const char *word, size_t size)
{
	const char *colon;

	while (size > 0 && (word[size - 1] == '.' || word[size - 1] == ':') &&
	       !is_address(word, size))
		size--;
	if (is_address(word, size))
		return size;
	colon = memrchr(word, ':', size);
	return colon != NULL && is_address(word, (size_t)(colon - word)) ? (size_t)(colon - word)
									 : 0;
}

char *log_redact(const char *text)
{
	GString *out = g_string_new(NULL);

	for (const char *at = text; *at != '\0';) {
		size_t size = strspn(at, address_bytes);
		bool begins = at == text || !(g_ascii_isalnum(at[-1]) || at[-1] == '_');
		size_t address = begins ? address_size(at, size) : 0;

		if (address > 0)
			g_string_append(out, LOG_REDACTED);
		else
			g_string_append_len(out, at, size > 0 ? (gssize)size : 1);
		at += address > 0 ? address : MAX(size, 1);
	}
	return g_string_free(out, FALSE);
}
