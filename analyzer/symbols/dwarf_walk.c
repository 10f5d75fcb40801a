/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk through one unit of .debug_info: only entries that can hold code, without recursion and with
 * a fixed depth. Offsets must grow from entry to entry: a damaged DW_AT_sibling cannot lead back.
 * Addresses outside the program's code are functions that the linker dropped.
 */
#include "symbols/dwarf_walk.h"

#include "symbols/grow.h"

#define DEPTH_MAX 512

static bool push_span(
	struct hst_span **spans, size_t *count, size_t *capacity, uint64_t lo, uint64_t hi)
{
	struct hst_span *item = hst_push(spans, count, capacity, sizeof *item);

	if (item != NULL) {
		*item = (struct hst_span){ .lo = lo, .hi = hi };
	}
	return item != NULL;
}

static bool keep_range(struct hst_dwarf_walk *walk, uint64_t lo, uint64_t hi)
{
	struct hst_dwarf *dwarf = walk->dwarf;
	struct hst_dwarf_place *place;
	struct hst_dwarf_inline *instance;

	switch (walk->purpose) {
	case HST_WALK_UNIT:
		place = hst_push(
			&dwarf->places, &dwarf->place_count, &dwarf->place_capacity, sizeof *place);
		if (place != NULL) {
			*place = (struct hst_dwarf_place){ .lo = lo, .hi = hi, .unit = walk->unit };
		}
		return place != NULL;
	case HST_WALK_INLINE:
		instance = hst_push(&dwarf->inlines, &dwarf->inline_count, &dwarf->inline_capacity,
			sizeof *instance);
		if (instance != NULL) {
			*instance = (struct hst_dwarf_inline){ .lo = lo, .hi = hi };
		}
		return instance != NULL;
	case HST_WALK_FRAME:
		return push_span(
			&dwarf->frames, &dwarf->frame_count, &dwarf->frame_capacity, lo, hi);
	case HST_WALK_BODY:
	default:
		return push_span(
			&dwarf->ranges, &dwarf->range_count, &dwarf->range_capacity, lo, hi);
	}
}

bool hst_walk_range(void *context, uint64_t lo, uint64_t hi)
{
	struct hst_dwarf_walk *walk = context;
	struct hst_dwarf *dwarf = walk->dwarf;

	if (dwarf->range_budget == 0) {
		dwarf->damaged = true;
		return false;
	}
	dwarf->range_budget--;
	if (lo >= hi || !hst_elf_is_code(dwarf->elf, lo, NULL)) {
		return true;
	}
	if (!keep_range(walk, lo, hi)) {
		walk->no_memory = true;
		return false;
	}
	return true;
}

void hst_walk_read(struct hst_dwarf_walk *walk, Dwarf_Die die, struct hst_die_facts *facts)
{
	hst_die_read(&walk->reader, walk->dbg, die, facts);
	if (!facts->has_ranges && facts->has_low && facts->has_high) {
		hst_walk_range(walk, facts->low, facts->high);
	}
}

/* The entry point: stated, else where the first range begins (the hot part comes first). */
static uint64_t entry_of(const struct hst_dwarf_walk *walk, const struct hst_die_facts *facts)
{
	const struct hst_span *ranges = walk->dwarf->ranges;

	for (size_t i = walk->first_range; i < walk->dwarf->range_count; i++) {
		if (facts->has_entry && facts->entry == ranges[i].lo) {
			return facts->entry;
		}
	}
	return ranges[walk->first_range].lo;
}

/* Returns whether the entry has code, so that its children are worth a visit. */
static bool visit_subprogram(struct hst_dwarf_walk *walk, Dwarf_Die die, uint64_t offset)
{
	struct hst_dwarf *dwarf = walk->dwarf;
	struct hst_dwarf_body *body;
	struct hst_die_facts facts;
	uint32_t origin;

	walk->purpose = HST_WALK_BODY;
	walk->first_range = dwarf->range_count;
	hst_walk_read(walk, die, &facts);
	if (dwarf->range_count == walk->first_range) {
		return false;
	}
	if (!hst_die_origin(dwarf, offset, &origin)) {
		walk->no_memory = true;
		return false;
	}
	body = hst_push(&dwarf->bodies, &dwarf->body_count, &dwarf->body_capacity, sizeof *body);
	if (body == NULL) {
		walk->no_memory = true;
		return false;
	}
	body->entry = entry_of(walk, &facts);
	body->die = offset;
	body->origin = origin;
	body->first_range = (uint32_t)walk->first_range;
	body->range_count = (uint32_t)(dwarf->range_count - walk->first_range);
	return true;
}

static bool visit_inlined(struct hst_dwarf_walk *walk, Dwarf_Die die, uint64_t offset)
{
	struct hst_dwarf *dwarf = walk->dwarf;
	struct hst_die_facts facts;
	uint32_t origin;

	walk->purpose = HST_WALK_INLINE;
	walk->first_inline = dwarf->inline_count;
	hst_walk_read(walk, die, &facts);
	if (!facts.has_origin) {
		dwarf->inline_count = walk->first_inline;
		return true;
	}
	if (dwarf->inline_count == walk->first_inline) {
		return true;
	}
	if (!hst_die_origin(dwarf, facts.origin, &origin)) {
		walk->no_memory = true;
		return false;
	}
	for (size_t i = walk->first_inline; i < dwarf->inline_count; i++) {
		dwarf->inlines[i].origin = origin;
		dwarf->inlines[i].die = offset;
	}
	return true;
}

/* Looks at one entry; returns whether to go on to its children. */
static bool visit(struct hst_dwarf_walk *walk, Dwarf_Die die, uint64_t offset)
{
	Dwarf_Error error = NULL;
	Dwarf_Half tag = 0;

	if (dwarf_tag(die, &tag, &error) != DW_DLV_OK) {
		hst_compat_drop(walk->dbg, &error);
		walk->dwarf->damaged = true;
		return false;
	}
	switch (tag) {
	case DW_TAG_subprogram:
		return visit_subprogram(walk, die, offset);
	case DW_TAG_inlined_subroutine:
		return visit_inlined(walk, die, offset);
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
		return true;
	default:
		return false;
	}
}

static Dwarf_Die child_of(struct hst_dwarf_walk *walk, Dwarf_Die die)
{
	Dwarf_Error error = NULL;
	Dwarf_Die child = NULL;
	int result = dwarf_child(die, &child, &error);

	if (result == DW_DLV_ERROR) {
		hst_compat_drop(walk->dbg, &error);
		walk->dwarf->damaged = true;
	}
	return result == DW_DLV_OK ? child : NULL;
}

Dwarf_Die hst_walk_sibling(struct hst_dwarf_walk *walk, Dwarf_Die die)
{
	Dwarf_Error error = NULL;
	Dwarf_Die sibling = NULL;
	int result = dwarf_siblingof_b(walk->dbg, die, 1, &sibling, &error);

	if (result == DW_DLV_ERROR) {
		hst_compat_drop(walk->dbg, &error);
		walk->dwarf->damaged = true;
	}
	return result == DW_DLV_OK ? sibling : NULL;
}

/* Offset of an entry, 0 if it does not lie behind the one before. */
static uint64_t advance(struct hst_dwarf_walk *walk, Dwarf_Die die)
{
	Dwarf_Error error = NULL;
	Dwarf_Off offset = 0;

	if (dwarf_dieoffset(die, &offset, &error) != DW_DLV_OK) {
		hst_compat_drop(walk->dbg, &error);
		offset = 0;
	}
	if (offset <= walk->last || (offset & HST_DIE_ALT) != 0) {
		walk->dwarf->damaged = true;
		return 0;
	}
	walk->last = offset;
	return offset;
}

void hst_walk_unit(struct hst_dwarf_walk *walk, Dwarf_Die top)
{
	Dwarf_Die stack[DEPTH_MAX];
	size_t depth = 0;
	Dwarf_Die die = child_of(walk, top);

	while (die != NULL) {
		uint64_t offset = advance(walk, die);
		Dwarf_Die next = NULL;
		bool inside = offset != 0 && visit(walk, die, offset);

		if (offset == 0 || walk->no_memory) {
			dwarf_dealloc_die(die);
			break;
		}
		if (inside && depth < DEPTH_MAX) {
			next = child_of(walk, die);
		}
		if (next != NULL) {
			stack[depth++] = die;
			die = next;
			continue;
		}
		for (;;) {
			next = hst_walk_sibling(walk, die);
			dwarf_dealloc_die(die);
			die = next;
			if (die != NULL || depth == 0) {
				break;
			}
			die = stack[--depth];
		}
	}
	while (depth > 0) {
		dwarf_dealloc_die(stack[--depth]);
	}
}
