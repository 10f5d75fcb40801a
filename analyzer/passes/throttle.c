/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often functions were called while they were not recorded. The preload records them again in windows at random
 * moments; a window stands for the time from the middle between it and the one before to the middle between it and the next.
 *
 *   calls that are missing = sum over the windows of   calls in it / its length * time that it stands for
 *
 * How much the windows differ says how far that may be off.
 */
#include "passes/pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Counters of windows and functions; if there are more windows, neighbours are taken together. */
#define CELLS_MAX (8u << 20)

enum hst_status hst_pass_throttle_begin(struct hst_pass *pass)
{
	struct hst_pass_throttle *throttle = &pass->throttle;
	size_t functions;
	size_t windows;

	HST_TRY(hst_throttle_read(&pass->file, &throttle->list));
	functions = throttle->list.functions.count;
	windows = throttle->list.windows.count;
	if (functions == 0) {
		return HST_OK;
	}
	throttle->together = 1 + functions * windows / CELLS_MAX;
	throttle->groups = windows / throttle->together + 1;
	throttle->watched = calloc(functions + 1, sizeof *throttle->watched);
	throttle->calls = calloc(functions * throttle->groups, sizeof *throttle->calls);
	throttle->spans = calloc(throttle->groups, sizeof *throttle->spans);
	pass->shared.watched = throttle->watched;
	return throttle->watched == NULL || throttle->calls == NULL || throttle->spans == NULL
		       ? HST_E_MEMORY
		       : HST_OK;
}

void hst_pass_throttle_end(struct hst_pass *pass)
{
	struct hst_pass_throttle *throttle = &pass->throttle;

	hst_throttle_finish(&throttle->list);
	free(throttle->watched);
	free(throttle->calls);
	free(throttle->spans);
	*throttle = (struct hst_pass_throttle){ .rows = throttle->rows,
		.row_count = throttle->row_count,
		.row_capacity = throttle->row_capacity };
	pass->shared.watched = NULL;
}

uint32_t hst_pass_throttle_watch(const struct hst_pass *pass, const struct hst_site *site)
{
	const struct hst_throttle_list *list = &pass->throttle.list;
	uint32_t index = 0;

	if (list->functions.count == 0 || site->fn >= HST_MEMORY_BASE ||
		!hst_map_get(&list->newest, site->fn, &index) || index == 0) {
		return 0;
	}
	return hst_trace_file_module(&pass->file, site->fn, site->generation) ==
			       hst_trace_file_module(&pass->file, site->fn,
				       list->functions.items[index - 1].generation)
		       ? index
		       : 0;
}

/* The first window that was not closed at `ticks`. */
static size_t window_after(const struct hst_throttle_list *list, uint64_t ticks)
{
	size_t lo = 0;
	size_t hi = list->windows.count;

	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;

		if (list->windows.items[middle].close <= ticks) {
			lo = middle + 1;
		} else {
			hi = middle;
		}
	}
	return lo;
}

/* Each thread begins a chunk when a function is suppressed, and when a window closes: one chunk has calls of one window. */
void hst_pass_throttle_chunk(struct hst_pass *pass, uint64_t begin, uint64_t end)
{
	struct hst_pass_throttle *throttle = &pass->throttle;
	const struct hst_throttle_list *list = &throttle->list;
	size_t window = list->functions.count == 0 ? 0 : window_after(list, begin);
	bool open = window < list->windows.count && list->windows.items[window].open <= end;

	for (size_t i = 0; i < list->functions.count; i++) {
		if (open && list->functions.items[i].off <= begin) {
			throttle->calls[i * throttle->groups + window / throttle->together] +=
				throttle->watched[i + 1];
		}
		throttle->watched[i + 1] = 0;
	}
}

/* Student's t, two-sided, 95 %. */
static double quantile(size_t freedom)
{
	static const double table[] = { 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26 };

	return freedom <= sizeof table / sizeof table[0] ? table[freedom - 1]
							  : 1.96 + 2.72 / (double)freedom;
}

static void add_window(struct hst_pass_throttle *throttle, size_t window, uint64_t length)
{
	throttle->spans[window / throttle->together].length += (double)length;
}

static void add_gap(struct hst_pass_throttle *throttle, size_t window, double gap)
{
	throttle->spans[window / throttle->together].stands_for += gap;
}

/* Fills the spans for a function that was suppressed from..until. false: no window in that time. */
static bool lay_out(struct hst_pass_throttle *throttle, uint64_t from, uint64_t until)
{
	const struct hst_throttle_list *list = &throttle->list;
	size_t first = window_after(list, from);
	size_t last = SIZE_MAX;
	uint64_t at = from;

	memset(throttle->spans, 0, throttle->groups * sizeof *throttle->spans);
	for (size_t i = first; i < list->windows.count; i++) {
		const struct hst_throttle_window *window = &list->windows.items[i];
		uint64_t close = window->close < until ? window->close : until;
		double gap = (double)(int64_t)(window->open - at);

		if (window->open < from) {
			continue; /* it was suppressed within the window: from the next one on */
		}
		if (window->open >= until || close <= window->open) {
			break;
		}
		add_gap(throttle, i, last == SIZE_MAX ? gap : gap / 2);
		if (last != SIZE_MAX) {
			add_gap(throttle, last, gap / 2);
		}
		add_window(throttle, i, close - window->open);
		last = i;
		at = close;
	}
	if (last != SIZE_MAX) {
		add_gap(throttle, last, until > at ? (double)(until - at) : 0);
	}
	return last != SIZE_MAX;
}

/* Missing calls of one function; how far that may be off, negative: nobody knows. */
static double estimate(const struct hst_pass_throttle *throttle, size_t function, double *ret_off)
{
	const uint64_t *calls = throttle->calls + function * throttle->groups;
	double missing = 0;
	double time = 0;
	double square = 0;
	size_t count = 0;

	for (size_t i = 0; i < throttle->groups; i++) {
		const struct hst_throttle_span *span = &throttle->spans[i];

		if (span->length > 0) {
			missing += (double)calls[i] / span->length * span->stands_for;
			time += span->stands_for;
			count++;
		}
	}
	for (size_t i = 0; i < throttle->groups; i++) {
		const struct hst_throttle_span *span = &throttle->spans[i];

		if (span->length > 0 && time > 0) {
			double off = ((double)calls[i] / span->length - missing / time) *
				     span->stands_for;

			square += off * off;
		}
	}
	*ret_off = count < 2 ? -1
			     : quantile(count - 1) *
				       sqrt(square * (double)count / (double)(count - 1));
	return missing;
}

static struct hst_throttled_row *row_of(struct hst_pass_throttle *throttle, uint32_t number)
{
	struct hst_throttled_row fresh = { .row = number };

	for (size_t i = throttle->row_count; i-- > 0;) {
		if (throttle->rows[i].row == number) {
			return &throttle->rows[i];
		}
	}
	if (!hst_vec_room(&throttle->rows, &throttle->row_capacity, throttle->row_count + 1,
		    sizeof *throttle->rows)) {
		return NULL;
	}
	throttle->rows[throttle->row_count] = fresh;
	return &throttle->rows[throttle->row_count++];
}

/* With all streams of the file read, which ended at `end`. */
enum hst_status hst_pass_throttle_sum(struct hst_pass *pass, uint64_t end)
{
	struct hst_pass_throttle *throttle = &pass->throttle;

	for (size_t i = 0; i < throttle->list.functions.count; i++) {
		const struct hst_throttled *function = &throttle->list.functions.items[i];
		struct hst_site site = { .fn = function->fn, .generation = function->generation };
		uint64_t until = function->counted < end ? function->counted : end;
		struct hst_throttled_row *row;
		uint32_t number;
		bool inlined;
		double off = -1;

		HST_TRY(hst_rows_site(pass->rows, &pass->file, &site, &number, &inlined));
		row = row_of(throttle, number);
		if (row == NULL) {
			return HST_E_MEMORY;
		}
		row->counted += function->calls;
		if (function->off >= until) {
			continue;
		}
		if (lay_out(throttle, function->off, until)) {
			row->missing += estimate(throttle, i, &off);
		}
		row->unbounded |= off < 0;
		row->square += off > 0 ? off * off : 0;
	}
	return HST_OK;
}

static uint64_t rounded(double value)
{
	return value > 0 && value < 1e18 ? (uint64_t)(value + 0.5) : 0;
}

void hst_pass_throttle_take(struct hst_pass *pass)
{
	struct hst_profile *profile = pass->profile;
	uint64_t unbounded = 0;

	for (size_t i = 0; i < pass->throttle.row_count; i++) {
		const struct hst_throttled_row *from = &pass->throttle.rows[i];
		struct hst_function_row *row = &profile->functions[from->row];
		uint64_t known = row->calls + from->counted;
		double off = sqrt(from->square);

		row->flags |= HST_ROW_THROTTLED | (from->unbounded ? HST_ROW_UNBOUNDED : 0u);
		row->estimated = known + rounded(from->missing);
		row->estimated_low =
			known + (from->unbounded ? 0 : rounded(from->missing - off));
		row->estimated_high = known + rounded(from->missing + off);
		unbounded += from->unbounded;
	}
	profile->throttled = pass->throttle.row_count;
	if (profile->throttled == 0) {
		return;
	}
	profile->complete = false;
	hst_profile_note(profile, true,
		"%llu function%s cost more to record than --overhead allows and %s left out at times: "
		"calls with ~ are estimated, times are those of the recorded calls, and the time of the "
		"others is in their callers",
		(unsigned long long)profile->throttled, profile->throttled == 1 ? "" : "s",
		profile->throttled == 1 ? "was" : "were");
	if (unbounded != 0) {
		hst_profile_note(profile, true,
			"of %llu of them it is not known how often they were called while left out "
			"(marked with >): no hook of the program ran to look again, or too seldom",
			(unsigned long long)unbounded);
	}
}
