// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/h1_head.c - see h1_head.h.
#include "controlplane/rpc/h1_head.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

enum { H1_LENGTH_DIGITS_MAX = 18, H1_BAD = 400, H1_NOT_IMPLEMENTED = 501 };

static const char h1_token[] = "!#$%&'*+-.^_`|~0123456789"
			       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

// What may come once, or excludes the other.
struct h1_seen {
	struct h1_framing framing;
	unsigned lengths, codings, hosts;
};

size_t h1_head_size(const char *bytes, size_t byte_count)
{
	const char *end = memmem(bytes, byte_count, "\r\n\r\n", 4);

	return end != NULL ? (size_t)(end - bytes) + 4 : 0;
}

// No control character but tabs; every line break is CR LF.
static bool h1_bytes_ok(const char *head, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)head[i];

		if (c == '\r'	? head[i + 1] != '\n'
		    : c == '\n' ? i == 0 || head[i - 1] != '\r'
				: (c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

// "POST /path HTTP/1.1"
static bool h1_request_line_ok(char *const *lines)
{
	char **words = g_strsplit(lines[0], " ", 4);
	bool ok = g_strv_length(words) == 3 && words[0][0] != '\0' &&
		  words[0][strspn(words[0], h1_token)] == '\0' && words[1][0] != '\0' &&
		  (g_str_equal(words[2], "HTTP/1.1") || g_str_equal(words[2], "HTTP/1.0"));

	g_strfreev(words);
	return ok;
}

static unsigned h1_value_check(const char *name, const char *value, struct h1_seen *seen)
{
	if (g_ascii_strcasecmp(name, "connection") == 0) {
		seen->framing.last = seen->framing.last || g_ascii_strcasecmp(value, "close") == 0;
	} else if (g_ascii_strcasecmp(name, "host") == 0) {
		seen->hosts++;
	} else if (g_ascii_strcasecmp(name, "content-length") == 0) {
		seen->lengths++;
		if (value[0] == '\0' || value[strspn(value, "0123456789")] != '\0' ||
		    strlen(value) > H1_LENGTH_DIGITS_MAX)
			return H1_BAD;
		seen->framing.body_bytes = g_ascii_strtoull(value, NULL, 10);
	} else if (g_ascii_strcasecmp(name, "transfer-encoding") == 0) {
		seen->codings++;
		seen->framing.chunked = true;
		if (g_ascii_strcasecmp(value, "chunked") != 0)
			return H1_NOT_IMPLEMENTED;
	}
	return 0;
}

// "name: value"; a blank before the colon or the name is what RFC 9112 5.1 and 5.2 have refused.
static unsigned h1_field_check(char *line, struct h1_seen *seen)
{
	size_t size = strspn(line, h1_token);

	if (size == 0 || line[size] != ':')
		return H1_BAD;
	line[size] = '\0';
	return h1_value_check(line, g_strstrip(line + size + 1), seen);
}

unsigned h1_head_check(const char *head, size_t size, struct h1_framing *framing)
{
	struct h1_seen seen = {0};
	unsigned status = H1_BAD;
	char *text, **lines;

	if (!h1_bytes_ok(head, size))
		return H1_BAD;
	text = g_strndup(head, size - 4);
	lines = g_strsplit(text, "\r\n", -1);
	if (lines[0] != NULL && h1_request_line_ok(lines)) {
		status = 0;
		seen.framing.last = g_str_has_suffix(lines[0], "0");
		for (size_t i = 1; status == 0 && lines[i] != NULL; i++)
			status = h1_field_check(lines[i], &seen);
	}
	g_strfreev(lines);
	g_free(text);
	if (status == 0 && (seen.lengths + seen.codings > 1 || seen.hosts > 1))
		return H1_BAD;
	*framing = seen.framing;
	return status;
}
