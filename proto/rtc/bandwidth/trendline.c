// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/trendline.c - delay slope and overuse detector. Contract in trendline.h.
#include "proto/rtc/bandwidth/trendline.h"

#define SMOOTHING 0.9
#define GAIN 4.0
#define COUNT_MAX 60 // the trend counts for as many groups as were seen, up to this
#define THRESHOLD_START_MS 12.5
// The draft lets it fall to 6; then the smaller of two flows gives way more often (tests/sim fair).
#define THRESHOLD_MIN_MS 12.5
#define THRESHOLD_MAX_MS 600.0
#define ADAPT_UP 0.0087
#define ADAPT_DOWN 0.039
#define ADAPT_SPIKE_MS 15.0 // further off than this is a spike and does not adapt the threshold
#define OVER_MS 10.0

void trendline_init(struct trendline *t)
{
	*t = (struct trendline){.threshold_ms = THRESHOLD_START_MS};
}

// Least squares slope, 0 where there are too few points or all at one time.
static double slope(const struct trendline *t)
{
	double mean_at = 0, mean_delay = 0, covariance = 0, variance = 0;

	if (t->count < TRENDLINE_WINDOW)
		return 0;
	for (int i = 0; i < TRENDLINE_WINDOW; i++) {
		mean_at += t->points[i].at_ms / TRENDLINE_WINDOW;
		mean_delay += t->points[i].delay_ms / TRENDLINE_WINDOW;
	}
	for (int i = 0; i < TRENDLINE_WINDOW; i++) {
		double at = t->points[i].at_ms - mean_at;
		covariance += at * (t->points[i].delay_ms - mean_delay);
		variance += at * at;
	}
	return variance > 0 ? covariance / variance : 0;
}

static double magnitude(double v)
{
	return v < 0 ? -v : v;
}

static void adapt_threshold(struct trendline *t, double trend, int64_t at_us)
{
	double elapsed_ms = t->updated_us == 0 ? 0 : (double)(at_us - t->updated_us) / 1000;
	double excess = magnitude(trend) - t->threshold_ms;

	t->updated_us = at_us;
	if (excess > ADAPT_SPIKE_MS)
		return;
	if (elapsed_ms > 100)
		elapsed_ms = 100;
	t->threshold_ms += (excess < 0 ? ADAPT_DOWN : ADAPT_UP) * excess * elapsed_ms;
	if (t->threshold_ms < THRESHOLD_MIN_MS)
		t->threshold_ms = THRESHOLD_MIN_MS;
	if (t->threshold_ms > THRESHOLD_MAX_MS)
		t->threshold_ms = THRESHOLD_MAX_MS;
}

static void detect(struct trendline *t, double trend, const struct arrival_delta *d)
{
	if (trend > t->threshold_ms) {
		// The first group above is taken to have crossed half way.
		t->over_ms += (double)d->sent_us / (t->overs == 0 ? 2000 : 1000);
		t->overs++;
		if (t->over_ms > OVER_MS && t->overs > 1 && trend >= t->previous_trend) {
			t->over_ms = 0;
			t->overs = 0;
			t->usage = USAGE_OVER;
		}
	} else {
		t->over_ms = 0;
		t->overs = 0;
		t->usage = trend < -t->threshold_ms ? USAGE_UNDER : USAGE_NORMAL;
	}
	t->previous_trend = trend;
}

enum path_usage trendline_feed(struct trendline *t, const struct arrival_delta *d)
{
	if (t->count == 0)
		t->first_us = d->at_us;
	if (t->count < COUNT_MAX)
		t->count++;
	t->accumulated_ms += (double)(d->arrival_us - d->sent_us) / 1000;
	t->smoothed_ms = SMOOTHING * t->smoothed_ms + (1 - SMOOTHING) * t->accumulated_ms;
	t->points[t->next] = (struct trendline_point){
		.at_ms = (double)(d->at_us - t->first_us) / 1000,
		.delay_ms = t->smoothed_ms,
	};
	t->next = (t->next + 1) % TRENDLINE_WINDOW;
	double trend = slope(t) * t->count * GAIN;
	detect(t, trend, d);
	adapt_threshold(t, trend, d->at_us);
	return t->usage;
}
