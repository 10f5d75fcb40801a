/* SPDX-License-Identifier: Apache-2.0 */
/* The code that a cached result rests on: where it is, and what its bytes are once it is loaded. */
#include "plan/memo_plan_parts.h"

#include "hasten/hash.h"

#include <gelf.h>
#include <stdlib.h>

/* A relocation changes at most so many bytes. */
#define RELOCATED_BYTES 8u
#define RANGES_MAX      64u

static int span_by_lo(const void *a, const void *b)
{
	const struct hst_span *x = a;
	const struct hst_span *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

bool hst_memo_plan_relocations(struct hst_memo_work *work)
{
	const struct hst_elf *elf = hst_image_elf(work->image);

	for (Elf_Scn *section = elf_nextscn(elf->handle, NULL); section != NULL;
		section = elf_nextscn(elf->handle, section)) {
		GElf_Shdr header;
		GElf_Rela rela;
		Elf_Data *data;

		if (gelf_getshdr(section, &header) == NULL || header.sh_type != SHT_RELA ||
			(header.sh_flags & SHF_ALLOC) == 0) {
			continue;
		}
		data = elf_getdata(section, NULL);
		for (int i = 0; data != NULL && gelf_getrela(data, i, &rela) != NULL; i++) {
			struct hst_span span = { rela.r_offset, rela.r_offset + RELOCATED_BYTES };

			if (hst_elf_is_code(elf, rela.r_offset, NULL) &&
				!hst_vec_push(&work->relocations, span)) {
				return false;
			}
		}
	}
	return true;
}

/* Does the file say that its code is changed in a way that need not be listed as such? */
static bool says_text_relocations(const struct hst_elf *elf)
{
	for (Elf_Scn *section = elf_nextscn(elf->handle, NULL); section != NULL;
		section = elf_nextscn(elf->handle, section)) {
		GElf_Shdr header;
		GElf_Dyn dynamic;
		Elf_Data *data;

		if (gelf_getshdr(section, &header) == NULL || header.sh_type != SHT_DYNAMIC) {
			continue;
		}
		data = elf_getdata(section, NULL);
		for (int i = 0; data != NULL && gelf_getdyn(data, i, &dynamic) != NULL; i++) {
			if (dynamic.d_tag == DT_TEXTREL ||
				(dynamic.d_tag == DT_FLAGS &&
					(dynamic.d_un.d_val & DF_TEXTREL) != 0)) {
				return true;
			}
		}
	}
	return false;
}

bool hst_memo_plan_ranges(struct hst_memo_work *work, uint64_t fn)
{
	const struct hst_dwarf *dwarf = hst_image_dwarf(work->image);
	struct hst_span ranges[RANGES_MAX];
	size_t count;

	work->own.count = 0;
	work->all.count = 0;
	for (size_t i = 0; dwarf != NULL && i < dwarf->body_count; i++) {
		const struct hst_dwarf_body *body = &dwarf->bodies[i];

		for (uint32_t j = 0; body->entry == fn && j < body->range_count; j++) {
			if (!hst_vec_push(&work->own, dwarf->ranges[body->first_range + j])) {
				return false;
			}
		}
	}
	count = hst_image_ranges(work->image, fn, ranges, RANGES_MAX);
	if (count > RANGES_MAX) {
		work->own.count = 0; /* damaged */
		return true;
	}
	for (size_t i = 0; i < count + work->own.count; i++) {
		if (!hst_vec_push(&work->all, i < count ? ranges[i] : work->own.items[i - count])) {
			return false;
		}
	}
	return true;
}

/* Sorts, and joins those that touch. */
static void join(struct hst_memo_work *work)
{
	struct hst_span *spans = work->all.items;
	size_t kept = 0;

	qsort(spans, work->all.count, sizeof *spans, span_by_lo);
	for (size_t i = 0; i < work->all.count; i++) {
		if (kept > 0 && spans[i].lo <= spans[kept - 1].hi) {
			if (spans[i].hi > spans[kept - 1].hi) {
				spans[kept - 1].hi = spans[i].hi;
			}
		} else {
			spans[kept++] = spans[i];
		}
	}
	work->all.count = kept;
}

static const uint8_t *bytes_of(const struct hst_code *code, const struct hst_span *span)
{
	for (size_t i = 0; i < code->part_count; i++) {
		const struct hst_code_part *part = &code->parts[i];

		if (span->lo >= part->lo && span->hi <= part->hi) {
			return part->bytes + (span->lo - part->lo);
		}
	}
	return NULL;
}

static bool is_relocated(const struct hst_memo_work *work, const struct hst_span *span)
{
	for (size_t i = 0; i < work->relocations.count; i++) {
		const struct hst_span *at = &work->relocations.items[i];

		if (at->lo < span->hi && at->hi > span->lo) {
			return true;
		}
	}
	return false;
}

/* One range, if no function before has it. */
static enum hst_memo_reason take_range(
	struct hst_memo_work *work, const struct hst_span *span, bool *ret_memory)
{
	struct hst_plan_code code = { .start = span->lo, .end = span->hi };
	const uint8_t *bytes = bytes_of(&work->code, span);

	if (bytes == NULL || span->hi <= span->lo ||
		span->hi - span->lo > HST_PLAN_CODE_BYTES_MAX - work->code_bytes ||
		work->codes.count >= HST_PLAN_MEMO_PARTS_MAX) {
		return HST_MEMO_CODE;
	}
	if (is_relocated(work, span)) {
		return HST_MEMO_RELOCATED;
	}
	code.hash = hst_hash_bytes(bytes, span->hi - span->lo);
	work->code_bytes += span->hi - span->lo;
	*ret_memory = hst_vec_push(&work->codes, code);
	return HST_MEMO_PLANNED;
}

enum hst_memo_reason hst_memo_plan_code(struct hst_memo_work *work,
	const struct hst_memo_wish *wish, struct hst_plan_memo *memo, bool *ret_memory)
{
	enum hst_memo_reason reason = HST_MEMO_PLANNED;

	*ret_memory = true;
	for (size_t i = 0; i < wish->code_count; i++) {
		if (!hst_vec_push(&work->all, wish->code[i])) {
			*ret_memory = false;
			return HST_MEMO_CODE;
		}
	}
	if (says_text_relocations(hst_image_elf(work->image))) {
		return HST_MEMO_RELOCATED;
	}
	join(work);
	memo->first_code = (uint32_t)work->codes.count;
	for (size_t i = 0; i < work->all.count && reason == HST_MEMO_PLANNED && *ret_memory; i++) {
		reason = take_range(work, &work->all.items[i], ret_memory);
	}
	memo->codes = (uint32_t)work->codes.count - memo->first_code;
	memo->first_slot = (uint32_t)work->slots.count;
	for (size_t i = 0; i < wish->slot_count && *ret_memory; i++) {
		*ret_memory = hst_vec_push(&work->slots, wish->slots[i]);
	}
	memo->slots = (uint32_t)wish->slot_count;
	return memo->codes == 0 && reason == HST_MEMO_PLANNED ? HST_MEMO_CODE : reason;
}
