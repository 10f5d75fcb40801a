/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Medians, the test of Mann and Whitney, the estimate of Hodges and Lehmann. Times are compared on
 * logarithms, so that a shift is a ratio. Nothing here depends on anything but its arguments.
 */
#include "plan/verify_stats.h"

#include "util/random.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TAIL 0.025
/* Behind it 2.5 % of a normal distribution lie. */
#define TAIL_Z 1.959963984540054

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static void swap(double *a, double *b)
{
	double kept = *a;

	*a = *b;
	*b = kept;
}

/* The value that has `rank` others before it when sorted (Hoare's FIND); those are then in front of it, none of them larger. */
static double select_rank(double *values, ptrdiff_t count, ptrdiff_t rank)
{
	ptrdiff_t low = 0;
	ptrdiff_t high = count - 1;

	while (low < high) {
		double pivot = values[rank];
		ptrdiff_t i = low;
		ptrdiff_t j = high;

		while (i <= j) {
			while (values[i] < pivot) {
				i++;
			}
			while (values[j] > pivot) {
				j--;
			}
			if (i <= j) {
				swap(&values[i++], &values[j--]);
			}
		}
		low = j < rank ? i : low;
		high = rank < i ? j : high;
	}
	return values[rank];
}

static double median_in_place(double *values, size_t count)
{
	double upper = select_rank(values, (ptrdiff_t)count, (ptrdiff_t)(count / 2));
	double lower;

	if (count % 2 == 1) {
		return upper;
	}
	lower = values[0];
	for (size_t i = 1; i < count / 2; i++) {
		lower = values[i] > lower ? values[i] : lower;
	}
	return (lower + upper) / 2;
}

double hst_stats_minimum(const double *values, size_t count)
{
	double least = NAN;

	for (size_t i = 0; i < count; i++) {
		least = i == 0 || values[i] < least ? values[i] : least;
	}
	return least;
}

double hst_stats_median(const double *values, size_t count)
{
	double copy[HST_STATS_COUNT_MAX];

	assert(count <= HST_STATS_COUNT_MAX);
	if (count == 0) {
		return NAN;
	}
	memcpy(copy, values, count * sizeof *copy);
	return median_in_place(copy, count);
}

double hst_stats_mad(const double *values, size_t count)
{
	double distance[HST_STATS_COUNT_MAX];
	double middle = hst_stats_median(values, count);

	for (size_t i = 0; i < count; i++) {
		distance[i] = fabs(values[i] - middle);
	}
	return hst_stats_median(distance, count);
}

/*
 * ret_below[u], u from 0 to n*m: the probability that U is at most u if both samples are alike. Counted by the
 * largest of all values: it is one of the n, and larger than all m others, or one of the m.
 *
 *   ways(n, m, u) = ways(n - 1, m, u - m) + ways(n, m - 1, u)
 */
static bool u_distribution(size_t n, size_t m, double *ret_below)
{
	size_t width = n * m + 1;
	double *ways = calloc((m + 1) * width, sizeof *ways);
	double all = 0;

	if (ways == NULL) {
		return false;
	}
	/* ways[j * width + u] for i values of the first sample; i = 0: U is 0 in the only way there is. */
	for (size_t j = 0; j <= m; j++) {
		ways[j * width] = 1;
	}
	for (size_t i = 1; i <= n; i++) {
		for (size_t j = 1; j <= m; j++) {
			double *to = ways + j * width;

			for (size_t u = i * j + 1; u-- > 0;) {
				to[u] = (u >= j ? to[u - j] : 0) + to[u - width];
			}
		}
	}
	for (size_t u = 0; u < width; u++) {
		all += ways[m * width + u];
		ret_below[u] = all;
	}
	for (size_t u = 0; u < width; u++) {
		ret_below[u] /= all;
	}
	free(ways);
	return true;
}

/* Sum of t^3 - t over the groups of equal values. */
static double ties(const double *a, size_t a_count, const double *b, size_t b_count)
{
	double both[2 * HST_STATS_COUNT_MAX];
	size_t count = a_count + b_count;
	double sum = 0;

	memcpy(both, a, a_count * sizeof *a);
	memcpy(both + a_count, b, b_count * sizeof *b);
	qsort(both, count, sizeof *both, compare);
	for (size_t i = 0, end; i < count; i = end) {
		double group;

		for (end = i + 1; end < count && both[end] == both[i]; end++) {
		}
		group = (double)(end - i);
		sum += group * group * group - group;
	}
	return sum;
}

static double normal_p(double u, double n, double m, double tied)
{
	double all = n + m;
	double far = fabs(u - n * m / 2);
	double variance = n * m / 12 * (all + 1 - tied / (all * (all - 1)));
	double z = variance > 0 ? (far - 0.5) / sqrt(variance) : 0;

	return fmin(1, erfc(z / sqrt(2)));
}

enum hst_status hst_stats_mann_whitney(const double *a, size_t a_count, const double *b,
	size_t b_count, struct hst_mann_whitney *ret_test)
{
	struct hst_mann_whitney test = { .p = 1 };
	double pairs = (double)a_count * (double)b_count;
	double tied;
	double *below;

	assert(a_count <= HST_STATS_COUNT_MAX && b_count <= HST_STATS_COUNT_MAX);
	for (size_t i = 0; i < a_count; i++) {
		for (size_t j = 0; j < b_count; j++) {
			test.u += a[i] > b[j] ? 1 : a[i] == b[j] ? 0.5 : 0;
		}
	}
	if (a_count == 0 || b_count == 0) {
		*ret_test = test;
		return HST_OK;
	}
	tied = ties(a, a_count, b, b_count);
	test.exact =
		!(tied > 0) && a_count <= HST_STATS_EXACT_MAX && b_count <= HST_STATS_EXACT_MAX;
	if (test.exact) {
		below = calloc(a_count * b_count + 1, sizeof *below);
		if (below == NULL || !u_distribution(a_count, b_count, below)) {
			free(below);
			return HST_E_MEMORY;
		}
		test.p = fmin(1, 2 * below[(size_t)fmin(test.u, pairs - test.u)]);
		free(below);
	} else {
		test.p = normal_p(test.u, (double)a_count, (double)b_count, tied);
	}
	*ret_test = test;
	return HST_OK;
}

static void draw(const double *values, size_t count, uint64_t *seed, double *ret_drawn)
{
	for (size_t i = 0; i < count; i++) {
		ret_drawn[i] = values[hst_random_below(seed, count)];
	}
}

/* b[j] - a[i] of all; returns how many. */
static size_t differences(
	const double *a, size_t a_count, const double *b, size_t b_count, double *ret_values)
{
	size_t count = 0;

	for (size_t i = 0; i < a_count; i++) {
		for (size_t j = 0; j < b_count; j++) {
			ret_values[count++] = b[j] - a[i];
		}
	}
	return count;
}

/* The means of all two, each with itself, too. */
static size_t walsh_averages(const double *values, size_t count, double *ret_values)
{
	size_t made = 0;

	for (size_t i = 0; i < count; i++) {
		for (size_t j = i; j < count; j++) {
			ret_values[made++] = (values[i] + values[j]) / 2;
		}
	}
	return made;
}

/*
 * How many of the sorted values lie outside of the interval at each end: the most for which the statistic, whose
 * distribution is ret_below, is less than that with at most 2.5 %.
 */
static size_t outside(const double *below, size_t count)
{
	size_t k = 0;

	while (k < count && below[k] <= TAIL) {
		k++;
	}
	return k;
}

static bool u_outside(size_t n, size_t m, size_t *ret_outside)
{
	double *below;
	double k;

	if (n > HST_STATS_EXACT_MAX || m > HST_STATS_EXACT_MAX) {
		k = (double)(n * m) / 2 - TAIL_Z * sqrt((double)(n * m * (n + m + 1)) / 12);
		*ret_outside = k > 0 ? (size_t)k : 0;
		return true;
	}
	below = calloc(n * m + 1, sizeof *below);
	if (below == NULL || !u_distribution(n, m, below)) {
		free(below);
		return false;
	}
	*ret_outside = outside(below, n * m + 1);
	free(below);
	return true;
}

/* The same for the sum of Wilcoxon's signed ranks, 0 to n(n+1)/2: each rank is in it or not. */
static bool ranks_outside(size_t n, size_t *ret_outside)
{
	size_t width = n * (n + 1) / 2 + 1;
	double *below = calloc(width, sizeof *below);
	double sum = 0;

	if (below == NULL) {
		return false;
	}
	below[0] = 1;
	for (size_t rank = 1; rank <= n; rank++) {
		for (size_t w = width; w-- > 0;) {
			below[w] = (below[w] + (w >= rank ? below[w - rank] : 0)) / 2;
		}
	}
	for (size_t w = 0; w < width; w++) {
		sum += below[w];
		below[w] = sum;
	}
	*ret_outside = outside(below, width);
	free(below);
	return true;
}

/* Estimate and interval of the ranks, from all differences; `cut` of them lie outside at each end. */
static void from_values(double *values, size_t count, size_t cut, struct hst_ratio *ret_ratio)
{
	qsort(values, count, sizeof *values, compare);
	ret_ratio->ratio = exp(count % 2 == 1 ? values[count / 2]
					      : (values[count / 2 - 1] + values[count / 2]) / 2);
	ret_ratio->low = cut == 0 ? 0 : exp(values[cut - 1]);
	ret_ratio->high = cut == 0 ? (double)INFINITY : exp(values[count - cut]);
}

static void from_draws(double *draws, struct hst_ratio *ratio)
{
	qsort(draws, HST_STATS_DRAWS, sizeof *draws, compare);
	ratio->boot_low = exp(draws[HST_STATS_DRAWS / 40]);
	ratio->boot_high = exp(draws[HST_STATS_DRAWS - 1 - HST_STATS_DRAWS / 40]);
	ratio->low = fmin(ratio->low, ratio->boot_low);
	ratio->high = fmax(ratio->high, ratio->boot_high);
}

static void logarithms(const double *values, size_t count, double *ret_logs)
{
	assert(count <= HST_STATS_COUNT_MAX);
	for (size_t i = 0; i < count; i++) {
		ret_logs[i] = log(values[i]);
	}
}

enum hst_status hst_stats_ratio(const double *a, size_t a_count, const double *b, size_t b_count,
	uint64_t seed, struct hst_ratio *ret_ratio)
{
	double logs_a[HST_STATS_COUNT_MAX];
	double logs_b[HST_STATS_COUNT_MAX];
	double drawn_a[HST_STATS_COUNT_MAX];
	double drawn_b[HST_STATS_COUNT_MAX];
	struct hst_ratio ratio;
	double draws[HST_STATS_DRAWS];
	double *values;
	size_t cut;

	if (a_count == 0 || b_count == 0) {
		return HST_E_EMPTY;
	}
	values = calloc(a_count * b_count, sizeof *values);
	if (values == NULL || !u_outside(a_count, b_count, &cut)) {
		free(values);
		return HST_E_MEMORY;
	}
	logarithms(a, a_count, logs_a);
	logarithms(b, b_count, logs_b);
	from_values(values, differences(logs_a, a_count, logs_b, b_count, values), cut, &ratio);
	for (size_t i = 0; i < HST_STATS_DRAWS; i++) {
		draw(logs_a, a_count, &seed, drawn_a);
		draw(logs_b, b_count, &seed, drawn_b);
		draws[i] = median_in_place(
			values, differences(drawn_a, a_count, drawn_b, b_count, values));
	}
	from_draws(draws, &ratio);
	free(values);
	*ret_ratio = ratio;
	return HST_OK;
}

enum hst_status hst_stats_ratio_paired(
	const double *a, const double *b, size_t count, uint64_t seed, struct hst_ratio *ret_ratio)
{
	double logs[HST_STATS_COUNT_MAX];
	double drawn[HST_STATS_COUNT_MAX];
	struct hst_ratio ratio;
	double draws[HST_STATS_DRAWS];
	double *values;
	size_t cut;

	if (count == 0) {
		return HST_E_EMPTY;
	}
	assert(count <= HST_STATS_COUNT_MAX);
	values = calloc(count * (count + 1) / 2, sizeof *values);
	if (values == NULL || !ranks_outside(count, &cut)) {
		free(values);
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < count; i++) {
		logs[i] = log(b[i]) - log(a[i]);
	}
	from_values(values, walsh_averages(logs, count, values), cut, &ratio);
	for (size_t i = 0; i < HST_STATS_DRAWS; i++) {
		draw(logs, count, &seed, drawn);
		draws[i] = median_in_place(values, walsh_averages(drawn, count, values));
	}
	from_draws(draws, &ratio);
	free(values);
	*ret_ratio = ratio;
	return HST_OK;
}
