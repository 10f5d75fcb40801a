/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Curves of growth. A factor per level is a straight line of the logarithm; its slope must be the same in both halves, or the growth is
 * slower or faster than any such factor. A power p is a straight line of the p-th root, wherever the curve begins.
 */
#include "passes/cache_growth.h"

#include <math.h>
#include <stdlib.h>

#define POINTS_LEAST 6u
#define FACTOR_LEAST 1.1
#define FIT_LEAST    0.99 /* r2 */
/* Slopes of the halves may differ by so much of the whole one's: 2^n/sqrt(n), as of binomial coefficients, does by a tenth. */
#define HALVES      0.2
#define POWER_MOST  4u
#define POWER_AWAY  0.3  /* of the slope of log(keys) by log(levels) from a whole number */
#define FACTOR_LESS 0.95 /* a smaller factor is one */

struct line {
	double slope;
	double fit; /* r2 */
};

struct curve {
	double *x, *y;
	size_t count;
};

static struct line line_of(const double *x, const double *y, size_t count)
{
	double mean_x = 0;
	double mean_y = 0;
	double xx = 0;
	double xy = 0;
	double yy = 0;
	struct line line = { 0 };

	for (size_t i = 0; i < count; i++) {
		mean_x += x[i] / (double)count;
		mean_y += y[i] / (double)count;
	}
	for (size_t i = 0; i < count; i++) {
		xx += (x[i] - mean_x) * (x[i] - mean_x);
		xy += (x[i] - mean_x) * (y[i] - mean_y);
		yy += (y[i] - mean_y) * (y[i] - mean_y);
	}
	if (xx > 0 && yy > 0) {
		line.slope = xy / xx;
		line.fit = xy * xy / (xx * yy);
	}
	return line;
}

/* Is it straight, not only close to a line? */
static bool is_straight(const struct curve *curve, const struct line *line)
{
	size_t half = curve->count / 2;
	struct line low = line_of(curve->x, curve->y, half);
	struct line high = line_of(curve->x + half, curve->y + half, curve->count - half);

	return line->fit >= FIT_LEAST && fabs(high.slope - low.slope) <= HALVES * line->slope;
}

static enum hst_status open_curve(size_t count, struct curve *curve)
{
	curve->count = count;
	curve->x = malloc((count + 1) * sizeof *curve->x);
	curve->y = malloc((count + 1) * sizeof *curve->y);
	return curve->x == NULL || curve->y == NULL ? HST_E_MEMORY : HST_OK;
}

static void close_curve(struct curve *curve)
{
	free(curve->x);
	free(curve->y);
}

enum hst_status hst_cache_fit_calls(
	const struct hst_cache_tree *trees, size_t count, struct hst_cache_growth *growth)
{
	struct curve curve = { 0 };
	struct line line;
	enum hst_status status;

	growth->state = HST_CACHE_GROWTH_FEW;
	if (count < POINTS_LEAST) {
		return HST_OK;
	}
	growth->trees = (uint32_t)count;
	growth->least = trees[0].levels;
	growth->most = trees[count - 1].levels;
	status = open_curve(count, &curve);
	for (size_t i = 0; i < count && status == HST_OK; i++) {
		curve.x[i] = trees[i].levels;
		curve.y[i] = log((double)trees[i].calls);
	}
	if (status == HST_OK) {
		line = line_of(curve.x, curve.y, count);
		growth->factor = exp(line.slope);
		growth->calls_fit = line.fit;
		growth->state = growth->factor >= FACTOR_LEAST && is_straight(&curve, &line)
					? HST_CACHE_GROWTH_KNOWN
					: HST_CACHE_GROWTH_CALLS;
	}
	close_curve(&curve);
	return status;
}

/* The root of the keys that lies best on a line. */
static void find_power(struct curve *curve, const struct hst_cache_tree *trees, double *ret_slope,
	struct hst_cache_growth *growth)
{
	for (size_t i = 0; i < curve->count; i++) {
		curve->x[i] = log((double)trees[i].levels + 1);
		curve->y[i] = log((double)trees[i].keys);
	}
	*ret_slope = line_of(curve->x, curve->y, curve->count).slope;
	for (uint32_t power = 1; power <= POWER_MOST; power++) {
		struct line line;

		for (size_t i = 0; i < curve->count; i++) {
			curve->x[i] = trees[i].levels;
			curve->y[i] = pow((double)trees[i].keys, 1.0 / power);
		}
		line = line_of(curve->x, curve->y, curve->count);
		if (line.fit > growth->keys_fit) {
			growth->keys_fit = line.fit;
			growth->power = power;
		}
	}
}

/* A factor, in place of a power. */
static bool find_factor(
	struct curve *curve, const struct hst_cache_tree *trees, struct hst_cache_growth *growth)
{
	struct line line;

	for (size_t i = 0; i < curve->count; i++) {
		curve->y[i] = log((double)trees[i].keys);
	}
	line = line_of(curve->x, curve->y, curve->count);
	if (!is_straight(curve, &line) || exp(line.slope) < FACTOR_LEAST) {
		return false;
	}
	growth->power = 0;
	growth->keys_factor = exp(line.slope);
	growth->keys_fit = line.fit;
	return true;
}

enum hst_status hst_cache_fit_keys(
	const struct hst_cache_tree *trees, size_t count, struct hst_cache_growth *growth)
{
	struct curve curve = { 0 };
	enum hst_status status = open_curve(count, &curve);
	double slope;

	growth->keys_fit = 0;
	if (status == HST_OK) {
		find_power(&curve, trees, &slope, growth);
		if (growth->keys_fit >= FIT_LEAST && fabs(slope - growth->power) <= POWER_AWAY) {
			growth->state = HST_CACHE_GROWTH_KNOWN;
		} else if (find_factor(&curve, trees, growth)) {
			growth->state = growth->keys_factor <= FACTOR_LESS * growth->factor
						? HST_CACHE_GROWTH_KNOWN
						: HST_CACHE_GROWTH_SAME;
		} else {
			growth->power = 0;
			growth->keys_fit = 0;
			growth->state = HST_CACHE_GROWTH_KEYS;
		}
	}
	close_curve(&curve);
	return status;
}
