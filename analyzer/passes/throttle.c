/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often functions were called while they were not recorded. The preload records them again in windows at random
 * moments; a window stands for the time from the middle between it and the one before to the middle between it and the next.
 *
 *   calls that are missing = sum over the windows of   calls in it / its own time * time that it stands for
 *
 * In a window the program runs slower, perhaps ten times. Its own time is what is left when each recorded call has cost
 * so much that the same sum, made for the functions that are always recorded, gives the calls that these really had.
 * How much the windows differ says how far all that may be off.
 */
#include "passes/pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX   (2u << 20) /* if there are more, neighbouring windows are taken together */
#define STEADY_MIN  100u       /* calls of functions that are always recorded, in all windows */
#define OWN_MIN     0.02       /* of a window's time */
#define HALVINGS    50
#define LATE_US     5000u
#define LATE_MOST   0.05 /* of the windows, and of the time */
#define WINDOWS_MIN 20u  /* fewer may all have missed a part that takes a tenth of the time */

enum hst_status hst_pass_throttle_begin(struct hst_pass *pass)
{
	struct hst_pass_throttle *throttle = &pass->throttle;
	size_t functions;
	size_t windows;

	HST_TRY(hst_throttle_read(&pass->file, &throttle->list));
	throttle->cut = throttle->cut || throttle->list.cut_at != UINT32_MAX;
	functions = throttle->list.functions.count;
	windows = throttle->list.windows.count;
	if (functions == 0) {
		return HST_OK;
	}
	throttle->together = 1 + functions * windows / CELLS_MAX * pass->file.stream_count;
	throttle->groups = windows / throttle->together + 1;
	throttle->watched = calloc(functions + 1, sizeof *throttle->watched);
	throttle->spans = calloc(throttle->groups, sizeof *throttle->spans);
	throttle->begin = UINT64_MAX;
	for (size_t i = 0; i < functions; i++) {
		uint64_t off = throttle->list.functions.items[i].off;

		throttle->begin = off < throttle->begin ? off : throttle->begin;
	}
	pass->shared.watched = throttle->watched;
	return throttle->watched == NULL || throttle->spans == NULL ? HST_E_MEMORY : HST_OK;
}

void hst_pass_throttle_end(struct hst_pass *pass)
{
	struct hst_pass_throttle *throttle = &pass->throttle;

	hst_throttle_finish(&throttle->list);
	free(throttle->watched);
	free(throttle->spans);
	hst_vec_finish(&throttle->cells);
	hst_vec_finish(&throttle->calls);
	*throttle = (struct hst_pass_throttle){ .rows = throttle->rows,
		.row_count = throttle->row_count,
		.row_capacity = throttle->row_capacity,
		.windows = throttle->windows,
		.late = throttle->late,
		.cut = throttle->cut };
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

/* What the present chunk had, into the cell of its window. */
static enum hst_status add_to_cell(
	struct hst_pass_throttle *throttle, uint32_t group, uint64_t begin)
{
	struct hst_throttle_cell fresh = { .group = group, .first = throttle->calls.count };
	struct hst_throttle_cell *cell;

	if (throttle->fresh_stream || throttle->cells.count == 0 ||
		throttle->cells.items[throttle->cells.count - 1].group != group) {
		if (!hst_vec_push(&throttle->cells, fresh)) {
			return HST_E_MEMORY;
		}
		throttle->fresh_stream = false;
	}
	cell = &throttle->cells.items[throttle->cells.count - 1];
	for (size_t i = 0; i < throttle->list.functions.count; i++) {
		struct hst_throttle_calls calls = { (uint32_t)i, throttle->watched[i + 1] };
		size_t at = cell->first;

		if (calls.calls == 0 || throttle->list.functions.items[i].off > begin) {
			continue;
		}
		while (at < throttle->calls.count && throttle->calls.items[at].function != i) {
			at++;
		}
		if (at < throttle->calls.count) {
			throttle->calls.items[at].calls += calls.calls;
		} else if (!hst_vec_push(&throttle->calls, calls)) {
			return HST_E_MEMORY;
		}
	}
	return HST_OK;
}

/* Each thread begins a chunk when functions are suppressed, and when a window opens or closes. */
enum hst_status hst_pass_throttle_chunk(struct hst_pass *pass, uint64_t begin, uint64_t all)
{
	struct hst_pass_throttle *throttle = &pass->throttle;
	const struct hst_throttle_list *list = &throttle->list;
	size_t window = window_after(list, begin);
	enum hst_status status = HST_OK;
	uint64_t steady = all;

	if (list->functions.count == 0) {
		return HST_OK;
	}
	for (size_t i = 1; i <= list->functions.count; i++) {
		steady -= throttle->watched[i];
	}
	if (window < list->windows.count && list->windows.items[window].open <= begin) {
		status = add_to_cell(throttle, (uint32_t)(window / throttle->together), begin);
		if (status == HST_OK) {
			throttle->cells.items[throttle->cells.count - 1].all += all;
			throttle->cells.items[throttle->cells.count - 1].steady += steady;
		}
	} else if (begin >= throttle->begin) {
		throttle->steady += steady;
	}
	memset(throttle->watched, 0, (list->functions.count + 1) * sizeof *throttle->watched);
	return status;
}

void hst_pass_throttle_stream(struct hst_pass *pass)
{
	pass->throttle.fresh_stream = true;
}

/* Student's t, two-sided, 95 %. */
static double quantile(size_t freedom)
{
	static const double table[] = { 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26 };

	return freedom <= sizeof table / sizeof table[0] ? table[freedom - 1]
							 : 1.96 + 2.72 / (double)freedom;
}

static struct hst_throttle_span *span_of(struct hst_pass_throttle *throttle, size_t window)
{
	return &throttle->spans[window / throttle->together];
}

/* Fills the spans for what was suppressed from..until. false: no window in that time. */
static bool lay_out(struct hst_pass_throttle *throttle, uint64_t from, uint64_t until)
{
	const struct hst_throttle_list *list = &throttle->list;
	size_t last = SIZE_MAX;
	uint64_t at = from;

	memset(throttle->spans, 0, throttle->groups * sizeof *throttle->spans);
	for (size_t i = window_after(list, from); i < list->windows.count; i++) {
		const struct hst_throttle_window *window = &list->windows.items[i];
		uint64_t close = window->close < until ? window->close : until;
		double gap;

		if (window->open < from) {
			continue; /* it was suppressed within the window: from the next one on */
		}
		if (window->open >= until || close <= window->open) {
			break;
		}
		gap = (double)(window->open - at);
		span_of(throttle, i)->stands_for += last == SIZE_MAX ? gap : gap / 2;
		if (last != SIZE_MAX) {
			span_of(throttle, last)->stands_for += gap / 2;
		}
		span_of(throttle, i)->length += (double)(close - window->open);
		last = i;
		at = close;
	}
	if (last != SIZE_MAX && until > at) {
		span_of(throttle, last)->stands_for += (double)(until - at);
	}
	return last != SIZE_MAX;
}

/* A cell's calls as if the window had run at the program's own speed, when each recorded call cost `cost` ticks. */
static double undisturbed(const struct hst_pass_throttle *throttle,
	const struct hst_throttle_cell *cell, uint64_t calls)
{
	double length = throttle->spans[cell->group].length;
	double own = length - (double)cell->all * throttle->cost;

	own = own < length * OWN_MIN ? length * OWN_MIN : own;
	return (double)calls * length / own;
}

/* What the windows, whose calls are laid into the spans, say of the time that they stand for; how far that may be off, < 0: unknown. */
static double extrapolate(const struct hst_pass_throttle *throttle, double *ret_off)
{
	double missing = 0;
	double time = 0;
	double square = 0;
	size_t count = 0;

	for (size_t i = 0; i < throttle->groups; i++) {
		const struct hst_throttle_span *span = &throttle->spans[i];

		if (span->length > 0) {
			missing += span->calls / span->length * span->stands_for;
			time += span->stands_for;
			count++;
		}
	}
	for (size_t i = 0; i < throttle->groups; i++) {
		const struct hst_throttle_span *span = &throttle->spans[i];

		if (span->length > 0 && time > 0) {
			double off =
				(span->calls / span->length - missing / time) * span->stands_for;

			square += off * off;
		}
	}
	*ret_off = count < 2 ? -1
			     : quantile(count - 1) *
				       sqrt(square * (double)count / (double)(count - 1));
	return missing;
}

/* The functions that are always recorded, as the windows alone would have them. */
static double steady_by_windows(struct hst_pass_throttle *throttle, double *ret_off)
{
	for (size_t i = 0; i < throttle->groups; i++) {
		throttle->spans[i].calls = 0;
	}
	for (size_t i = 0; i < throttle->cells.count; i++) {
		const struct hst_throttle_cell *cell = &throttle->cells.items[i];

		throttle->spans[cell->group].calls += undisturbed(throttle, cell, cell->steady);
	}
	return extrapolate(throttle, ret_off);
}

/*
 * A window opens at the first hook after the moment that chance has chosen. Where it had to wait, the program was in a part in
 * which only suppressed functions are called, and of such parts the windows know nothing.
 */
static bool see_all_parts(struct hst_pass *pass, uint64_t end)
{
	struct hst_pass_throttle *throttle = &pass->throttle;
	const struct hst_throttle_list *list = &throttle->list;
	double ticks_per_us = pass->shared.ns_per_tick > 0 ? 1000 / pass->shared.ns_per_tick : 0;
	double gap_most = 0;
	double unseen = 0;
	uint64_t at = throttle->begin;
	size_t late = 0;

	for (size_t i = 0; i < list->windows.count; i++) {
		const struct hst_throttle_window *window = &list->windows.items[i];
		double gap = window->open > at ? (double)(window->open - at) : 0;
		double waited = (double)window->late_us * ticks_per_us;

		waited = waited < gap ? waited : gap;
		gap_most = gap - waited > gap_most ? gap - waited : gap_most;
		unseen += waited;
		at = window->close;
		late += window->late_us > LATE_US;
	}
	if (at != UINT64_MAX && end > at && (double)(end - at) > 2 * gap_most) {
		unseen += (double)(end - at) - gap_most;
		late++;
	}
	throttle->windows += list->windows.count;
	throttle->late += late;
	return list->windows.count >= WINDOWS_MIN &&
	       (double)late <= LATE_MOST * (double)list->windows.count &&
	       unseen <= LATE_MOST * (double)(end - throttle->begin);
}

/* Finds the cost of a recorded call. false: too little is known. */
static bool find_cost(struct hst_pass_throttle *throttle, uint64_t end)
{
	double least = 0;
	double most = 0;
	double off = 0;
	uint64_t seen = 0;

	if (!lay_out(throttle, throttle->begin, end)) {
		return false;
	}
	for (size_t i = 0; i < throttle->cells.count; i++) {
		const struct hst_throttle_cell *cell = &throttle->cells.items[i];
		double cost = cell->all == 0
				      ? 0
				      : throttle->spans[cell->group].length / (double)cell->all;

		most = cost > most ? cost : most;
		seen += cell->steady;
	}
	for (int i = 0; i < HALVINGS; i++) {
		throttle->cost = (least + most) / 2;
		if (steady_by_windows(throttle, &off) < (double)throttle->steady) {
			least = throttle->cost;
		} else {
			most = throttle->cost;
		}
	}
	throttle->off = throttle->steady == 0 ? -1 : off / (double)throttle->steady;
	return seen >= STEADY_MIN && throttle->off >= 0 &&
	       steady_by_windows(throttle, &off) > 0.9 * (double)throttle->steady;
}

/* Missing calls of one function; how far that may be off, negative: nobody knows. */
static double estimate(struct hst_pass_throttle *throttle, size_t function, double *ret_off)
{
	double missing;

	for (size_t i = 0; i < throttle->cells.count; i++) {
		const struct hst_throttle_cell *cell = &throttle->cells.items[i];
		size_t end = i + 1 < throttle->cells.count ? throttle->cells.items[i + 1].first
							   : throttle->calls.count;

		for (size_t k = cell->first; k < end; k++) {
			if (throttle->calls.items[k].function == function) {
				throttle->spans[cell->group].calls +=
					undisturbed(throttle, cell, throttle->calls.items[k].calls);
			}
		}
	}
	missing = extrapolate(throttle, ret_off);
	if (*ret_off >= 0) {
		*ret_off = hypot(*ret_off, missing * throttle->off);
	}
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
	bool known = throttle->list.functions.count != 0 && see_all_parts(pass, end) &&
		     find_cost(throttle, end);

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
		if (known && lay_out(throttle, function->off, until)) {
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
		row->estimated_low = known + (from->unbounded ? 0 : rounded(from->missing - off));
		row->estimated_high = known + rounded(from->missing + off);
		unbounded += from->unbounded;
	}
	profile->throttled = pass->throttle.row_count;
	if (profile->throttled == 0) {
		return;
	}
	profile->complete = false;
	profile->throttle_windows = pass->throttle.windows;
	profile->throttle_late = pass->throttle.late;
	hst_profile_note(profile, true,
		"%llu function%s cost more to record than --overhead allows and %s left out at times: "
		"calls with ~ are estimated, times are those of the recorded calls, and the time of the "
		"others is in their callers",
		(unsigned long long)profile->throttled, profile->throttled == 1 ? "" : "s",
		profile->throttled == 1 ? "was" : "were");
	if (pass->throttle.cut) {
		hst_profile_note(profile, true,
			"more than %u functions of a process were left out: of the others it is not known how "
			"often they were called then, and they have no mark",
			HST_THROTTLED_MAX);
	}
	if (unbounded != 0) {
		hst_profile_note(profile, true,
			"of %llu of them it is not known how often they were called while left out "
			"(marked with >): of %llu times that all were to be recorded for a moment, %llu came too late "
			"since no other hook ran (an estimate needs %u in a process, one late in 20 and a twentieth of "
			"the time waited for at most, and functions that are always recorded to compare with)",
			(unsigned long long)unbounded, (unsigned long long)pass->throttle.windows,
			(unsigned long long)(pass->throttle.late < pass->throttle.windows
						     ? pass->throttle.late
						     : pass->throttle.windows),
			WINDOWS_MIN);
	}
}
