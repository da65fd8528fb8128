// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/app_limit.h - is less being sent than the estimate allows (ALR)?
//
// Place   the estimator: what gets through then says nothing of the path.
// Thread  one owner.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	APP_LIMIT_SHARE_PERCENT = 65, // of the estimate counts as using it
	APP_LIMIT_WINDOW_US = 500000,
	APP_LIMIT_ENTER_PERCENT = 80, // of the window's budget left over
	APP_LIMIT_LEAVE_PERCENT = 50,
};

struct app_limit {
	int64_t budget_bytes; // unused
	uint64_t filled_us;
	bool limited;
};

void app_limit_init(struct app_limit *a, uint64_t now_us);
// 'bytes' left; 0 just lets time pass.
void app_limit_sent(struct app_limit *a, uint64_t bytes, uint64_t estimate_bps, uint64_t now_us);
