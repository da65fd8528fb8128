// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/grpc_text.c - see grpc_text.h.
#include "controlplane/rpc/grpc_text.h"

#include <errno.h>
#include <string.h>

enum { GRPC_TIMEOUT_DIGITS_MAX = 8 };

// Nanoseconds of one unit; 0 for a letter that is none.
static int64_t grpc_timeout_unit_ns(char unit)
{
	switch (unit) {
	case 'H':
		return INT64_C(3600000000000);
	case 'M':
		return INT64_C(60000000000);
	case 'S':
		return INT64_C(1000000000);
	case 'm':
		return 1000000;
	case 'u':
		return 1000;
	case 'n':
		return 1;
	default:
		return 0;
	}
}

bool grpc_timeout_parse(const char *text, int64_t *us)
{
	size_t digits = strspn(text, "0123456789");
	int64_t value = 0;
	int64_t unit;

	if (digits < 1 || digits > GRPC_TIMEOUT_DIGITS_MAX || strlen(text) != digits + 1)
		return false;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (text[i] - '0');
	unit = grpc_timeout_unit_ns(text[digits]);
	// 99999999 hours fit in microseconds, not in nanoseconds.
	*us = unit >= 1000 ? value * (unit / 1000) : value * unit / 1000;
	return unit != 0;
}

char *grpc_message_encode(const char *text, size_t max)
{
	size_t size = strlen(text);
	GString *out = g_string_sized_new(MIN(size, max) + 16);

	if (size > max)
		for (size = max; size > 0 && ((uint8_t)text[size] & 0xc0) == 0x80; size--)
			;
	for (size_t i = 0; i < size; i++) {
		uint8_t c = (uint8_t)text[i];

		if (c >= 0x20 && c <= 0x7e && c != '%')
			g_string_append_c(out, (char)c);
		else
			g_string_append_printf(out, "%%%02X", c);
	}
	return g_string_free(out, FALSE);
}

static int grpc_base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

static bool grpc_base64_take(struct grpc_base64 *b, uint8_t c)
{
	int value = grpc_base64_value(c);

	if (c == '=' && b->have >= 2) {
		b->padding++;
		value = 0;
	} else if (value < 0 || b->padding > 0) {
		return false;
	}
	b->bits = b->bits << 6 | (uint32_t)value;
	b->have++;
	return true;
}

long grpc_base64_decode(struct grpc_base64 *b, const uint8_t *bytes, size_t byte_count,
			uint8_t *out)
{
	long done = 0;

	for (size_t i = 0; i < byte_count; i++) {
		if (!grpc_base64_take(b, bytes[i]))
			return -EINVAL;
		if (b->have < 4)
			continue;
		for (unsigned k = 0; k < 3 - b->padding; k++)
			out[done++] = (uint8_t)(b->bits >> (16 - 8 * k));
		*b = (struct grpc_base64){0};
	}
	return done;
}

GBytes *grpc_binary_next(const char **at)
{
	static const uint8_t padding[] = "==";
	const char *comma = strchr(*at, ',');
	char *text = g_strndup(*at, comma != NULL ? (size_t)(comma - *at) : strlen(*at));
	size_t size = strlen(g_strstrip(text));
	size_t digits = strcspn(text, "=");
	uint8_t *bytes = g_malloc((size + 3) / 4 * 3 + 1);
	struct grpc_base64 b = {0};
	GBytes *value = NULL;

	*at = comma != NULL ? comma + 1 : NULL;
	long done = grpc_base64_decode(&b, (const uint8_t *)text, digits, bytes);
	size_t missing = (4 - digits % 4) % 4;
	// Padding is left out, or there is as much as a group lacks; never three characters of it.
	bool ok = done >= 0 && missing < 3 && (size == digits || size - digits == missing) &&
		  strspn(text + digits, "=") == size - digits;
	if (ok) {
		done += grpc_base64_decode(&b, padding, missing, bytes + done);
		value = g_bytes_new(bytes, (gsize)done);
	}
	g_free(bytes);
	g_free(text);
	return value;
}
