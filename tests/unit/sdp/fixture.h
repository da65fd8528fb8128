// SPDX-License-Identifier: Apache-2.0
// tests/unit/sdp/fixture.h - offers captured from Chromium, and a small one by hand to vary.
#pragma once

// cmocka.h wants these first.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>
#include <string.h>

#include "controlplane/session/sdp/negotiate.h"

#define SESSION "v=0\r\no=- 7 3 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
#define ICE "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef012345\r\n"
#define FINGERPRINT                                                                                \
	"a=fingerprint:sha-256 AA:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:" \
	"16:17:18:19:1A:1B:1C:1D:1E:1F\r\n"
#define SETUP "a=setup:actpass\r\n"
#define MID "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
#define AUDIO                                                                                      \
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtcp-mux\r\na=sendonly\r\n"               \
	"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n" MID
#define AUDIO_RED                                                                                  \
	"m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:0\r\na=rtcp-mux\r\na=sendonly\r\n"            \
	"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n"                               \
	"a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n" MID
#define VIDEO                                                                                      \
	"m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:1\r\na=rtcp-mux\r\na=sendonly\r\n"             \
	"a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n"                  \
	"a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" MID

static const struct sdp_local local = {
	.session_id = 42,
	.session_version = 5,
	.ice_lite = true,
	.ice = {.ufrag = "serverufrag1", .pwd = "serverpasswordserverpass"},
	.fingerprint = {.hash = DTLS_SHA256, .size = 32, .value = {0xfe}},
	.candidates = (const char *const[]){"candidate:1 1 udp 2130706431 192.0.2.1 7000 typ host"},
	.candidate_count = 1,
};

static inline char *captured(const char *name)
{
	char *path = g_build_filename(SDP_TEST_DIR, name, NULL);
	char *text = NULL;

	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_free(path);
	return text;
}

static inline struct sdp_publication *read_offer(const char *text)
{
	char reason[SDP_REASON_SIZE] = "";
	struct sdp_publication *p = NULL;

	if (sdp_publication_read(text, strlen(text), NULL, reason, &p) != 0)
		fail_msg("%s", reason);
	return p;
}

static inline struct sdp_description *read_text(const char *text)
{
	char reason[SDP_REASON_SIZE] = "";
	struct sdp_description *d = NULL;

	if (sdp_description_parse(text, strlen(text), reason, &d) != 0)
		fail_msg("%s", reason);
	return d;
}
