/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/memo_names.h"

#include <string.h>

bool hst_memo_names_add(struct hst_memo_names *names, const char *text)
{
	size_t length = strlen(text) + 1;

	while (names->words.count * sizeof(uint64_t) < names->bytes + length) {
		uint64_t none = 0;

		if (!hst_vec_push(&names->words, none)) {
			return false;
		}
	}
	memcpy((char *)names->words.items + names->bytes, text, length);
	names->bytes += length;
	return true;
}

enum hst_status hst_memo_names_give(
	struct hst_memo_names *names, struct hst_plan_section section, struct hst_plan_file *plan)
{
	uint64_t *items = names->words.items;
	uint64_t count = names->words.count;

	*names = (struct hst_memo_names){ 0 };
	section.kind = HST_PLAN_MEMO_NAMES;
	return hst_plan_file_add(plan, &section, items, count, sizeof *items);
}

void hst_memo_names_finish(struct hst_memo_names *names)
{
	hst_vec_finish(&names->words);
}
