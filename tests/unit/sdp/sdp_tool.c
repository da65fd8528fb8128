// SPDX-License-Identifier: Apache-2.0
// tests/unit/sdp/sdp_tool.c - the SDP code behind a pipe, so that a browser can talk to it.
//
// Place    started by chromium_test.mjs. Each request is a line "<command> <number> <bytes>" and
//          that many bytes; each response is a line "<status> <bytes>" and that many.
// Commands publish: an offer -> our answer. add N: track N of the newest offer gets a line.
//          remove N: of line N. offer N: our offer, version N. take: its answer -> the lines.
#include "controlplane/session/sdp/negotiate.h"
#include "controlplane/session/sdp/offer.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tool {
	struct sdp_publication *publication;
	struct sdp_subscriber *subscriber;
	struct sdp_local local;
	uint32_t ssrc_next;
};

static const char *const candidates[] = {
	"candidate:1 1 udp 2130706431 192.0.2.1 7000 typ host",
	"candidate:2 1 udp 2130706175 2001:db8::1 7000 typ host",
};

static void say(int status, const char *text)
{
	printf("%d %zu\n%s", status, strlen(text), text);
	fflush(stdout);
}

static void publish(struct tool *t, const char *text, size_t size)
{
	char reason[SDP_REASON_SIZE] = "";
	char *answer;
	int err;

	sdp_publication_destroy(&t->publication);
	err = sdp_publication_read(text, size, NULL, reason, &t->publication);
	if (err != 0) {
		say(err, reason);
		return;
	}
	answer = sdp_publication_answer(t->publication, &t->local);
	say(0, answer);
	g_free(answer);
}

static void add(struct tool *t, unsigned track, const char *participant)
{
	char id[32], stream[32];
	struct sdp_source source = {.stream_id = stream,
				    .track_id = id,
				    .cname = "sluice",
				    .ssrc = t->ssrc_next++,
				    .track = &t->publication->tracks[track]};

	snprintf(stream, sizeof(stream), "%s", participant);
	snprintf(id, sizeof(id), "track-%u", source.ssrc);
	say(sdp_subscriber_add(t->subscriber, &source), id);
}

static void offer(struct tool *t, unsigned version)
{
	char *text;

	t->local.session_version = version;
	text = sdp_subscriber_offer(t->subscriber, &t->local);
	say(text == NULL ? -1 : 0, text == NULL ? "" : text);
	g_free(text);
}

static void take(struct tool *t, const char *text, size_t size)
{
	char reason[SDP_REASON_SIZE] = "";
	struct sdp_subscriber_answer answer;
	GString *lines = g_string_new(NULL);
	int err = sdp_subscriber_take_answer(t->subscriber, text, size, reason, &answer);

	for (size_t i = 0; err == 0 && i < sdp_subscriber_line_count(t->subscriber); i++) {
		const struct sdp_line *l = sdp_subscriber_line(t->subscriber, (int)i);

		g_string_append_printf(lines, "%s %d pts=%zu feedback=%u", l->mid, (int)l->state,
				       l->pt_count, l->feedback);
		for (unsigned k = 0; k < RTP_EXT_COUNT; k++)
			g_string_append_printf(lines, "%s%u", k == 0 ? " ext=" : ",", l->ext.id[k]);
		g_string_append_c(lines, '\n');
	}
	say(err, err != 0 ? reason : lines->str);
	g_strfreev(answer.candidates);
	g_string_free(lines, TRUE);
}

static void serve(struct tool *t, const char *command, unsigned number, const char *data,
		  size_t size)
{
	if (strcmp(command, "publish") == 0)
		publish(t, data, size);
	else if (strcmp(command, "add") == 0)
		add(t, number, data);
	else if (strcmp(command, "remove") == 0) {
		sdp_subscriber_remove(t->subscriber, (int)number);
		say(0, "");
	} else if (strcmp(command, "offer") == 0)
		offer(t, number);
	else if (strcmp(command, "restart") == 0) {
		ice_credentials_generate(&t->local.ice);
		say(0, t->local.ice.ufrag);
	} else
		take(t, data, size);
}

int main(void)
{
	struct tool t = {.subscriber = sdp_subscriber_create(), .ssrc_next = 1000};
	char command[16];
	unsigned number;
	size_t size;

	t.local = (struct sdp_local){.session_id = 42,
				     .session_version = 1,
				     .ice_lite = true,
				     .candidates = candidates,
				     .candidate_count = 2};
	ice_credentials_generate(&t.local.ice);
	dtls_fingerprint_parse("sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:"
			       "13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F",
			       &t.local.fingerprint);
	while (scanf("%15s %u %zu", command, &number, &size) == 3 && getchar() == '\n' &&
	       size < 1 << 20) {
		char *data = g_malloc0(size + 1);

		if (fread(data, 1, size, stdin) == size)
			serve(&t, command, number, data, size);
		g_free(data);
	}
	sdp_publication_destroy(&t.publication);
	sdp_subscriber_destroy(&t.subscriber);
	return 0;
}
