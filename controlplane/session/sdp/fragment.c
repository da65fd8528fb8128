// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/fragment.c - trickle-ice-sdpfrag in and out, see fragment.h.
//
// Place    beside description.c: a fragment is no session description, so GstSDP does not take it.
// Thread   any.
// Owns     what it gives.
// Spec     RFC 8840 9.2 (a=, m= lines only; the pseudo m-line's mid follows it).
#include "controlplane/session/sdp/fragment.h"

#include "controlplane/session/sdp/text_bounds.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

struct reader {
	struct sdp_fragment *fragment;
	char *reason;
	char *ufrag; // the first of each; repeats have to be the same
	char *pwd;
};

static int refuse(struct reader *r, const char *text, const char *line)
{
	snprintf(r->reason, SDP_REASON_SIZE, "%s: \"%.60s\"", text, line);
	return -EINVAL;
}

// All m-lines are in one BUNDLE, so they say the same.
static int take_once(struct reader *r, char **to, const char *value, const char *line)
{
	if (*to == NULL)
		*to = g_strdup(value);
	return strcmp(*to, value) == 0
		       ? 0
		       : refuse(r, "the fragment has two ICE generations; send one", line);
}

static void take_candidate(struct sdp_fragment *f, const char *line)
{
	if (f->candidate_count == SDP_CANDIDATES_MAX)
		return;
	f->candidates = g_renew(char *, f->candidates, f->candidate_count + 1);
	f->candidates[f->candidate_count++] = g_strdup(line + 2);
}

static int take_line(struct reader *r, const char *line)
{
	if (g_str_has_prefix(line, "a=candidate:"))
		take_candidate(r->fragment, line);
	else if (g_str_has_prefix(line, "a=ice-ufrag:"))
		return take_once(r, &r->ufrag, line + strlen("a=ice-ufrag:"), line);
	else if (g_str_has_prefix(line, "a=ice-pwd:"))
		return take_once(r, &r->pwd, line + strlen("a=ice-pwd:"), "a=ice-pwd:...");
	else if (strcmp(line, "a=end-of-candidates") == 0)
		r->fragment->end_of_candidates = true;
	else if (line[0] != 'a' && line[0] != 'm')
		return refuse(r, "not a line of a fragment; send a= and m= lines only", line);
	return 0;
}

static int finish(struct reader *r)
{
	struct sdp_fragment *f = r->fragment;

	if ((r->ufrag == NULL) != (r->pwd == NULL))
		return refuse(r, "a=ice-ufrag and a=ice-pwd go together; send both",
			      r->ufrag == NULL ? "a=ice-pwd:..." : "a=ice-ufrag:...");
	if (r->ufrag != NULL && ice_credentials_set(&f->ice, r->ufrag, r->pwd) != 0)
		return refuse(r,
			      "a=ice-ufrag or a=ice-pwd is malformed; use 4 to 256 and 22 to 256 "
			      "letters, digits, + and /",
			      r->ufrag);
	f->has_ice = r->ufrag != NULL;
	if (f->has_ice || f->candidate_count > 0 || f->end_of_candidates)
		return 0;
	snprintf(r->reason, SDP_REASON_SIZE,
		 "the fragment says nothing; send a=candidate, a=end-of-candidates, or a=ice-ufrag "
		 "and a=ice-pwd");
	return -EINVAL;
}

static int read_lines(struct reader *r, const char *text, size_t size)
{
	char *copy = g_strndup(text, size);
	char **lines = g_strsplit_set(copy, "\r\n", -1);
	int err = 0;

	for (char **line = lines; err == 0 && *line != NULL; line++)
		err = (*line)[0] == '\0' ? 0 : take_line(r, *line);
	if (err == 0)
		err = finish(r);
	g_strfreev(lines);
	g_free(copy);
	return err;
}

int sdp_fragment_parse(const char *text, size_t size, char reason[SDP_REASON_SIZE],
		       struct sdp_fragment **out)
{
	struct reader r = {.reason = reason};
	int err;

	*out = NULL;
	if (size > SDP_FRAGMENT_BYTES_MAX) {
		snprintf(reason, SDP_REASON_SIZE, "%zu bytes, at most %d are taken; send less",
			 size, SDP_FRAGMENT_BYTES_MAX);
		return -E2BIG;
	}
	err = sdp_text_check_lines(text, size, reason);
	if (err != 0)
		return err;
	r.fragment = g_new0(struct sdp_fragment, 1);
	err = read_lines(&r, text, size);
	g_free(r.ufrag);
	g_free(r.pwd);
	if (err != 0)
		sdp_fragment_destroy(&r.fragment);
	*out = r.fragment;
	return err;
}

void sdp_fragment_destroy(struct sdp_fragment **fragment)
{
	struct sdp_fragment *f = *fragment;

	*fragment = NULL;
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->candidate_count; i++)
		g_free(f->candidates[i]);
	g_free(f->candidates);
	ice_credentials_wipe(&f->ice);
	g_free(f);
}

char *sdp_fragment_answer(const struct sdp_local *local, const char *line, const char *mid)
{
	GString *s = g_string_new(NULL);

	if (local->ice_lite)
		g_string_append(s, "a=ice-lite\r\n");
	g_string_append_printf(s, "a=ice-options:trickle\r\nm=%s\r\na=mid:%s\r\n", line, mid);
	g_string_append_printf(s, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", local->ice.ufrag,
			       local->ice.pwd);
	for (size_t i = 0; i < local->candidate_count; i++)
		g_string_append_printf(s, "a=%s\r\n", local->candidates[i]);
	g_string_append(s, "a=end-of-candidates\r\n");
	return g_string_free(s, FALSE);
}
