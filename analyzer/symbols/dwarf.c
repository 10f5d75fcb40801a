/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over .debug_info. It visits units in order and within them only entries that can hold
 * code, without recursion and with a fixed depth. Offsets must grow from entry to entry: a damaged
 * DW_AT_sibling cannot lead back. Addresses outside the program's code are functions that the
 * linker dropped.
 */
#include "symbols/dwarf.h"

#include <unistd.h>

#include "symbols/dwarf_die.h"
#include "symbols/dwarf_lines.h"
#include "symbols/grow.h"

#define DEPTH_MAX  512
#define UNITS_MAX  (UINT32_C(1) << 20)
#define RANGES_MAX (UINT64_C(32) << 20)
#define ROWS_MAX   (UINT64_C(16) << 20)
#define FILES_MAX  (UINT64_C(16) << 20)

struct walk {
	struct hst_dwarf *dwarf;
	Dwarf_Debug dbg;
	struct hst_die_reader reader;
	uint64_t last; /* offset of the entry before */
	uint32_t unit;
	bool no_memory;
	/* What the ranges of the entry at hand become. */
	enum {
		FOR_BODY,
		FOR_INLINE,
		FOR_UNIT,
		FOR_FRAME
	} purpose;
	size_t first_range;
	size_t first_inline;
};

static bool push_span(
	struct hst_span **spans, size_t *count, size_t *capacity, uint64_t lo, uint64_t hi)
{
	struct hst_span *item = hst_push(spans, count, capacity, sizeof *item);

	if (item != NULL) {
		*item = (struct hst_span){ .lo = lo, .hi = hi };
	}
	return item != NULL;
}

static bool keep_range(struct walk *walk, uint64_t lo, uint64_t hi)
{
	struct hst_dwarf *dwarf = walk->dwarf;
	struct hst_dwarf_place *place;
	struct hst_dwarf_inline *instance;

	switch (walk->purpose) {
	case FOR_UNIT:
		place = hst_push(
			&dwarf->places, &dwarf->place_count, &dwarf->place_capacity, sizeof *place);
		if (place != NULL) {
			*place = (struct hst_dwarf_place){ .lo = lo, .hi = hi, .unit = walk->unit };
		}
		return place != NULL;
	case FOR_INLINE:
		instance = hst_push(&dwarf->inlines, &dwarf->inline_count, &dwarf->inline_capacity,
			sizeof *instance);
		if (instance != NULL) {
			*instance = (struct hst_dwarf_inline){ .lo = lo, .hi = hi };
		}
		return instance != NULL;
	case FOR_FRAME:
		return push_span(
			&dwarf->frames, &dwarf->frame_count, &dwarf->frame_capacity, lo, hi);
	case FOR_BODY:
	default:
		return push_span(
			&dwarf->ranges, &dwarf->range_count, &dwarf->range_capacity, lo, hi);
	}
}

/* Keeps one range of the entry at hand, if it is code that is there. */
static bool take_range(void *context, uint64_t lo, uint64_t hi)
{
	struct walk *walk = context;
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

static void read_die(struct walk *walk, Dwarf_Die die, struct hst_die_facts *facts)
{
	hst_die_read(&walk->reader, walk->dbg, die, facts);
	if (!facts->has_ranges && facts->has_low && facts->has_high) {
		take_range(walk, facts->low, facts->high);
	}
}

/* The entry point: stated, else where the first range begins (the hot part comes first). */
static uint64_t entry_of(const struct walk *walk, const struct hst_die_facts *facts)
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
static bool visit_subprogram(struct walk *walk, Dwarf_Die die, uint64_t offset)
{
	struct hst_dwarf *dwarf = walk->dwarf;
	struct hst_dwarf_body *body;
	struct hst_die_facts facts;
	uint32_t origin;

	walk->purpose = FOR_BODY;
	walk->first_range = dwarf->range_count;
	read_die(walk, die, &facts);
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
	body->origin = origin;
	body->first_range = (uint32_t)walk->first_range;
	body->range_count = (uint32_t)(dwarf->range_count - walk->first_range);
	return true;
}

static bool visit_inlined(struct walk *walk, Dwarf_Die die)
{
	struct hst_dwarf *dwarf = walk->dwarf;
	struct hst_die_facts facts;
	uint32_t origin;

	walk->purpose = FOR_INLINE;
	walk->first_inline = dwarf->inline_count;
	read_die(walk, die, &facts);
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
	}
	return true;
}

/* Looks at one entry; returns whether to go on to its children. */
static bool visit(struct walk *walk, Dwarf_Die die, uint64_t offset)
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
		return visit_inlined(walk, die);
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

static Dwarf_Die child_of(struct walk *walk, Dwarf_Die die)
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

static Dwarf_Die sibling_of(struct walk *walk, Dwarf_Die die)
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
static uint64_t advance(struct walk *walk, Dwarf_Die die)
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

/* Visits everything below a unit's entry. */
static void walk_unit(struct walk *walk, Dwarf_Die top)
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
			next = sibling_of(walk, die);
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

static void read_unit(struct walk *walk, unsigned version)
{
	struct hst_die_facts facts;
	Dwarf_Error error = NULL;
	Dwarf_Off offset = 0;
	Dwarf_Half tag = 0;
	Dwarf_Die top = sibling_of(walk, NULL);

	if (top == NULL) {
		return;
	}
	if (dwarf_dieoffset(top, &offset, &error) != DW_DLV_OK ||
		dwarf_tag(top, &tag, &error) != DW_DLV_OK) {
		hst_compat_drop(walk->dbg, &error);
	} else if (tag == DW_TAG_compile_unit || tag == DW_TAG_skeleton_unit) {
		walk->no_memory = !hst_die_unit(walk->dwarf, offset, version, &walk->unit);
		walk->last = offset;
		walk->purpose = FOR_UNIT;
		walk->reader.version = version;
		walk->reader.base = 0;
		if (!walk->no_memory) {
			read_die(walk, top, &facts);
			walk->dwarf->units[walk->unit].directory = facts.directory;
			walk->reader.base = facts.has_low ? facts.low : 0;
			walk_unit(walk, top);
		}
	}
	dwarf_dealloc_die(top);
}

static void walk_all(struct walk *walk)
{
	uint64_t before = 0;

	for (uint32_t i = 0; i < UNITS_MAX && !walk->no_memory; i++) {
		Dwarf_Unsigned length = 0;
		Dwarf_Half version = 0;
		Dwarf_Unsigned abbreviations = 0;
		Dwarf_Half address_bytes = 0;
		Dwarf_Half length_bytes = 0;
		Dwarf_Half extension_bytes = 0;
		Dwarf_Sig8 signature;
		Dwarf_Unsigned type_offset = 0;
		Dwarf_Unsigned next = 0;
		Dwarf_Half kind = 0;
		Dwarf_Error error = NULL;
		int result = dwarf_next_cu_header_d(walk->dbg, 1, &length, &version, &abbreviations,
			&address_bytes, &length_bytes, &extension_bytes, &signature, &type_offset,
			&next, &kind, &error);

		if (result == DW_DLV_ERROR) {
			hst_compat_drop(walk->dbg, &error);
			walk->dwarf->damaged = true;
		}
		if (result != DW_DLV_OK || next <= before) {
			return;
		}
		before = next;
		read_unit(walk, version);
	}
}

static int inline_by_lo(const void *a, const void *b)
{
	const struct hst_dwarf_inline *x = a;
	const struct hst_dwarf_inline *y = b;

	if (x->lo != y->lo) {
		return x->lo < y->lo ? -1 : 1;
	}
	return x->hi > y->hi ? -1 : x->hi < y->hi;
}

static int place_by_lo(const void *a, const void *b)
{
	const struct hst_dwarf_place *x = a;
	const struct hst_dwarf_place *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static void sort_tables(struct hst_dwarf *dwarf)
{
	uint64_t max_hi = 0;

	if (dwarf->inline_count > 1) {
		qsort(dwarf->inlines, dwarf->inline_count, sizeof *dwarf->inlines, inline_by_lo);
	}
	for (size_t i = 0; i < dwarf->inline_count; i++) {
		if (dwarf->inlines[i].hi > max_hi) {
			max_hi = dwarf->inlines[i].hi;
		}
		dwarf->inlines[i].max_hi = max_hi;
	}
	if (dwarf->place_count > 1) {
		qsort(dwarf->places, dwarf->place_count, sizeof *dwarf->places, place_by_lo);
	}
}

enum hst_status hst_dwarf_open(
	int fd, int alt_fd, const struct hst_elf *elf, struct hst_dwarf *ret_dwarf)
{
	struct walk walk = { .dwarf = ret_dwarf };
	Dwarf_Error error = NULL;

	*ret_dwarf = (struct hst_dwarf){ .alt_fd = alt_fd,
		.elf = elf,
		.range_budget = RANGES_MAX,
		.row_budget = ROWS_MAX,
		.file_budget = FILES_MAX };
	/* The library's own bookkeeping of every object doubles the time; we free what we get. */
	dwarf_set_de_alloc_flag(0);
	if (!hst_compat_open(fd, &walk.dbg)) {
		if (alt_fd >= 0) {
			close(alt_fd);
		}
		hst_dwarf_close(ret_dwarf);
		return HST_E_NO_DEBUG;
	}
	ret_dwarf->dbg = walk.dbg;
	if (alt_fd >= 0) {
		Dwarf_Debug alt = NULL;

		if (hst_compat_open(alt_fd, &alt)) {
			ret_dwarf->alt = alt;
			if (dwarf_set_tied_dbg(walk.dbg, alt, &error) != DW_DLV_OK) {
				hst_compat_drop(walk.dbg, &error);
			}
		}
	}
	walk.reader = (struct hst_die_reader){
		.dwarf = ret_dwarf, .range_fn = take_range, .context = &walk
	};
	walk_all(&walk);
	if (walk.no_memory) {
		hst_dwarf_close(ret_dwarf);
		return HST_E_MEMORY;
	}
	sort_tables(ret_dwarf);
	return HST_OK;
}

enum hst_status hst_dwarf_read_frames(struct hst_dwarf *dwarf)
{
	struct walk walk = { .dwarf = dwarf, .purpose = FOR_FRAME };

	if (!hst_compat_frames(dwarf->dbg, take_range, &walk)) {
		return HST_OK;
	}
	return walk.no_memory ? HST_E_MEMORY : HST_OK;
}

void hst_dwarf_close(struct hst_dwarf *dwarf)
{
	for (size_t i = 0; i < dwarf->unit_count; i++) {
		hst_dwarf_unit_finish(dwarf, &dwarf->units[i]);
	}
	if (dwarf->dbg != NULL) {
		hst_compat_close(dwarf->dbg);
		if (dwarf->alt != NULL) {
			hst_compat_close(dwarf->alt);
		}
		if (dwarf->alt_fd >= 0) {
			close(dwarf->alt_fd);
		}
	}
	hst_map_finish(&dwarf->origin_of);
	hst_map_finish(&dwarf->unit_of);
	free(dwarf->origins);
	free(dwarf->bodies);
	free(dwarf->ranges);
	free(dwarf->inlines);
	free(dwarf->units);
	free(dwarf->places);
	free(dwarf->frames);
	*dwarf = (struct hst_dwarf){ .alt_fd = -1 };
}
