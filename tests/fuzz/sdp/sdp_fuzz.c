// SPDX-License-Identifier: Apache-2.0
// tests/fuzz/sdp/sdp_fuzz.c - any bytes as an offer to us of either kind, as an answer and as a
// fragment; what we say of them has to be readable by ourselves.
#include "controlplane/session/sdp/fragment.h"
#include "controlplane/session/sdp/negotiate.h"
#include "controlplane/session/sdp/playback.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sdp_local local = {
	.session_id = 1,
	.session_version = 1,
	.ice_lite = true,
	.ice = {.ufrag = "ufragufrag", .pwd = "0123456789abcdef01234567"},
	.fingerprint = {.hash = DTLS_SHA256, .size = 32},
};

static void demand_readable(const char *text)
{
	char reason[SDP_REASON_SIZE];
	struct sdp_description *d;

	if (sdp_description_parse(text, strlen(text), reason, &d) != 0 ||
	    sdp_description_check(d, reason) != 0)
		abort();
	sdp_description_destroy(&d);
}

static void subscribe_to(const struct sdp_publication *p, const char *data, size_t size)
{
	struct sdp_subscriber *s = sdp_subscriber_create();
	struct sdp_subscriber_answer answer;
	char reason[SDP_REASON_SIZE];
	char *offer;

	for (size_t i = 0; i < p->track_count; i++) {
		const struct sdp_source source = {"alice", "camera", "sluice", (uint32_t)i + 1,
						  &p->tracks[i]};
		(void)sdp_subscriber_add(s, &source);
	}
	offer = sdp_subscriber_offer(s, &local);
	if (offer != NULL)
		demand_readable(offer);
	(void)sdp_subscriber_take_answer(s, data, size, reason, &answer);
	g_strfreev(answer.candidates);
	g_free(offer);
	sdp_subscriber_destroy(&s);
}

static void trickle(const char *data, size_t size)
{
	char reason[SDP_REASON_SIZE] = "";
	struct sdp_fragment *f;

	if (sdp_fragment_parse(data, size, reason, &f) != 0 && reason[0] == '\0')
		abort();
	sdp_fragment_destroy(&f);
}

static void play(const struct sdp_publication *sent, const char *data, size_t size)
{
	char reason[SDP_REASON_SIZE] = "";
	struct sdp_pt_pair pts[SDP_TRACK_CODECS_MAX];
	struct sdp_playback *p;
	char *answer;

	if (sdp_playback_read(data, size, reason, &p) != 0) {
		if (reason[0] == '\0')
			abort();
		return;
	}
	for (size_t i = 0; i < p->line_count; i++) {
		for (size_t k = 0; sent != NULL && k < sent->track_count; k++)
			if (sdp_playback_map(&p->lines[i], &sent->tracks[k], pts) > 0)
				p->lines[i].first = &sent->tracks[k];
		p->lines[i].ssrc = (uint32_t)i + 1;
	}
	answer = sdp_playback_answer(p, &local, "viewer");
	demand_readable(answer);
	g_free(answer);
	sdp_playback_destroy(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char reason[SDP_REASON_SIZE] = "";
	struct sdp_publication *p;
	char *answer;

	trickle((const char *)data, size);
	if (sdp_publication_read((const char *)data, size, NULL, reason, &p) != 0) {
		if (reason[0] == '\0')
			abort();
		play(NULL, (const char *)data, size);
		return 0;
	}
	answer = sdp_publication_answer(p, &local);
	demand_readable(answer);
	g_free(answer);
	subscribe_to(p, (const char *)data, size);
	play(p, (const char *)data, size);
	sdp_publication_destroy(&p);
	return 0;
}
