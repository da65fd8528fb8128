// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/keyframe_budget.c - paying for keyframes. Contract in keyframe_budget.h.
#include "proto/rtc/loss/keyframe_budget.h"

static int64_t credit_max(const struct keyframe_budget *b)
{
	return (int64_t)b->cost_bytes * KEYFRAME_BUDGET_BURST;
}

void keyframe_budget_init(struct keyframe_budget *b)
{
	*b = (struct keyframe_budget){.cost_bytes = KEYFRAME_BUDGET_COST_START};
	b->credit_bytes = credit_max(b);
}

void keyframe_budget_earn(struct keyframe_budget *b, uint32_t bytes)
{
	b->credit_bytes += (int64_t)bytes * KEYFRAME_BUDGET_SHARE_PERCENT / 100;
	if (b->credit_bytes > credit_max(b))
		b->credit_bytes = credit_max(b);
}

bool keyframe_budget_spend(struct keyframe_budget *b, uint64_t now_us)
{
	bool waited = b->asked_us != 0 && now_us - b->asked_us >= KEYFRAME_BUDGET_WAIT_US;
	if (b->credit_bytes < b->cost_bytes && !waited)
		return false;
	b->credit_bytes -= b->cost_bytes;
	if (b->credit_bytes < -credit_max(b))
		b->credit_bytes = -credit_max(b); // debt is bounded too
	b->asked_us = now_us;
	return true;
}

void keyframe_budget_measure(struct keyframe_budget *b, uint32_t bytes)
{
	b->cost_bytes = (uint32_t)(((uint64_t)b->cost_bytes * 3 + bytes) / 4);
	if (b->cost_bytes == 0)
		b->cost_bytes = 1;
}
