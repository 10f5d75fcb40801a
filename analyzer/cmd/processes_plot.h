/* SPDX-License-Identifier: Apache-2.0 */
/* Small drawings of time: when something ran, how a figure went. In blocks or in ASCII. */
#ifndef HST_CMD_PROCESSES_PLOT_H
#define HST_CMD_PROCESSES_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HST_PLOT_MOST  200
#define HST_PLOT_BYTES (3 * HST_PLOT_MOST + 1) /* of a drawing */

/* How to draw. */
struct hst_plot {
	size_t width; /* columns, at most HST_PLOT_MOST are used */
	bool utf8;
	uint64_t whole; /* nanoseconds that are the width */
};

/*
 * `begin` to `end` on a line, without blanks behind it; what is too short for a column is a thin mark.
 */
void hst_plot_span(
	char buffer[HST_PLOT_BYTES], const struct hst_plot *plot, uint64_t begin, uint64_t end);

/* Of a series: no value is NaN. */
struct hst_plot_point {
	uint64_t ns;
	double value;
};

/*
 * A line of eight heights from 0 to `most`: the greatest value within each column; what was not sampled stays as it was,
 * blank before the first sample.
 */
void hst_plot_series(char buffer[HST_PLOT_BYTES], const struct hst_plot *plot,
	const struct hst_plot_point *points, size_t count, double most);

/* The branches before a node of a tree: `more` tells per level whether others follow there. Returns the bytes. */
size_t hst_plot_arms(char *buffer, size_t size, bool utf8, const bool *more, size_t depth);

#endif
