/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that a plan had answered from caches: each has a line of its own in the profile, by row, over all processes. */
#include "passes/pass.h"

#include "passes/rows.h"
#include "reader/memo_block.h"

#include <stdlib.h>

/* The line of a row, NULL: out of memory. */
static struct hst_answered *line_of(struct hst_profile *profile, uint32_t row)
{
	struct hst_answered *line;

	for (size_t i = 0; i < profile->answered_count; i++) {
		if (profile->answered[i].function == row) {
			return &profile->answered[i];
		}
	}
	if (profile->answered_count == profile->answered_capacity &&
		!hst_vec_room(&profile->answered, &profile->answered_capacity,
			profile->answered_count + 1, sizeof *profile->answered)) {
		return NULL;
	}
	line = &profile->answered[profile->answered_count++];
	*line = (struct hst_answered){ .function = row };
	return line;
}

static void add(struct hst_answered *line, const struct hst_memoed *memoed, double ns_per_tick)
{
	const struct hst_memo_row *row = &memoed->row;

	line->evidence = row->evidence;
	line->entries = row->entries > line->entries ? row->entries : line->entries;
	line->ttl_ns = row->ttl_ns;
	line->on += row->state == HST_MEMO_ON;
	line->off += row->state == HST_MEMO_OFF;
	line->waiting += row->state == HST_MEMO_WAITING;
	/* A wrong result is what must not be overlooked. */
	if (row->state == HST_MEMO_OFF && (line->why == 0 || row->why == HST_MEMO_WHY_MISMATCH)) {
		line->why = row->why;
	}
	line->revoked |= row->revoked == 1;
	line->not_revoked |= row->revoked == 2;
	line->lookups += memoed->lookups;
	line->hits += memoed->hits;
	line->stored += memoed->stored;
	line->evicted += memoed->evicted;
	line->expired += memoed->expired;
	line->verified += memoed->verified;
	line->mismatched += memoed->mismatched;
	line->lost += memoed->lost;
	line->saved_ns += (double)memoed->saved * ns_per_tick;
}

enum hst_status hst_pass_memo_file(struct hst_pass *pass)
{
	struct hst_profile *profile = pass->profile;
	struct hst_memo_list list;
	enum hst_status status;

	profile->plan_only |= (pass->file.header.flags & HST_FLAG_PLAN_ONLY) != 0;
	HST_TRY(hst_memo_read(&pass->file, &list));
	status = HST_OK;
	for (size_t i = 0; i < list.rows.count && status == HST_OK; i++) {
		const struct hst_memoed *memoed = &list.rows.items[i];
		struct hst_site site = { .fn = memoed->row.fn,
			.generation = memoed->row.generation };
		struct hst_answered *line;
		uint32_t row = 0;
		bool inlined;

		status = hst_rows_site(pass->rows, &pass->file, &site, &row, &inlined);
		line = status == HST_OK ? line_of(profile, row) : NULL;
		if (line == NULL) {
			status = HST_E_MEMORY;
		} else {
			add(line, memoed, pass->shared.ns_per_tick);
		}
	}
	if (list.damaged) {
		hst_profile_note(profile, true,
			"what a process says of functions that were answered from caches is damaged in part: %s",
			pass->file.path);
	}
	hst_memo_list_finish(&list);
	return status;
}

static int by_saved(const void *a, const void *b)
{
	const struct hst_answered *x = a;
	const struct hst_answered *y = b;

	if (x->saved_ns < y->saved_ns || x->saved_ns > y->saved_ns) {
		return x->saved_ns > y->saved_ns ? -1 : 1;
	}
	return x->function < y->function ? -1 : x->function > y->function;
}

void hst_pass_memo_take(struct hst_pass *pass)
{
	struct hst_profile *profile = pass->profile;

	for (size_t i = 0; i < profile->answered_count; i++) {
		const struct hst_answered *line = &profile->answered[i];

		profile->functions[line->function].answered = line->hits;
	}
	if (profile->answered_count > 1) {
		qsort(profile->answered, profile->answered_count, sizeof *profile->answered,
			by_saved);
	}
}
