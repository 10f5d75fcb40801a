/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The units of .debug_info: first where each one's code lies, later what is in those that are asked for.
 */
#include "symbols/dwarf.h"

#include <string.h>
#include <unistd.h>

#include "symbols/dwarf_lines.h"
#include "symbols/dwarf_walk.h"
#include "symbols/grow.h"

#define UNITS_MAX  (UINT32_C(1) << 20)
#define RANGES_MAX (UINT64_C(32) << 20)
#define ROWS_MAX   (UINT64_C(16) << 20)
#define FILES_MAX  (UINT64_C(16) << 20)
/* Places looked at for one address: units do not overlap but where the linker folded their code. */
#define SHARED_MAX 64

/* What is in a unit, once. */
static void read_unit(struct hst_dwarf_walk *walk, uint32_t number)
{
	struct hst_dwarf *dwarf = walk->dwarf;
	Dwarf_Debug dbg = NULL;
	Dwarf_Die top;

	if (dwarf->units[number].walked || (dwarf->units[number].die & HST_DIE_ALT) != 0) {
		return;
	}
	dwarf->units[number].walked = true;
	top = hst_die_at(dwarf, dwarf->units[number].die, &dbg);
	if (top == NULL) {
		dwarf->damaged = true;
		return;
	}
	walk->last = dwarf->units[number].die;
	walk->reader.version = dwarf->units[number].version;
	walk->reader.base = dwarf->units[number].base;
	walk->more = true;
	hst_walk_unit(walk, top);
	dwarf_dealloc_die(top);
}

/* The entry of the unit whose header was just read. */
static void meet_unit(struct hst_dwarf_walk *walk, unsigned version)
{
	struct hst_dwarf *dwarf = walk->dwarf;
	struct hst_die_facts facts;
	Dwarf_Error error = NULL;
	Dwarf_Off offset = 0;
	Dwarf_Half tag = 0;
	Dwarf_Die top = hst_walk_sibling(walk, NULL);

	if (top == NULL) {
		return;
	}
	if (dwarf_dieoffset(top, &offset, &error) != DW_DLV_OK ||
		dwarf_tag(top, &tag, &error) != DW_DLV_OK) {
		hst_compat_drop(walk->dbg, &error);
	} else if (tag == DW_TAG_compile_unit || tag == DW_TAG_skeleton_unit) {
		walk->no_memory = !hst_die_unit(dwarf, offset, version, &walk->unit);
		walk->purpose = HST_WALK_UNIT;
		walk->reader.version = version;
		walk->reader.base = 0;
		if (!walk->no_memory) {
			size_t places = dwarf->place_count;

			hst_walk_read(walk, top, &facts);
			dwarf->units[walk->unit].directory = facts.directory;
			dwarf->units[walk->unit].base = facts.has_low ? facts.low : 0;
			walk->nowhere |= dwarf->place_count == places;
			dwarf->whole |=
				facts.name != NULL && strcmp(facts.name, "<artificial>") == 0;
		}
	}
	dwarf_dealloc_die(top);
}

static void meet_all(struct hst_dwarf_walk *walk)
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
		meet_unit(walk, version);
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

static void sort_places(struct hst_dwarf *dwarf)
{
	uint64_t max_hi = 0;

	if (dwarf->place_count > 1) {
		qsort(dwarf->places, dwarf->place_count, sizeof *dwarf->places, place_by_lo);
	}
	for (size_t i = 0; i < dwarf->place_count; i++) {
		if (dwarf->places[i].hi > max_hi) {
			max_hi = dwarf->places[i].hi;
		}
		dwarf->places[i].max_hi = max_hi;
	}
}

static void sort_inlines(struct hst_dwarf *dwarf)
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
}

static void begin_walk(struct hst_dwarf *dwarf, struct hst_dwarf_walk *walk)
{
	*walk = (struct hst_dwarf_walk){ .dwarf = dwarf,
		.dbg = dwarf->dbg,
		.reader = { .dwarf = dwarf, .range_fn = hst_walk_range, .context = walk } };
}

static enum hst_status end_walk(struct hst_dwarf_walk *walk)
{
	if (walk->more) {
		sort_inlines(walk->dwarf);
	}
	return walk->no_memory ? HST_E_MEMORY : HST_OK;
}

/* Units without places: old assemblers and damaged files; their addresses are known by reading them only. */
static void read_nowhere(struct hst_dwarf_walk *walk)
{
	struct hst_dwarf *dwarf = walk->dwarf;
	bool *placed = calloc(dwarf->unit_count + 1, sizeof *placed);
	size_t count = dwarf->unit_count; /* reading may meet dwz's units */

	if (placed == NULL) {
		walk->no_memory = true;
		return;
	}
	for (size_t i = 0; i < dwarf->place_count; i++) {
		placed[dwarf->places[i].unit] = true;
	}
	for (size_t i = 0; i < count && !walk->no_memory; i++) {
		if (!placed[i]) {
			read_unit(walk, (uint32_t)i);
		}
	}
	free(placed);
}

bool hst_dwarf_same_origin(const struct hst_dwarf_origin *a, const struct hst_dwarf_origin *b)
{
	if (a->root == b->root) {
		return true;
	}
	if (a->linkage != NULL && b->linkage != NULL) {
		return strcmp(a->linkage, b->linkage) == 0;
	}
	return a->name != NULL && b->name != NULL && a->line == b->line &&
	       strcmp(a->name, b->name) == 0;
}

size_t hst_dwarf_places_before(const struct hst_dwarf *dwarf, uint64_t address)
{
	size_t lo = 0;
	size_t hi = dwarf->place_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (dwarf->places[mid].lo <= address) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return lo;
}

static void read_units_at(struct hst_dwarf_walk *walk, uint64_t address)
{
	const struct hst_dwarf *dwarf = walk->dwarf;
	size_t at = hst_dwarf_places_before(dwarf, address);

	for (int i = 0; i < SHARED_MAX && at > 0 && dwarf->places[at - 1].max_hi > address; i++) {
		at--;
		if (address < dwarf->places[at].hi && !walk->no_memory) {
			read_unit(walk, dwarf->places[at].unit);
		}
	}
}

enum hst_status hst_dwarf_read(
	struct hst_dwarf *dwarf, const uint64_t *addresses, size_t count, bool *ret_more)
{
	struct hst_dwarf_walk walk;
	enum hst_status status;

	begin_walk(dwarf, &walk);
	for (size_t i = 0; i < count; i++) {
		read_units_at(&walk, addresses[i]);
	}
	status = end_walk(&walk);
	*ret_more = walk.more;
	return status;
}

enum hst_status hst_dwarf_read_all(struct hst_dwarf *dwarf, bool *ret_more)
{
	struct hst_dwarf_walk walk;
	size_t count = dwarf->unit_count;
	enum hst_status status;

	begin_walk(dwarf, &walk);
	for (size_t i = 0; i < count && !walk.no_memory; i++) {
		read_unit(&walk, (uint32_t)i);
	}
	status = end_walk(&walk);
	*ret_more = walk.more;
	return status;
}

enum hst_status hst_dwarf_open(
	int fd, int alt_fd, const struct hst_elf *elf, struct hst_dwarf *ret_dwarf)
{
	struct hst_dwarf_walk walk;
	Dwarf_Debug dbg = NULL;
	Dwarf_Error error = NULL;

	*ret_dwarf = (struct hst_dwarf){ .alt_fd = alt_fd,
		.elf = elf,
		.range_budget = RANGES_MAX,
		.row_budget = ROWS_MAX,
		.file_budget = FILES_MAX };
	/* The library's own bookkeeping of every object doubles the time; we free what we get. */
	dwarf_set_de_alloc_flag(0);
	if (!hst_compat_open(fd, &dbg)) {
		if (alt_fd >= 0) {
			close(alt_fd);
		}
		hst_dwarf_close(ret_dwarf);
		return HST_E_NO_DEBUG;
	}
	ret_dwarf->dbg = dbg;
	if (alt_fd >= 0) {
		Dwarf_Debug alt = NULL;

		if (hst_compat_open(alt_fd, &alt)) {
			ret_dwarf->alt = alt;
			if (dwarf_set_tied_dbg(dbg, alt, &error) != DW_DLV_OK) {
				hst_compat_drop(dbg, &error);
			}
		}
	}
	begin_walk(ret_dwarf, &walk);
	meet_all(&walk);
	sort_places(ret_dwarf);
	if (walk.nowhere && !walk.no_memory) {
		read_nowhere(&walk);
	}
	if (end_walk(&walk) != HST_OK) {
		hst_dwarf_close(ret_dwarf);
		return HST_E_MEMORY;
	}
	return HST_OK;
}

enum hst_status hst_dwarf_read_frames(struct hst_dwarf *dwarf)
{
	struct hst_dwarf_walk walk = { .dwarf = dwarf, .purpose = HST_WALK_FRAME };

	if (!hst_compat_frames(dwarf->dbg, hst_walk_range, &walk)) {
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
