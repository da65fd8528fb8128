// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/patch.c - PATCH on a session: trickle, ICE restart, the answer to our offer.
//
// Spec     RFC 9725 4.3, draft-ietf-wish-whep-04 4.3.2 and 4.5, RFC 8840.
#include <errno.h>
#include <string.h>

#include "controlplane/session/player.h"
#include "controlplane/session/sdp/fragment.h"
#include "controlplane/whip/precondition.h"
#include "controlplane/whip/reply.h"
#include "controlplane/whip/server.h"

static bool same_ice(const struct ice_credentials *a, const struct ice_credentials *b)
{
	return strcmp(a->ufrag, b->ufrag) == 0 && strcmp(a->pwd, b->pwd) == 0;
}

static void trickle(struct whip_session *s, const struct sdp_fragment *f)
{
	media_transport_add_candidates(whip_session_transport(s), f->candidates,
				       f->candidate_count);
}

static void restart(struct whip_session *s, struct http_exchange *x, const struct sdp_fragment *f)
{
	struct offer_waiter waiter;

	s->remote_before = s->remote;
	s->remote = f->ice;
	waiter = whip_session_wait(s, x, WHIP_WAITS_RESTART);
	offer_restart(s->p, whip_session_transport(s), &f->ice, &waiter);
	trickle(s, f);
}

// The request that is under way again waits for its end; any other has to come later.
static void wait_again(struct whip_session *s, struct http_exchange *x, bool same)
{
	if (!same || !whip_session_wait_again(s, x))
		whip_refuse(x, 409, "The request before is not answered yet: wait for it.");
}

// RFC 9725 4.3.1: who does not know the ICE session must not touch it.
static bool may_change(struct whip_session *s, struct http_exchange *x)
{
	switch (whip_precondition(http_field_get(x, "if-match"), s->etag)) {
	case WHIP_IF_MATCH_HELD:
		s->unheard = false;
		return true;
	case WHIP_IF_MATCH_ANY:
		return true;
	case WHIP_IF_MATCH_MISSING:
		whip_refuse(x, 428,
			    "if-match: missing: send the etag of the 201, or * to restart "
			    "ICE.");
		return false;
	case WHIP_IF_MATCH_STALE:
		break;
	}
	whip_refuse(x, 412,
		    "if-match: this is not the ICE session there is: send the newest etag, "
		    "or * to restart ICE.");
	return false;
}

static void take_fragment(struct whip_session *s, struct http_exchange *x)
{
	char reason[SDP_REASON_SIZE];
	struct sdp_fragment *f;
	size_t size;
	const char *text = g_bytes_get_data(x->body, &size);

	if (sdp_fragment_parse(text != NULL ? text : "", size, reason, &f) != 0) {
		whip_refuse(x, 400, "fragment: %s.", reason);
		return;
	}
	bool same = same_ice(&f->ice, &s->remote);
	if (f->has_ice && s->pending) {
		wait_again(s, x, same);
	} else if (f->has_ice && !same) {
		restart(s, x, f);
	} else if (f->has_ice && s->unheard) { // the restart again, whose 200 may be lost
		trickle(s, f);
		whip_session_reply_restart(s, x);
	} else {
		trickle(s, f);
		http_reply(x, 204, NULL, 0, NULL);
	}
	sdp_fragment_destroy(&f);
}

static void take_answer(struct whip_session *s, struct http_exchange *x)
{
	char reason[SDP_REASON_SIZE];
	struct sdp_description *d;
	size_t size;
	const char *text = g_bytes_get_data(x->body, &size);
	int err = sdp_description_parse(text != NULL ? text : "", size, reason, &d);

	if (err != 0) {
		whip_refuse(x, 400, "sdp: %s.", reason);
		return;
	}
	if (player_answer(s->p, text, size, reason) != 0) {
		whip_refuse(x, 422, "sdp: %s.", reason);
	} else {
		whip_session_remember(s, d);
		whip_session_take_answer(s, x->body);
		s->p->waiter = whip_session_wait(s, x, WHIP_WAITS_ADMISSION);
	}
	sdp_description_destroy(&d);
}

void whip_patch(struct whip_session *s, struct http_exchange *x)
{
	bool sdp = whip_content_is(x, WHIP_TYPE_SDP);

	if (sdp && s->countered && s->pending) {
		wait_again(s, x, whip_session_took(s, x->body));
	} else if (sdp && s->countered) {
		take_answer(s, x);
	} else if (sdp && whip_session_took(s, x->body)) { // again: its 204 may be lost
		http_reply(x, 204, NULL, 0, NULL);
	} else if (!whip_content_is(x, WHIP_TYPE_FRAGMENT)) {
		whip_refuse_with(x, 415, "accept-patch", WHIP_TYPE_FRAGMENT,
				 "content-type: send a fragment as " WHIP_TYPE_FRAGMENT
				 "; nothing else of a session is negotiated again.");
	} else if (s->countered) {
		whip_refuse(x, 409,
			    "The offer of the 406 is not answered yet: PATCH the answer "
			    "as " WHIP_TYPE_SDP " first.");
	} else if (may_change(s, x)) {
		take_fragment(s, x);
	}
}
