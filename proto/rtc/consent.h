// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/consent.h - may we still send? Consent of an established transport, both directions.
//
// Place   beside a transport's selected tuple, in the dataplane: goes on with no control plane.
// Thread  the transport's owner. Feeds are facts already authenticated; nothing else moves it.
// Spec    RFC 7675 5.1, with our own reading of design section "one UDP port": an authenticated
// check
//         of the peer renews consent as well as a response to a request of ours.
//
//   init -> FRESH -- 30 s without renewal --> EXPIRED, for good: only new keys or an ICE restart,
//   which call consent_init() again, end it.
#pragma once

#include "proto/rtc/random.h"
#include "proto/rtc/stun.h"

#include <stdbool.h>
#include <stdint.h>

enum { CONSENT_PENDING_MAX = 8 }; // 30 s hold at most 8 requests 4 s apart
#define CONSENT_TIMEOUT_US UINT64_C(30000000)
#define CONSENT_REQUEST_MIN_US UINT64_C(4000000)
#define CONSENT_REQUEST_MAX_US UINT64_C(6000000)

enum consent_state { CONSENT_FRESH, CONSENT_EXPIRED };

struct consent {
	uint64_t renewed_us;
	uint64_t request_us; // of the next request; UINT64_MAX as a lite agent
	uint8_t pending[CONSENT_PENDING_MAX][STUN_TRANSACTION_BYTES]; // requests not answered yet
	uint8_t pending_used; // bit i: pending[i] is waiting
	uint8_t pending_next; // slot the next request takes
	uint8_t state; // enum consent_state
	bool sends_requests; // full agent
};

// Consent is fresh from 'now_us' on. 'sends_requests' false for ICE lite.
void consent_init(struct consent *c, uint64_t now_us, bool sends_requests,
		  const struct rtc_random *random);
// A check with correct integrity came from the selected tuple.
void consent_check_received(struct consent *c, uint64_t now_us);
// True if 'transaction' is of an unanswered request of ours. Changes nothing: ask before verifying.
bool consent_is_pending(const struct consent *c, const uint8_t *transaction);
// A success response with correct integrity came from the selected tuple. Returns true and renews
// if it answers a pending request.
bool consent_response_received(struct consent *c, const uint8_t *transaction, uint64_t now_us);
// The selected tuple moved: requests sent to the old one no longer count, and a full agent asks
// anew at once.
void consent_path_changed(struct consent *c, uint64_t now_us);

enum consent_action {
	CONSENT_NOTHING,
	CONSENT_SEND_REQUEST, // a binding request with '*transaction', to the selected tuple
	CONSENT_STOP, // just expired: stop sending, report; returned once
};
// What is to be done now; call again until CONSENT_NOTHING.
enum consent_action consent_poll(struct consent *c, uint64_t now_us,
				 const struct rtc_random *random,
				 uint8_t transaction[STUN_TRANSACTION_BYTES]);
// When consent_poll() next has something to do, UINT64_MAX once expired.
uint64_t consent_deadline_us(const struct consent *c);
