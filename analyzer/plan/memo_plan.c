/* SPDX-License-Identifier: Apache-2.0 */
/* One function after the other, by address; what a refused one has left in the tables is taken out again. */
#include "plan/memo_names.h"
#include "plan/memo_plan_parts.h"

#include <stdlib.h>
#include <string.h>

const char *hst_memo_reason_word(unsigned reason)
{
	static const char *const words[] = {
		"",
#define HST_MEMO_REASON(NAME, word, text) word,
#include "plan/memo_plan_reasons.def"
#undef HST_MEMO_REASON
	};

	return reason < HST_MEMO_REASONS ? words[reason] : "?";
}

const char *hst_memo_reason_text(unsigned reason)
{
	static const char *const texts[] = {
		"",
#define HST_MEMO_REASON(NAME, word, text) text,
#include "plan/memo_plan_reasons.def"
#undef HST_MEMO_REASON
	};

	return reason < HST_MEMO_REASONS ? texts[reason] : "?";
}

static void finish_work(struct hst_memo_work *work)
{
	hst_vec_finish(&work->own);
	hst_vec_finish(&work->all);
	hst_vec_finish(&work->relocations);
	hst_vec_finish(&work->memos);
	hst_vec_finish(&work->exits);
	hst_vec_finish(&work->pieces);
	hst_vec_finish(&work->codes);
	hst_vec_finish(&work->slots);
	hst_frames_close(&work->frames);
	hst_code_close(&work->code);
}

static enum hst_status open_work(
	struct hst_memo_work *work, const char *path, struct hst_diag *diag)
{
	enum hst_status status = hst_code_open(hst_image_elf(work->image), &work->code);

	if (status == HST_E_UNSUPPORTED) {
		return hst_diag_set(diag, HST_E_UNSUPPORTED,
			"%s is not for x86-64, where alone functions can be answered from caches",
			path);
	}
	if (status == HST_OK) {
		status = hst_frames_open(hst_image_elf(work->image), &work->frames);
	}
	if (status == HST_OK && !hst_memo_plan_relocations(work)) {
		status = HST_E_MEMORY;
	}
	return status == HST_OK
		       ? HST_OK
		       : hst_diag_set(diag, status, "out of memory while planning for %s", path);
}

/* How full the tables are. */
struct fill {
	size_t exits, pieces, codes, slots;
	uint64_t code_bytes;
};

static struct fill fill_of(const struct hst_memo_work *work)
{
	return (struct fill){ work->exits.count, work->pieces.count, work->codes.count,
		work->slots.count, work->code_bytes };
}

static void empty_to(struct hst_memo_work *work, const struct fill *fill)
{
	work->exits.count = fill->exits;
	work->pieces.count = fill->pieces;
	work->codes.count = fill->codes;
	work->slots.count = fill->slots;
	work->code_bytes = fill->code_bytes;
}

static enum hst_status take_function(struct hst_memo_work *work, const struct hst_memo_wish *wish,
	struct hst_memo_outcome *outcome)
{
	struct hst_plan_memo memo = { .fn = wish->fn,
		.evidence = wish->evidence,
		.flags = wish->mxcsr ? HST_PLAN_MEMO_MXCSR : 0,
		.entries = wish->entries,
		.shadow = wish->shadow,
		.ttl_ns = wish->ttl_ns };
	struct fill before = fill_of(work);
	enum hst_memo_reason reason = HST_MEMO_UNKNOWN;
	bool memory = true;

	if (work->memos.count >= HST_PLAN_MEMOS_MAX) {
		outcome->reason = HST_MEMO_NO_ROOM;
		return HST_OK;
	}
	if (!hst_memo_plan_ranges(work, wish->fn)) {
		return HST_E_MEMORY;
	}
	if (work->own.count > 0) {
		reason = hst_memo_plan_sites(work, wish, &memo, outcome, &memory);
	}
	if (reason == HST_MEMO_PLANNED && memory) {
		reason = hst_memo_plan_code(work, wish, &memo, &memory);
	}
	outcome->reason = (uint8_t)reason;
	if (reason != HST_MEMO_PLANNED) {
		empty_to(work, &before);
	} else if (!hst_vec_push(&work->memos, memo)) {
		memory = false;
	}
	return memory ? HST_OK : HST_E_MEMORY;
}

static enum hst_status take_functions(struct hst_memo_work *work,
	const struct hst_memo_wish *wishes, size_t count, struct hst_memo_outcome *outcomes)
{
	for (size_t i = 0; i < count; i++) {
		HST_TRY(take_function(work, &wishes[i], &outcomes[i]));
	}
	return HST_OK;
}

static int memo_by_fn(const void *a, const void *b)
{
	const struct hst_plan_memo *x = a;
	const struct hst_plan_memo *y = b;

	return x->fn < y->fn ? -1 : x->fn > y->fn;
}

/* Hands a table over to the plan; the vector is empty then. */
#define HAND_OVER(number, vec)                                                    \
 do {                                                                             \
  void *hand_items = (vec)->items;                                                \
  size_t hand_count = (vec)->count;                                               \
  size_t hand_bytes = sizeof *(vec)->items;                                       \
  (vec)->items = NULL;                                                            \
  (vec)->count = (vec)->capacity = 0;                                             \
  section.kind = (number);                                                        \
  HST_TRY(hst_plan_file_add(plan, &section, hand_items, hand_count, hand_bytes)); \
 } while (0)

static enum hst_status add_names(struct hst_plan_file *plan, const struct hst_plan_section *section,
	const struct hst_memo_work *work, const char *path)
{
	struct hst_memo_names names = { 0 };
	bool good = hst_memo_names_add(&names, path);
	enum hst_status status = HST_E_MEMORY;

	for (size_t i = 0; i < work->memos.count && good; i++) {
		const struct hst_function *function =
			hst_image_function(work->image, work->memos.items[i].fn);

		good = hst_memo_names_add(&names, function == NULL ? "?" : function->linkage);
	}
	if (good) {
		status = hst_memo_names_give(&names, *section, plan);
	}
	hst_memo_names_finish(&names);
	return status;
}

static enum hst_status add_tables(struct hst_plan_file *plan, struct hst_plan_section section,
	struct hst_memo_work *work, const char *path)
{
	qsort(work->memos.items, work->memos.count, sizeof *work->memos.items, memo_by_fn);
	HST_TRY(add_names(plan, &section, work, path));
	HAND_OVER(HST_PLAN_MEMO, &work->memos);
	HAND_OVER(HST_PLAN_MEMO_EXIT, &work->exits);
	HAND_OVER(HST_PLAN_MEMO_PIECES, &work->pieces);
	HAND_OVER(HST_PLAN_MEMO_CODE, &work->codes);
	HAND_OVER(HST_PLAN_MEMO_SLOT, &work->slots);
	return HST_OK;
}

/* false: it has no build-id. */
static bool name_section(struct hst_image *image, struct hst_plan_section *section)
{
	const uint8_t *build_id = NULL;
	size_t bytes = hst_image_build_id(image, &build_id);

	if (bytes == 0 || bytes > sizeof section->build_id) {
		return false;
	}
	section->build_id_bytes = (uint32_t)bytes;
	memcpy(section->build_id, build_id, bytes);
	return true;
}

enum hst_status hst_memo_plan_add(struct hst_plan_file *plan, const struct hst_memo_image *of,
	const struct hst_memo_wish *wishes, size_t count, struct hst_memo_outcome *ret_outcomes,
	struct hst_diag *diag)
{
	struct hst_memo_work work = { .image = of->image, .recipes = of->recipes };
	const char *path = of->path;
	struct hst_plan_section section = { 0 };
	enum hst_status status;

	memset(ret_outcomes, 0, count * sizeof *ret_outcomes);
	if (!name_section(of->image, &section)) {
		return hst_diag_set(diag, HST_E_UNSUPPORTED,
			"%s has no build-id, by which a running program could be told from others: "
			"link it with -Wl,--build-id",
			path);
	}
	status = open_work(&work, path, diag);
	if (status == HST_OK) {
		status = take_functions(&work, wishes, count, ret_outcomes);
	}
	if (status == HST_OK && work.memos.count > 0) {
		status = add_tables(plan, section, &work, path);
	}
	finish_work(&work);
	if (status == HST_E_MEMORY) {
		return hst_diag_set(
			diag, HST_E_MEMORY, "out of memory while planning for %s", path);
	}
	if (status == HST_OK && !hst_plan_file_fits(plan)) {
		return hst_diag_set(diag, HST_E_LIMIT, "the plan for %s is larger than %u MiB",
			path, HST_PLAN_BYTES_MAX >> 20);
	}
	return status;
}
