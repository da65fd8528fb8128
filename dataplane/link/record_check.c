// SPDX-License-Identifier: Apache-2.0
//
// dataplane/link/record_check.c - field ranges of the records in proto/shm/record.h.

#include "dataplane/link/record_check.h"

#include <string.h>

enum {
	LOCAL_UFRAG_BYTES_MIN = 8,
	ICE_UFRAG_BYTES_MIN = 4, // RFC 8839 5.4
	ICE_PWD_BYTES_MIN = 22,
	RTP_PT_MAX = 127,
	SEQUENCE_START_MAX = 0x7fff,
	FLAGS_KNOWN =
		SHM_TRANSPORT_ICE_LITE | SHM_TRANSPORT_ICE_CONTROLLING | SHM_TRANSPORT_ESTABLISHED,
};

static bool in_range(unsigned value, unsigned first, unsigned last)
{
	return value >= first && value <= last;
}

static bool credentials_ok(const struct shm_credentials *c)
{
	bool remote_unknown = c->remote_ufrag_size == 0 && c->remote_pwd_size == 0;

	return in_range(c->local_ufrag_size, LOCAL_UFRAG_BYTES_MIN, SHM_LOCAL_UFRAG_BYTES_MAX) &&
	       in_range(c->local_pwd_size, ICE_PWD_BYTES_MIN, SHM_LOCAL_PWD_BYTES_MAX) &&
	       (remote_unknown ||
		(in_range(c->remote_ufrag_size, ICE_UFRAG_BYTES_MIN, SHM_UFRAG_BYTES_MAX) &&
		 in_range(c->remote_pwd_size, ICE_PWD_BYTES_MIN, SHM_PWD_BYTES_MAX)));
}

static bool suite_ok(uint16_t suite)
{
	return suite == SHM_SUITE_AES_CM_128_HMAC_SHA1_80 || suite == SHM_SUITE_AEAD_AES_128_GCM ||
	       suite == SHM_SUITE_AEAD_AES_256_GCM;
}

static bool established_ok(const struct shm_transport_config *c)
{
	const struct shm_credentials *former = &c->credentials[1];
	const struct shm_credentials *in_use =
		former->local_ufrag_size != 0 ? former : &c->credentials[0];

	return suite_ok(c->suite) && in_use->remote_ufrag_size != 0 &&
	       (c->selected_remote.family == RTC_ADDR_V4 ||
		c->selected_remote.family == RTC_ADDR_V6) &&
	       c->selected_local.family == c->selected_remote.family;
}

bool record_transport_ok(const struct shm_transport_config *c, uint16_t port_first,
			 uint16_t port_last)
{
	return (c->flags & ~(uint32_t)FLAGS_KNOWN) == 0 && c->rtcp_ssrc != 0 &&
	       in_range(c->internal_port, port_first, port_last) &&
	       credentials_ok(&c->credentials[0]) &&
	       (c->credentials[1].local_ufrag_size == 0 || credentials_ok(&c->credentials[1])) &&
	       ((c->flags & SHM_TRANSPORT_ESTABLISHED) == 0 || established_ok(c));
}

static bool plain_addresses_ok(const struct shm_transport_config *c, uint16_t public_port,
			       uint16_t port_first, uint16_t port_last)
{
	bool local =
		c->selected_local.family == RTC_ADDR_V4 || c->selected_local.family == RTC_ADDR_V6;

	if ((c->flags & SHM_TRANSPORT_LATCH) != 0)
		return local && c->selected_remote.family == RTC_ADDR_NONE &&
		       in_range(c->selected_local.port, port_first, port_last);
	return local && c->selected_remote.family == c->selected_local.family &&
	       c->selected_remote.port != 0 && c->selected_local.port == public_port;
}

bool record_plain_ok(const struct shm_transport_config *c, uint16_t public_port,
		     uint16_t port_first, uint16_t port_last)
{
	const uint32_t needed = SHM_TRANSPORT_PLAIN | SHM_TRANSPORT_ESTABLISHED;

	return (c->flags & ~(uint32_t)SHM_TRANSPORT_LATCH) == needed && c->rtcp_ssrc != 0 &&
	       c->internal_port == 0 && (c->suite == SHM_SUITE_NONE || suite_ok(c->suite)) &&
	       c->credentials[0].local_ufrag_size == 0 && c->credentials[1].local_ufrag_size == 0 &&
	       c->inactivity_ms <= SHM_INACTIVITY_MS_MAX &&
	       plain_addresses_ok(c, public_port, port_first, port_last);
}

static bool codecs_ok(const struct shm_track_config *c)
{
	bool seen[RTP_PT_MAX + 1] = {false};

	if (!in_range(c->codec_count, 1, SHM_CODECS_MAX))
		return false;
	for (unsigned i = 0; i < c->codec_count; i++) {
		const struct shm_track_codec *codec = &c->codecs[i];
		if (codec->pt > RTP_PT_MAX || codec->rtx_pt > RTP_PT_MAX || seen[codec->pt] ||
		    codec->clock_rate == 0 ||
		    !in_range(codec->codec, SHM_CODEC_OPUS, SHM_CODEC_COUNT - 1))
			return false;
		seen[codec->pt] = true;
	}
	return true;
}

static bool encodings_ok(const struct shm_track_config *c)
{
	if (!in_range(c->encoding_count, 1, SHM_ENCODINGS_MAX))
		return false;
	for (unsigned i = 0; i < c->encoding_count; i++) {
		const struct shm_encoding *e = &c->encodings[i];
		// Without an SSRC the first packet is known by its MID, and its RID if there are
		// more.
		if (e->ssrc == 0 &&
		    (c->mid[0] == '\0' || (c->encoding_count > 1 && e->rid[0] == '\0')))
			return false;
		for (unsigned j = 0; j < i; j++)
			if (e->ssrc != 0 && e->ssrc == c->encodings[j].ssrc)
				return false;
	}
	return true;
}

bool record_track_ok(const struct shm_track_config *c)
{
	return (c->kind == SHM_KIND_AUDIO || c->kind == SHM_KIND_VIDEO) && c->muted <= 1 &&
	       codecs_ok(c) && encodings_ok(c);
}

bool record_subscription_ok(const struct shm_subscription_config *c)
{
	if (c->ssrc == 0 || c->paused > 1 || c->sequence_start > SEQUENCE_START_MAX ||
	    c->rtx_ssrc == c->ssrc || c->rtx_sequence_start > SEQUENCE_START_MAX ||
	    !in_range(c->pt_count, 1, SHM_CODECS_MAX))
		return false;
	for (unsigned i = 0; i < c->pt_count; i++)
		if (c->pts[i].from > RTP_PT_MAX || c->pts[i].to > RTP_PT_MAX ||
		    c->pts[i].rtx > RTP_PT_MAX)
			return false;
	return true;
}
