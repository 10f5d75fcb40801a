/* SPDX-License-Identifier: Apache-2.0 */
/* Positions are computed in floating point: times of hostile files overflow nothing. */
#include "cmd/processes_plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The column of a time; `width` for what lies behind all. */
static double place(uint64_t ns, uint64_t whole, size_t width)
{
	double part = whole == 0 ? 0 : (double)ns / (double)whole;

	return (part < 1 ? part : 1) * (double)width;
}

void hst_plot_span(char buffer[HST_PLOT_BYTES], size_t width, bool utf8, uint64_t begin,
	uint64_t end, uint64_t whole)
{
	double from;
	size_t first;
	size_t last;
	size_t used;

	width = width > HST_PLOT_MOST ? HST_PLOT_MOST : width;
	buffer[0] = '\0';
	if (width == 0) {
		return;
	}
	/* Both ends are rounded alike: what follows another one begins in the column behind it. */
	from = place(begin, whole, width);
	first = (size_t)(from + 0.5);
	last = (size_t)(place(end, whole, width) + 0.5);
	used = first < last ? first : (size_t)from < width ? (size_t)from : width - 1;
	memset(buffer, ' ', used);
	if (first >= last) {
		(void)snprintf(
			buffer + used, HST_PLOT_BYTES - used, "%s", utf8 ? "\xe2\x96\x8f" : "|");
	}
	for (size_t i = first; i < last; i++) {
		used += (size_t)snprintf(
			buffer + used, HST_PLOT_BYTES - used, "%s", utf8 ? "\xe2\x96\x88" : "#");
	}
}

static void fill(double *columns, size_t width, const struct hst_plot_point *points, size_t count,
	uint64_t whole)
{
	for (size_t i = 0; i < width; i++) {
		columns[i] = NAN;
	}
	for (size_t i = 0; i < count; i++) {
		size_t at = (size_t)place(points[i].ns, whole, width);

		at = at < width ? at : width - 1;
		if (isnan(columns[at]) || points[i].value > columns[at]) {
			columns[at] = points[i].value;
		}
	}
	for (size_t i = 1; i < width; i++) {
		columns[i] = isnan(columns[i]) ? columns[i - 1] : columns[i];
	}
}

void hst_plot_series(char buffer[HST_PLOT_BYTES], size_t width, bool utf8,
	const struct hst_plot_point *points, size_t count, uint64_t whole, double most)
{
	static const char *const blocks[] = { "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
		"\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88" };
	static const char *const signs[] = { "_", ".", "-", "~", "=", "+", "*", "#" };
	double columns[HST_PLOT_MOST];
	size_t used = 0;

	width = width > HST_PLOT_MOST ? HST_PLOT_MOST : width;
	fill(columns, width, points, count, whole);
	buffer[0] = '\0';
	for (size_t i = 0; i < width; i++) {
		double share = most > 0 && columns[i] > 0 ? columns[i] / most : 0;
		size_t level = share < 1 ? (size_t)(share * 8) : 7;
		const char *sign = utf8 ? blocks[level] : signs[level];

		used += (size_t)snprintf(
			buffer + used, HST_PLOT_BYTES - used, "%s", isnan(columns[i]) ? " " : sign);
	}
}

size_t hst_plot_arms(char *buffer, size_t size, bool utf8, const bool *more, size_t depth)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < depth && used + 8 < size; i++) {
		bool own = i + 1 == depth;
		const char *arm = own ? (more[i] ? "|-" : "`-") : (more[i] ? "| " : "  ");

		if (utf8) {
			arm = own ? (more[i] ? "\xe2\x94\x9c\xe2\x94\x80"
					     : "\xe2\x94\x94\xe2\x94\x80")
				  : (more[i] ? "\xe2\x94\x82 " : "  ");
		}
		used += (size_t)snprintf(buffer + used, size - used, "%s", arm);
	}
	return used;
}
