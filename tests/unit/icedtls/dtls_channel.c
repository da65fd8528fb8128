// SPDX-License-Identifier: Apache-2.0
// tests/unit/icedtls/dtls_channel.c - a seeded, hostile network in virtual time, see
// dtls_channel.h. Place    under dtls_session_test.c.
#include "tests/unit/icedtls/dtls_channel.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

static uint64_t virtual_now_us = 1000000;

// libssl asks for the time here, not in libc: this definition comes first in the search order.
int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	(void)zone;
	tv->tv_sec = (time_t)(virtual_now_us / 1000000);
	tv->tv_usec = (suseconds_t)(virtual_now_us % 1000000);
	return 0;
}

uint32_t channel_random(struct channel *c)
{
	c->rng ^= c->rng >> 12;
	c->rng ^= c->rng << 25;
	c->rng ^= c->rng >> 27;
	return (uint32_t)((c->rng * UINT64_C(2685821657736338717)) >> 32);
}

static void enqueue(struct channel *c, struct channel_end *to, const uint8_t *bytes, size_t size)
{
	struct channel_datagram *d = &c->in_flight[c->count];

	assert(c->count < CHANNEL_IN_FLIGHT_MAX && size <= CHANNEL_DATAGRAM_MAX);
	c->count++;
	d->to = to;
	d->at_us = c->now_us + c->delay_us + (c->jitter_us ? channel_random(c) % c->jitter_us : 0);
	d->size = size;
	memcpy(d->bytes, bytes, size);
}

void channel_send(struct channel *c, struct channel_end *to, const uint8_t *bytes, size_t size)
{
	if (c->losses_left > 0 && channel_random(c) % 1000000 < c->loss_ppm) {
		c->losses_left--;
		return;
	}
	enqueue(c, to, bytes, size);
	if (channel_random(c) % 1000000 < c->duplicate_ppm)
		enqueue(c, to, bytes, size);
}

static void on_output(void *user, const uint8_t *bytes, size_t size)
{
	struct channel_end *from = user;
	struct channel *c = from->channel;
	struct channel_end *to = from == &c->active ? &c->passive : &c->active;

	from->sent++;
	from->largest = size > from->largest ? size : from->largest;
	if (c->tap == NULL || c->tap(c, to, bytes, size))
		channel_send(c, to, bytes, size);
}

static void on_connected(void *user, const struct dtls_srtp_keys *keys)
{
	struct channel_end *end = user;

	end->connected++;
	end->keys = *keys;
}

static void on_closed(void *user)
{
	((struct channel_end *)user)->closed++;
}

static void on_failed(void *user, const char *reason)
{
	struct channel_end *end = user;

	end->failed++;
	snprintf(end->reason, sizeof(end->reason), "%s", reason);
}

static const struct dtls_session_callbacks callbacks = {
	.output = on_output,
	.connected = on_connected,
	.closed = on_closed,
	.failed = on_failed,
};

void channel_open(struct channel *c, uint64_t seed, struct dtls_context *active,
		  struct dtls_context *passive, const struct dtls_fingerprint *active_expects,
		  const struct dtls_fingerprint *passive_expects)
{
	int err;

	memset(c, 0, sizeof(*c));
	c->rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	c->delay_us = 10000;
	c->now_us = virtual_now_us;
	c->active.channel = c->passive.channel = c;
	err = dtls_session_create(active, DTLS_ACTIVE, active_expects, &callbacks, &c->active,
				  &c->active.session);
	err |= dtls_session_create(passive, DTLS_PASSIVE, passive_expects, &callbacks, &c->passive,
				   &c->passive.session);
	assert(err == 0);
	(void)err;
}

void channel_close(struct channel *c)
{
	dtls_session_destroy(&c->active.session);
	dtls_session_destroy(&c->passive.session);
}

static unsigned earliest(const struct channel *c)
{
	unsigned best = 0;

	for (unsigned i = 1; i < c->count; i++)
		if (c->in_flight[i].at_us < c->in_flight[best].at_us)
			best = i;
	return best;
}

static uint64_t timer_at(struct channel *c, struct channel_end *end)
{
	int64_t us = dtls_session_timeout_us(end->session);

	return us < 0 ? UINT64_MAX : c->now_us + (uint64_t)us;
}

static void advance(struct channel *c, uint64_t to_us)
{
	if (to_us > c->now_us)
		c->now_us = to_us;
	virtual_now_us = c->now_us;
}

static void deliver(struct channel *c, unsigned index)
{
	struct channel_datagram d = c->in_flight[index];

	// Keeps the order of what arrives at the same time.
	memmove(&c->in_flight[index], &c->in_flight[index + 1], (c->count - index - 1) * sizeof(d));
	c->count--;
	if (c->attack != NULL)
		c->attack(c);
	dtls_session_feed(d.to->session, d.bytes, d.size);
}

void channel_run(struct channel *c, uint64_t limit_us)
{
	uint64_t end_us = c->now_us + limit_us;

	while (c->now_us < end_us) {
		uint64_t packet = UINT64_MAX, active = timer_at(c, &c->active),
			 passive = timer_at(c, &c->passive);
		unsigned next = earliest(c);

		if (c->count > 0)
			packet = c->in_flight[next].at_us;
		if (packet == UINT64_MAX && active == UINT64_MAX && passive == UINT64_MAX)
			return;
		if (packet <= active && packet <= passive) {
			advance(c, packet);
			deliver(c, next);
		} else {
			struct channel_end *end = active <= passive ? &c->active : &c->passive;

			advance(c, active <= passive ? active : passive);
			dtls_session_handle_timeout(end->session);
		}
	}
}
