// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/rate_control.c - additive increase, multiplicative decrease. Contract in
// rate_control.h.
#include "proto/rtc/bandwidth/rate_control.h"

#define DECREASE 0.85
#define GROWTH_PER_S 0.08 // far from the known capacity
#define HEADROOM 1.5 // never grow above this times what gets through
#define HEADROOM_BPS 10000.0
#define ADD_MIN_BPS 4000.0 // a second
#define RESPONSE_US 100000 // detector and feedback, on top of the round trip
#define PACKET_BITS 9600.0
#define FRAMES_PER_S 30.0
#define CAPACITY_SMOOTHING 0.05
#define DEVIATION_MIN 0.4
#define DEVIATION_MAX 2.5
#define DEVIATIONS 3.0 // away from the mean: the capacity changed
#define STEP_MAX_S 0.5
#define EPISODE_US 1000000 // decreases this close belong to one overuse
#define FIRST_SHARE 0.9 // of the rate: the first of them takes a source for what it sends no lower
#define ADD_PACKETS 2.0 // a response time

void rate_control_init(struct rate_control *r, uint64_t start_bps, uint64_t min_bps,
		       uint64_t max_bps)
{
	*r = (struct rate_control){
		.rate_bps = (double)start_bps,
		.min_bps = (double)min_bps,
		.max_bps = (double)max_bps,
		.deviation = DEVIATION_MIN,
		.rtt_us = 100000,
	};
}

static double clamp(double v, double low, double high)
{
	if (v < low)
		return low;
	return v > high ? high : v;
}

static double square_root(double v)
{
	double root = v > 1 ? v : 1;
	for (int i = 0; i < 40; i++) // Newton; halves at worst each time, v is a bit rate
		root = (root + v / root) / 2;
	return root;
}

// The capacity is kept in kbit/s for the deviation's normalisation.
static double capacity_deviation_bps(const struct rate_control *r)
{
	return square_root(r->deviation * (r->capacity_bps / 1000)) * 1000;
}

static bool capacity_fits(const struct rate_control *r, double bps, double deviations)
{
	double off = bps - r->capacity_bps;
	double span = deviations * capacity_deviation_bps(r);
	return off <= span && off >= -span;
}

static void learn_capacity(struct rate_control *r, double acked_bps)
{
	if (r->capacity_bps == 0 || !capacity_fits(r, acked_bps, DEVIATIONS)) {
		r->capacity_bps = acked_bps;
		r->deviation = DEVIATION_MIN;
		return;
	}
	r->capacity_bps += CAPACITY_SMOOTHING * (acked_bps - r->capacity_bps);
	double norm = r->capacity_bps / 1000 > 1 ? r->capacity_bps / 1000 : 1;
	double error = (r->capacity_bps - acked_bps) / 1000;
	r->deviation = clamp((1 - CAPACITY_SMOOTHING) * r->deviation +
				     CAPACITY_SMOOTHING * error * error / norm,
			     DEVIATION_MIN, DEVIATION_MAX);
}

static double added_per_s(const struct rate_control *r)
{
	double frame_bits = r->rate_bps / FRAMES_PER_S;
	double packets = 1;
	while (packets * PACKET_BITS < frame_bits && packets < 1000)
		packets += 1;
	double response_s = (double)(r->rtt_us + RESPONSE_US) / 1000000;
	double added = ADD_PACKETS * frame_bits / packets / response_s;
	return added > ADD_MIN_BPS ? added : ADD_MIN_BPS;
}

static void increase(struct rate_control *r, double acked_bps, uint64_t now_us)
{
	double elapsed_s = clamp((double)(now_us - r->changed_us) / 1000000, 0, STEP_MAX_S);

	if (r->capacity_bps != 0 && acked_bps > r->capacity_bps &&
	    !capacity_fits(r, acked_bps, DEVIATIONS))
		r->capacity_bps = 0;
	double wanted = r->capacity_bps != 0 ? r->rate_bps + added_per_s(r) * elapsed_s
					     : r->rate_bps * (1 + GROWTH_PER_S * elapsed_s);
	double limit = HEADROOM * acked_bps + HEADROOM_BPS;
	if (acked_bps != 0 && wanted > limit)
		wanted = limit;
	if (wanted > r->rate_bps)
		r->rate_bps = wanted;
}

static void decrease(struct rate_control *r, double acked_bps, uint64_t now_us)
{
	uint64_t pause_us = r->rtt_us > 200000 ? 200000 : r->rtt_us;
	bool far_off = acked_bps != 0 && acked_bps < r->rate_bps / 2;

	if (r->decreased_us != 0 && now_us - r->decreased_us < pause_us && !far_off)
		return;
	bool first = r->decreased_us == 0 || now_us - r->decreased_us > EPISODE_US;
	double base = acked_bps != 0 ? acked_bps : r->rate_bps;
	if (first && base < FIRST_SHARE * r->rate_bps)
		base = FIRST_SHARE * r->rate_bps;
	if (DECREASE * base < r->rate_bps)
		r->rate_bps = DECREASE * base;
	if (acked_bps != 0)
		learn_capacity(r, acked_bps);
	r->decreased_us = now_us;
	r->holding = true;
}

void rate_control_update(struct rate_control *r, enum path_usage usage, uint64_t acked_bps,
			 uint64_t now_us)
{
	if (usage == USAGE_OVER)
		decrease(r, (double)acked_bps, now_us);
	else if (usage == USAGE_UNDER)
		r->holding = true;
	else if (r->holding)
		r->holding = false;
	else
		increase(r, (double)acked_bps, now_us);
	r->rate_bps = clamp(r->rate_bps, r->min_bps, r->max_bps);
	r->changed_us = now_us;
}

void rate_control_set(struct rate_control *r, uint64_t bps, uint64_t now_us)
{
	r->rate_bps = clamp((double)bps, r->min_bps, r->max_bps);
	r->changed_us = now_us;
}
