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

// G.107 7.4, with the defaults of its table 3: talker echo, listener echo, and delay as such.
static double delay_impairment(double ms)
{
	double echo = 65 - 40 * log10((1 + ms / 10) / (1 + ms / 150)) + 6 * exp(-0.3 * ms * ms);
	double talker = (-1.5 * (-61.18 - 2) - (80 + 2.5 * (echo - 14))) / 2;
	double listener = (94.77 - 10.5 * (110 + 7) * pow(2 * ms + 1, -0.25)) / 2;
	double x = log2(ms / 100);
	double absolute =
		25 * (pow(1 + pow(x, 6), 1.0 / 6) - 3 * pow(1 + pow(x / 3, 6), 1.0 / 6) + 2);

	return talker + sqrt(talker * talker + 100) - 1 + listener +
	       sqrt(listener * listener + 169) + (ms > 100 ? absolute : 0);
}

// One packet of speech is 20 ms of the delay.
static double mos_at_delay(double ms)
{
	return summary_mos(0, 0, 2 * (ms - 20) / 1000);
}

static void test_scores_of_ratings(void **state)
{
	// G.107 table B.1, with the delay at which the rating is that one.
	static const struct {
		double ms, mos;
	} rows[] = {
		{133.33, 4.34}, // 90
		{244.05, 4.03}, // 80
		{318.68, 3.60}, // 70
		{393.31, 3.10}, // 60
		{467.93, 2.58}, // 50
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(fabs(mos_at_delay(rows[i].ms) - rows[i].mos) < 0.006);
	// What is left of 93.2, 4.41, when nothing but a packet's length is lost.
	assert_true(fabs(summary_mos(0, 0, 0) - 4.40) < 0.006);
}

static void test_delay(void **state)
{
	(void)state;
	for (double ms = 30; ms <= 300; ms += 10)
		assert_true(fabs(93.2 - rating_of(mos_at_delay(ms)) - delay_impairment(ms)) < 1.1);
	// Beyond, the score is on the severe side.
	for (double ms = 310; ms <= 500; ms += 10)
		assert_true(93.2 - rating_of(mos_at_delay(ms)) > delay_impairment(ms) - 0.5);
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
	assert_true(summary_mos(0, 0.1, 0) < summary_mos(0, 0.02, 0));
}

static void test_ends(void **state)
{
	(void)state;
	assert_true(summary_mos(0, 0, 60) == 1);
	assert_true(summary_mos(1, 1, 1) == 1);
	for (double loss = 0; loss < 1; loss += 0.01)
		assert_true(summary_mos(loss, 0, 0.1) >= summary_mos(loss + 0.01, 0, 0.1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scores_of_ratings),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_jitter_is_delay),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
