/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/substrings.h"

#include <limits.h>
#include <string.h>

#define TEXT_MAX ((size_t)INT32_MAX / 2)
/* So many places have one least one written down. */
#define ROW 256u

static uint64_t hash_of(const char *line, size_t bytes)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < bytes; i++) {
		hash = (hash ^ (unsigned char)line[i]) * 0x100000001b3ull;
	}
	return hash;
}

static enum hst_status add_line(
	struct hst_substrings *set, uint32_t owner, const char *line, size_t bytes)
{
	uint64_t hash = hash_of(line, bytes);
	uint32_t number;

	if (bytes == 0) {
		return HST_OK;
	}
	if (hst_map_get(&set->seen, hash, &number)) {
		const char *there = set->text.items + set->lines.items[number].at;

		/* Two lines of one hash: the other one stands there twice, which only takes room. */
		if (strncmp(there, line, bytes) == 0 && there[bytes] == '\n') {
			return HST_OK;
		}
	}
	if (bytes >= TEXT_MAX - set->text.count || !hst_vec_reserve(&set->text, bytes + 1)) {
		return HST_E_MEMORY;
	}
	HST_TRY(hst_map_put(&set->seen, hash, (uint32_t)set->lines.count));
	if (!hst_vec_push(
		    &set->lines, ((struct hst_substrings_line){
					 .at = (uint32_t)set->text.count, .owner = owner }))) {
		return HST_E_MEMORY;
	}
	memcpy(set->text.items + set->text.count, line, bytes);
	set->text.items[set->text.count + bytes] = '\n';
	set->text.count += bytes + 1;
	return HST_OK;
}

enum hst_status hst_substrings_add(struct hst_substrings *set, uint32_t owner, const char *text)
{
	enum hst_status status = HST_OK;

	for (const char *line = text; status == HST_OK && *line != '\0';) {
		size_t bytes = strcspn(line, "\n");

		status = add_line(set, owner, line, bytes);
		line += bytes + (line[bytes] == '\n');
	}
	return status;
}

static enum hst_status sort_text(struct hst_substrings *set)
{
	size_t count = set->text.count + 1;
	int32_t *wide = calloc(count, sizeof *wide);
	enum hst_status status;

	set->order = calloc(count, sizeof *set->order);
	if (wide == NULL || set->order == NULL) {
		free(wide);
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i + 1 < count; i++) {
		wide[i] = (unsigned char)set->text.items[i];
	}
	status = hst_suffixes_sort(wide, set->order, (int32_t)count, UCHAR_MAX + 1);
	free(wide);
	return status;
}

enum hst_status hst_substrings_sort(struct hst_substrings *set)
{
	size_t count = set->text.count + 1;

	HST_TRY(sort_text(set));
	set->least = calloc(count / ROW + 1, sizeof *set->least);
	if (set->least == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < count; i++) {
		int32_t *least = &set->least[i / ROW];

		*least = i % ROW == 0 || set->order[i] < *least ? set->order[i] : *least;
	}
	return HST_OK;
}

/* Below, equal to, or above 0 as what follows at a place is before, begins with, or is behind `part`. Counts the equal bytes. */
static int compare(
	struct hst_substrings *set, size_t number, const char *part, size_t bytes, size_t *ret_same)
{
	size_t at = (size_t)set->order[number];
	size_t same = 0;

	while (same < bytes && at + same < set->text.count &&
		set->text.items[at + same] == part[same]) {
		same++;
	}
	set->steps += same + 1;
	*ret_same = same;
	if (same == bytes) {
		return 0;
	}
	return at + same == set->text.count                                            ? -1
	       : (unsigned char)set->text.items[at + same] < (unsigned char)part[same] ? -1
										       : 1;
}

/* The first number whose text is not before the part, or, with `behind`, is behind all that begin with it. */
static size_t find_number(struct hst_substrings *set, const char *part, size_t bytes, bool behind,
	size_t *ret_longest)
{
	size_t low = 0;
	size_t high = set->text.count + 1;

	*ret_longest = 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		size_t same;
		int order = compare(set, middle, part, bytes, &same);

		*ret_longest = same > *ret_longest ? same : *ret_longest;
		if (order < 0 || (behind && order == 0)) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

/* The least place of those with the numbers from `low` to below `high`. */
static int32_t least_place(struct hst_substrings *set, size_t low, size_t high)
{
	int32_t least = INT32_MAX;

	while (low < high) {
		bool whole = low % ROW == 0 && high - low >= ROW;
		int32_t place = whole ? set->least[low / ROW] : set->order[low];

		least = place < least ? place : least;
		low += whole ? ROW : 1;
		set->steps++;
	}
	return least;
}

uint32_t hst_substrings_find(struct hst_substrings *set, const char *part)
{
	size_t bytes = strlen(part);
	size_t longest;
	size_t low = find_number(set, part, bytes, false, &longest);
	size_t high = find_number(set, part, bytes, true, &longest);
	size_t first = 0;
	size_t behind = set->lines.count;
	uint32_t place;

	if (low >= high || set->lines.count == 0) {
		return HST_SUBSTRINGS_NONE;
	}
	place = (uint32_t)least_place(set, low, high);
	while (behind - first > 1) {
		size_t middle = first + (behind - first) / 2;

		if (set->lines.items[middle].at <= place) {
			first = middle;
		} else {
			behind = middle;
		}
	}
	return set->lines.items[first].owner;
}

size_t hst_substrings_longest(struct hst_substrings *set, const char *text, size_t limit)
{
	size_t longest;

	/* The text before and the one behind were both looked at: one of them has most in common. */
	find_number(set, text, strnlen(text, limit), false, &longest);
	return longest;
}

void hst_substrings_finish(struct hst_substrings *set)
{
	hst_vec_finish(&set->text);
	hst_vec_finish(&set->lines);
	hst_map_finish(&set->seen);
	free(set->order);
	free(set->least);
	*set = (struct hst_substrings){ 0 };
}
