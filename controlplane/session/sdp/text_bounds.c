// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/text_bounds.c - cheap bounds on SDP text, see text_bounds.h.
//
// Place    before GstSDP, which takes lines of any length, any number of them and any byte.
// Thread   any.
// Owns     nothing.
#include "controlplane/session/sdp/text_bounds.h"

#include "controlplane/session/sdp/description.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

struct counts {
	unsigned line; // from 1
	unsigned section_lines;
	unsigned media;
};

static int refuse_size(char *reason, const char *what, size_t have, size_t most)
{
	snprintf(reason, SDP_REASON_SIZE, "%s: %zu, at most %zu are taken; offer less at once",
		 what, have, most);
	return -E2BIG;
}

static int check_characters(const char *text, size_t size, char *reason)
{
	const char *end;

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\r' && c != '\n' && c != '\t') || c == 0x7f) {
			snprintf(reason, SDP_REASON_SIZE,
				 "byte 0x%02x at offset %zu: SDP is text without control "
				 "characters; send the description as the browser made it",
				 c, i);
			return -EINVAL;
		}
	}
	if (g_utf8_validate(text, (gssize)size, &end))
		return 0;
	snprintf(reason, SDP_REASON_SIZE, "the byte at offset %td is not UTF-8; SDP is UTF-8 text",
		 end - text);
	return -EINVAL;
}

static int check_line(const char *line, size_t len, struct counts *n, char *reason)
{
	if (len > SDP_LINE_LEN_MAX) {
		char what[48];

		snprintf(what, sizeof(what), "bytes in line %u", n->line);
		return refuse_size(reason, what, len, SDP_LINE_LEN_MAX);
	}
	if (len < 2 || line[1] != '=' || !g_ascii_isalpha(line[0])) {
		snprintf(reason, SDP_REASON_SIZE,
			 "line %u is not of the form <letter>=<value>; send SDP text", n->line);
		return -EINVAL;
	}
	if (line[0] == 'm') {
		n->media++;
		n->section_lines = 0;
		if (n->media > SDP_MEDIA_MAX)
			return refuse_size(reason, "m-lines", n->media, SDP_MEDIA_MAX);
	}
	n->section_lines++;
	if (n->section_lines > SDP_SECTION_LINES_MAX)
		return refuse_size(reason, "lines in one m-line's section", n->section_lines,
				   SDP_SECTION_LINES_MAX);
	return 0;
}

static int check_lines(const char *text, size_t size, char *reason)
{
	struct counts n = {0};
	const char *at = text, *end = text + size;

	while (at < end) {
		size_t len = 0;
		int err;

		while (at + len < end && at[len] != '\n' && at[len] != '\r')
			len++;
		n.line++;
		err = len == 0 ? 0 : check_line(at, len, &n, reason);
		if (err != 0)
			return err;
		at += len;
		at += at + 1 < end && at[0] == '\r' && at[1] == '\n' ? 2 : 1;
	}
	return 0;
}

int sdp_text_check_lines(const char *text, size_t size, char *reason)
{
	int err = check_lines(text, size, reason);

	return err != 0 ? err : check_characters(text, size, reason);
}

int sdp_text_check(const char *text, size_t size, char *reason)
{
	if (size > SDP_TEXT_BYTES_MAX)
		return refuse_size(reason, "bytes of SDP", size, SDP_TEXT_BYTES_MAX);
	if (size < 3 || memcmp(text, "v=0", 3) != 0) {
		snprintf(reason, SDP_REASON_SIZE,
			 "the text does not begin with v=0; send a session description");
		return -EINVAL;
	}
	return sdp_text_check_lines(text, size, reason);
}
