/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparison of two samples of times, without an assumption about their distribution. Pure functions;
 * docs/verify.md has the formulas and where they come from.
 */
#ifndef HST_PLAN_VERIFY_STATS_H
#define HST_PLAN_VERIFY_STATS_H

#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a sample. All functions take at most so many. */
#define HST_STATS_COUNT_MAX 200u
/* Both samples are at most so large: the distribution of U is counted, else approximated. */
#define HST_STATS_EXACT_MAX 50u

/* NaN without values, here and below. */
double hst_stats_minimum(const double *values, size_t count);
double hst_stats_median(const double *values, size_t count);
/* Median of the distances from the median, as it is: not scaled to a standard deviation. */
double hst_stats_mad(const double *values, size_t count);

struct hst_mann_whitney {
	double u;   /* pairs in which the value of `a` is the larger one; ties count half */
	double p;   /* two-sided */
	bool exact; /* counted, not approximated */
};

/*
 * Mann-Whitney's U test: do values of the one sample tend to be larger? Exact without ties and up to
 * HST_STATS_EXACT_MAX values, else by the normal distribution with corrections for ties and continuity.
 * An empty sample: p is 1. HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_stats_mann_whitney(const double *a, size_t a_count,
	const double *b, size_t b_count, struct hst_mann_whitney *ret_test);

struct hst_ratio {
	double ratio;     /* of b to a */
	double low, high; /* 95 % interval; 0 and infinity where there are too few values for one */
	double boot_low, boot_high; /* by the bootstrap alone */
};

/*
 * Hodges-Lehmann estimate of how many times as large the values of `b` are: the median of all b/a, on
 * logarithms. All values are above 0. The interval is that of the bootstrap (percentiles of
 * HST_STATS_DRAWS draws by `seed`), made wider, where that is wider, to the interval of the ranks,
 * which is exact for few values, where the bootstrap's is too narrow. HST_E_MEMORY; HST_E_EMPTY: a sample is empty.
 */
#define HST_STATS_DRAWS 2000u
HST_NODISCARD enum hst_status hst_stats_ratio(const double *a, size_t a_count, const double *b,
	size_t b_count, uint64_t seed, struct hst_ratio *ret_ratio);

/*
 * The same for pairs: the median of the means of all two (or one) logarithms of b[i]/a[i]. The interval
 * of the ranks is that of Wilcoxon's signed ranks.
 */
HST_NODISCARD enum hst_status hst_stats_ratio_paired(
	const double *a, const double *b, size_t count, uint64_t seed, struct hst_ratio *ret_ratio);

#endif
