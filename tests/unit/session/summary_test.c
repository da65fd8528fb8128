// SPDX-License-Identifier: Apache-2.0
// tests/unit/session/summary_test.c - the mean opinion score against ITU-T G.107 and G.113.
#include "controlplane/session/summary.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

// G.107 B.4: opinion out of the rating.
static double mos_of(double r)
{
	return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
}

// The rating that a score stands for: found, not solved.
static double rating_of(double mos)
{
	double low = 6.5, high = 100; // below, the score is 1 for several

	for (int i = 0; i < 60; i++) {
		double middle = (low + high) / 2;
		if (mos_of(middle) < mos)
			low = middle;
		else
			high = middle;
	}
	return low;
}

// One packet of speech is 20 ms of the delay.
static double mos_at_delay(double ms)
{
	return summary_mos(0, 0, 2 * (ms - 20) / 1000);
}

// G.107 7.4, by hand: Idd = 25 ((1 + X^6)^(1/6) - 3 (1 + (X/3)^6)^(1/6) + 2), X = log2(ms / 100).
//   100 ms  X 0: 25 (1 - 3 + 2) = 0
//   200 ms  X 1: 2^(1/6) = 1.12246, (1 + 1/729)^(1/6) = 1.000229: 25 (1.12246 - 3.00069 + 2)
//   = 3.044 400 ms  X 2: 65^(1/6) = 2.00518, (1 + 64/729)^(1/6) = 1.014124: 25 (2.00518 - 3.04237 +
//   2) = 24.070 800 ms  X 3: 730^(1/6) = 3.00069, 2^(1/6) = 1.12246: 25 (3.00069 - 3.36739 + 2)
//   = 40.833
// The score of R = 93.2 - Idd, by MOS = 1 + 0.035 R + R (R - 60) (100 - R) 7e-6:
//   93.200  1 + 3.26200 + 93.200 * 33.200 * 6.800 * 7e-6 (0.14729) = 4.4093
//   90.156  1 + 3.15546 + 90.156 * 30.156 * 9.844 * 7e-6 (0.18734) = 4.3428
//   69.130  1 + 2.41955 + 69.130 * 9.130 * 30.870 * 7e-6 (0.13639) = 3.5559
//   52.367  1 + 1.83285 - 52.367 * 7.633 * 47.633 * 7e-6 (0.13328) = 2.6996
static void test_delay(void **state)
{
	static const struct {
		double ms, impairment, mos;
	} rows[] = {
		{20, 0, 4.4093},       {100, 0, 4.4093},      {200, 3.044, 4.3428},
		{400, 24.070, 3.5559}, {800, 40.833, 2.6996},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double mos = mos_at_delay(rows[i].ms);
		assert_true(fabs(mos - rows[i].mos) < 0.0002);
		assert_true(fabs(93.2 - rating_of(mos) - rows[i].impairment) < 0.002);
	}
	for (double ms = 100; ms < 2000; ms += 10)
		assert_true(mos_at_delay(ms + 10) < mos_at_delay(ms));
}

// G.107 7.5, by hand, Bpl 25.1, BurstR 1, Ie 0: Ie-eff = 95 Ppl / (Ppl + 25.1).
//    1 %   95 / 26.1 = 3.640      R 89.560   MOS 1 + 3.13461 + 0.19347 = 4.3281
//    5 %  475 / 30.1 = 15.781     R 77.419   MOS 1 + 2.70968 + 0.21316 = 3.9228
//   20 % 1900 / 45.1 = 42.129     R 51.071   MOS 1 + 1.78750 - 0.15618 = 2.6313
// and with 400 ms: 5 %            R 53.349   MOS 1 + 1.86722 - 0.11587 = 2.7514
static void test_loss_by_the_formula(void **state)
{
	static const struct {
		double percent, ms, mos;
	} rows[] = {
		{1, 20, 4.3281},
		{5, 20, 3.9228},
		{20, 20, 2.6313},
		{5, 400, 2.7514},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double mos = summary_mos(rows[i].percent / 100, 0, 2 * (rows[i].ms - 20) / 1000);
		assert_true(fabs(mos - rows[i].mos) < 0.0002);
	}
}

static void test_loss(void **state)
{
	// G.113 appendix I: equipment impairment of G.711 with concealment, packets of 10 ms lost
	// at random.
	static const struct {
		double percent, impairment;
	} rows[] = {{1, 5}, {2, 7}, {3, 10}, {5, 15}, {7, 20}, {10, 25}, {15, 35}, {20, 45}};
	double whole = rating_of(summary_mos(0, 0, 0));

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double lost = whole - rating_of(summary_mos(rows[i].percent / 100, 0, 0));
		assert_true(fabs(lost - rows[i].impairment) < 3);
	}
}

static void test_jitter_is_delay(void **state)
{
	(void)state;
	// A buffer of twice the jitter holds it.
	assert_true(fabs(summary_mos(0.02, 0.04, 0.1) - summary_mos(0.02, 0, 0.26)) < 1e-9);
	assert_true(summary_mos(0, 0.1, 0) < summary_mos(0, 0.02, 0)); // 220 ms, 60 ms
}

static void test_ends(void **state)
{
	(void)state;
	assert_true(summary_mos(1, 1, 1) == 1);
	// A delay alone costs at most 25 * 2: X - 3 (X / 3) is 0 in the end.
	assert_true(fabs(93.2 - rating_of(summary_mos(0, 0, 1e6)) - 50) < 0.01);
	for (double loss = 0; loss < 1; loss += 0.01)
		assert_true(summary_mos(loss, 0, 0.1) > summary_mos(loss + 0.01, 0, 0.1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delay), cmocka_unit_test(test_loss_by_the_formula),
		cmocka_unit_test(test_loss),  cmocka_unit_test(test_jitter_is_delay),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
