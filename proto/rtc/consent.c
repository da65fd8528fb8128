// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/consent.c - consent to send (RFC 7675 5.1). Contract in consent.h.
#include "proto/rtc/consent.h"

#include "proto/rtc/bytes.h"

#include <string.h>

static uint64_t request_pause(const struct rtc_random *random)
{
	uint8_t bytes[4];
	random->fill(random->ctx, bytes, sizeof(bytes));
	uint64_t spread = CONSENT_REQUEST_MAX_US - CONSENT_REQUEST_MIN_US;
	return CONSENT_REQUEST_MIN_US + (uint64_t)bytes_be32(bytes) % (spread + 1);
}

void consent_init(struct consent *c, uint64_t now_us, bool sends_requests,
		  const struct rtc_random *random)
{
	*c = (struct consent){
		.renewed_us = now_us,
		.request_us = sends_requests ? now_us + request_pause(random) : UINT64_MAX,
		.sends_requests = sends_requests,
		.state = CONSENT_FRESH,
	};
}

// Also true between the moment of expiry and the poll that tells of it: a late renewal is too late.
static bool over(const struct consent *c, uint64_t now_us)
{
	return c->state != CONSENT_FRESH ||
	       (now_us > c->renewed_us && now_us - c->renewed_us >= CONSENT_TIMEOUT_US);
}

static void renew(struct consent *c, uint64_t now_us)
{
	if (!over(c, now_us) && now_us > c->renewed_us)
		c->renewed_us = now_us;
}

void consent_check_received(struct consent *c, uint64_t now_us)
{
	renew(c, now_us);
}

static int pending_slot(const struct consent *c, const uint8_t *transaction)
{
	for (int i = 0; i < CONSENT_PENDING_MAX; i++)
		if ((c->pending_used >> i & 1) != 0 &&
		    memcmp(c->pending[i], transaction, STUN_TRANSACTION_BYTES) == 0)
			return i;
	return -1;
}

bool consent_is_pending(const struct consent *c, const uint8_t *transaction)
{
	return pending_slot(c, transaction) >= 0;
}

bool consent_response_received(struct consent *c, const uint8_t *transaction, uint64_t now_us)
{
	int slot = pending_slot(c, transaction);
	if (slot < 0)
		return false;
	c->pending_used = (uint8_t)(c->pending_used & ~(1u << slot));
	renew(c, now_us);
	return true;
}

void consent_path_changed(struct consent *c, uint64_t now_us)
{
	c->pending_used = 0;
	if (c->sends_requests && c->state == CONSENT_FRESH)
		c->request_us = now_us;
}

static void start_request(struct consent *c, uint64_t now_us, const struct rtc_random *random,
			  uint8_t transaction[STUN_TRANSACTION_BYTES])
{
	random->fill(random->ctx, transaction, STUN_TRANSACTION_BYTES);
	memcpy(c->pending[c->pending_next], transaction, STUN_TRANSACTION_BYTES);
	c->pending_used = (uint8_t)(c->pending_used | 1u << c->pending_next);
	c->pending_next = (uint8_t)((c->pending_next + 1) % CONSENT_PENDING_MAX);
	c->request_us = now_us + request_pause(random);
}

enum consent_action consent_poll(struct consent *c, uint64_t now_us,
				 const struct rtc_random *random,
				 uint8_t transaction[STUN_TRANSACTION_BYTES])
{
	if (c->state == CONSENT_EXPIRED)
		return CONSENT_NOTHING;
	if (over(c, now_us)) {
		c->state = CONSENT_EXPIRED;
		c->pending_used = 0;
		return CONSENT_STOP;
	}
	if (now_us < c->request_us)
		return CONSENT_NOTHING;
	start_request(c, now_us, random, transaction);
	return CONSENT_SEND_REQUEST;
}

uint64_t consent_deadline_us(const struct consent *c)
{
	if (c->state == CONSENT_EXPIRED)
		return UINT64_MAX;
	uint64_t expiry = c->renewed_us + CONSENT_TIMEOUT_US;
	return c->request_us < expiry ? c->request_us : expiry;
}
