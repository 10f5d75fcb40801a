/* SPDX-License-Identifier: Apache-2.0 */
/* Positions are computed in floating point: times of hostile files overflow nothing. */
#include "cmd/processes_plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The column of a time; `width` for what lies behind all. */
static double place(const struct hst_plot *plot, size_t width, uint64_t ns)
{
	double part = plot->whole == 0 ? 0 : (double)ns / (double)plot->whole;

	return (part < 1 ? part : 1) * (double)width;
}

static size_t width_of(const struct hst_plot *plot)
{
	return plot->width < HST_PLOT_MOST ? plot->width : HST_PLOT_MOST;
}

void hst_plot_span(
	char buffer[HST_PLOT_BYTES], const struct hst_plot *plot, uint64_t begin, uint64_t end)
{
	size_t width = width_of(plot);
	double from = place(plot, width, begin);
	/* Both ends are rounded alike: what follows another one begins in the column behind it. */
	size_t first = (size_t)(from + 0.5);
	size_t last = (size_t)(place(plot, width, end) + 0.5);
	size_t used;

	buffer[0] = '\0';
	if (width == 0) {
		return;
	}
	used = first < last ? first : (size_t)from < width ? (size_t)from : width - 1;
	memset(buffer, ' ', used);
	if (first >= last) {
		(void)snprintf(buffer + used, HST_PLOT_BYTES - used, "%s",
			plot->utf8 ? "\xe2\x96\x8f" : "|");
	}
	for (size_t i = first; i < last; i++) {
		used += (size_t)snprintf(buffer + used, HST_PLOT_BYTES - used, "%s",
			plot->utf8 ? "\xe2\x96\x88" : "#");
	}
}

/* The greatest value of each column, or that of the column before. `width` is not 0. */
static void fill(double *columns, size_t width, const struct hst_plot *plot,
	const struct hst_plot_point *points, size_t count)
{
	for (size_t i = 0; i < width; i++) {
		columns[i] = NAN;
	}
	for (size_t i = 0; i < count; i++) {
		size_t at = (size_t)place(plot, width, points[i].ns);

		at = at < width ? at : width - 1;
		if (isnan(columns[at]) || points[i].value > columns[at]) {
			columns[at] = points[i].value;
		}
	}
	for (size_t i = 1; i < width; i++) {
		columns[i] = isnan(columns[i]) ? columns[i - 1] : columns[i];
	}
}

void hst_plot_series(char buffer[HST_PLOT_BYTES], const struct hst_plot *plot,
	const struct hst_plot_point *points, size_t count, double most)
{
	static const char *const blocks[] = { "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
		"\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88" };
	static const char *const signs[] = { "_", ".", "-", "~", "=", "+", "*", "#" };
	double columns[HST_PLOT_MOST] = { 0 };
	size_t width = width_of(plot);
	size_t used = 0;

	buffer[0] = '\0';
	if (width == 0) {
		return;
	}
	fill(columns, width, plot, points, count);
	for (size_t i = 0; i < width; i++) {
		double share = most > 0 && columns[i] > 0 ? columns[i] / most : 0;
		size_t level = share < 1 ? (size_t)(share * 8) : 7;
		const char *sign = plot->utf8 ? blocks[level] : signs[level];

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
