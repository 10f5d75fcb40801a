/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results are counted while the events are replayed, by what the trace says of each: zero, negative. What that means is known from
 * the function's type and name, once per function.
 */
#include "passes/failures.h"

#include "hasten/hash.h"
#include "passes/replay.h"
#include "passes/rows.h"
#include "symbols/failures.h"

#include <stdlib.h>

#define CODES 4095u /* as the kernel has them: -1 to -4095 */

static bool fill(struct hst_error_codes *codes)
{
	codes->filled = true;
	for (uint32_t i = 1; i <= CODES; i++) {
		uint64_t value = 0 - (uint64_t)i;

		if (hst_map_put(&codes->known, hst_hash_pieces(&value, 1), i) != HST_OK) {
			return false;
		}
	}
	return true;
}

/* A negative result: is it one that stands for an error? */
static bool is_code(struct hst_tallies *tallies, uint64_t hash)
{
	uint32_t code;

	if (!tallies->codes->filled && !fill(tallies->codes)) {
		tallies->out_of_memory = true;
	}
	return hst_map_get(&tallies->codes->known, hash, &code);
}

void hst_replay_result(struct hst_replay *replay, const struct hst_event *event)
{
	struct hst_tallies *tallies = replay->tallies;
	const struct hst_replay_frame *frame =
		replay->stack.beyond != 0 ? NULL : hst_replay_top(&replay->stack);
	struct hst_tally *tally;

	if (frame == NULL || (frame->flags & HST_FRAME_CARRIED) != 0 ||
		event->value >= replay->key_count) {
		return;
	}
	tally = &tallies->items[frame->row];
	tally->results++;
	tally->zeros += (event->reason & HST_RESULT_ZERO) != 0;
	if ((event->reason & HST_RESULT_NEGATIVE) != 0) {
		tally->negatives++;
		tally->beyond +=
			tallies->codes != NULL && !is_code(tallies, replay->keys[event->value]);
	}
}

uint64_t hst_row_failed(const struct hst_function_row *row)
{
	switch ((enum hst_failure)row->failure) {
	case HST_FAILURE_NEGATIVE:
		return row->negative_results;
	case HST_FAILURE_NULL:
	case HST_FAILURE_FALSE:
		return row->zero_results;
	case HST_FAILURE_NONZERO:
		return row->results - row->zero_results;
	case HST_FAILURE_NONE:
	case HST_FAILURES:
	default:
		return 0;
	}
}

/* An entry point with the row that it leads to. */
struct entry {
	uint64_t address;
	uint32_t image, row;
};

static int by_place(const void *left, const void *right)
{
	const struct entry *a = left;
	const struct entry *b = right;

	if (a->image != b->image) {
		return a->image < b->image ? -1 : 1;
	}
	return (a->address > b->address) - (a->address < b->address);
}

static size_t collect(
	const struct hst_profile *profile, const struct hst_rows *rows, struct entry *entries)
{
	size_t count = 0;

	for (size_t i = 0; i < rows->keys.count; i++) {
		const struct hst_row_key *key = &rows->keys.items[i];

		if (key->space < rows->images.count && key->row < profile->function_count &&
			profile->functions[key->row].results != 0) {
			entries[count++] = (struct entry){ key->address, key->space, key->row };
		}
	}
	qsort(entries, count, sizeof *entries, by_place);
	return count;
}

static void take(struct hst_function_row *row, const struct hst_failure_rule *rule)
{
	/* Copies of a function agree, but for one that the debug information says nothing of. */
	if (row->failure == HST_FAILURE_NONE && !row->failure_declared &&
		(!rule->by_name || row->beyond_results == 0)) {
		row->failure = rule->failure;
		row->failure_declared = rule->declared;
	}
}

/* The entries of one image. HST_E_MEMORY. */
static enum hst_status judge(struct hst_profile *profile, struct hst_image *image,
	const struct entry *entries, size_t count, const struct hst_function_rules *rules)
{
	uint64_t *addresses = calloc(count, sizeof *addresses);
	struct hst_failure_rule *found = calloc(count, sizeof *found);
	enum hst_status status = HST_E_MEMORY;

	if (addresses != NULL && found != NULL) {
		for (size_t i = 0; i < count; i++) {
			addresses[i] = entries[i].address;
		}
		status = hst_failures_find(image, addresses, count, rules, found);
		for (size_t i = 0; status == HST_OK && i < count; i++) {
			take(&profile->functions[entries[i].row], &found[i]);
		}
	}
	free(addresses);
	free(found);
	return status;
}

enum hst_status hst_profile_failures(
	struct hst_profile *profile, const struct hst_function_rules *rules)
{
	const struct hst_rows *known = profile->owner;
	struct entry *entries = calloc(known->keys.count + 1, sizeof *entries);
	size_t count = entries == NULL ? 0 : collect(profile, known, entries);
	enum hst_status status = entries == NULL ? HST_E_MEMORY : HST_OK;

	for (size_t first = 0; status == HST_OK && first < count;) {
		struct hst_image *image = known->images.items[entries[first].image].image;
		size_t behind = first;

		while (behind < count && entries[behind].image == entries[first].image) {
			behind++;
		}
		if (image != NULL) {
			status = judge(profile, image, &entries[first], behind - first, rules);
		}
		first = behind;
	}
	free(entries);
	return status;
}
