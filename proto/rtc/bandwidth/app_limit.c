// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/app_limit.c - a budget nobody uses. Contract in app_limit.h.
#include "proto/rtc/bandwidth/app_limit.h"

void app_limit_init(struct app_limit *a, uint64_t now_us)
{
	*a = (struct app_limit){.filled_us = now_us};
}

void app_limit_sent(struct app_limit *a, uint64_t bytes, uint64_t estimate_bps, uint64_t now_us)
{
	uint64_t bytes_per_s = estimate_bps / 8 * APP_LIMIT_SHARE_PERCENT / 100;
	int64_t window = (int64_t)(bytes_per_s * APP_LIMIT_WINDOW_US / 1000000);
	uint64_t elapsed_us = now_us - a->filled_us;

	if (elapsed_us > APP_LIMIT_WINDOW_US)
		elapsed_us = APP_LIMIT_WINDOW_US;
	a->filled_us = now_us;
	a->budget_bytes += (int64_t)(bytes_per_s * elapsed_us / 1000000) - (int64_t)bytes;
	if (a->budget_bytes > window)
		a->budget_bytes = window;
	if (a->budget_bytes < -window)
		a->budget_bytes = -window;
	if (a->budget_bytes > window * APP_LIMIT_ENTER_PERCENT / 100)
		a->limited = true;
	else if (a->budget_bytes < window * APP_LIMIT_LEAVE_PERCENT / 100)
		a->limited = false;
}
