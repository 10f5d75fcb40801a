/* SPDX-License-Identifier: Apache-2.0 */
/* The table of recipes: made by the plan's size, filled as modules come. */
#include "sink/recipes.h"

#include "core/procfs.h"
#include "core/sys.h"
#include "sink/file.h"
#include "sink/plan.h"

#include "core/poison.h"

#define HST_RECIPE_SLOTS_MIN 64u

struct hst_recipe *hst_recipes;
uint32_t hst_recipe_shift;
bool hst_recipes_contents;
bool hst_recipes_values;

static struct {
	uint64_t used; /* places that are not free */
	uint64_t slots;
} table;

bool hst_recipes_start(bool values)
{
	uint64_t count =
		hst_plan.recipes < HST_PLAN_RECIPES_MAX ? hst_plan.recipes : HST_PLAN_RECIPES_MAX;
	struct hst_recipe *places;
	uint32_t bits = 0;

	for (table.slots = HST_RECIPE_SLOTS_MIN; table.slots < 2 * count;) {
		table.slots *= 2;
	}
	while ((1ull << bits) < table.slots) {
		bits++;
	}
	hst_recipe_shift = 64 - bits;
	places = hst_sys_mmap(NULL, table.slots * sizeof *places, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	/* Contents are read by a system call that few programs make: a filter of such calls may kill for it. */
	hst_recipes_contents = places != NULL && hst_plan.contents && hst_procfs_seccomp(0) == 0;
	hst_recipes_values = places != NULL && values;
	hst_recipes = places;
	return places != NULL;
}

static uint64_t slot_of(uint64_t ret)
{
	return (ret * 0x9e3779b97f4a7c15ull) >> hst_recipe_shift;
}

/* false: there is no more room, or there is another recipe for this address. */
static bool insert(uint64_t ret, uint64_t fn, uint64_t pieces)
{
	struct hst_recipe *place = NULL;
	uint64_t slot = slot_of(ret);

	for (; hst_recipes[slot].ret != 0; slot = (slot + 1) & (table.slots - 1)) {
		if (hst_recipes[slot].ret == ret) {
			return hst_recipes[slot].fn == fn && hst_recipes[slot].pieces == pieces;
		}
		if (hst_recipes[slot].ret == HST_RECIPE_GONE && place == NULL) {
			place = &hst_recipes[slot];
		}
	}
	if (place == NULL) {
		if (table.used >= table.slots / 4 * 3) {
			return false;
		}
		place = &hst_recipes[slot];
		table.used++;
	}
	place->fn = fn;
	place->pieces = pieces;
	__atomic_store_n(&place->ret, ret, __ATOMIC_RELEASE);
	return true;
}

static void take_out(uint64_t ret)
{
	uint64_t mask = table.slots - 1;
	uint64_t slot = slot_of(ret);

	for (; hst_recipes[slot].ret != ret; slot = (slot + 1) & mask) {
		if (hst_recipes[slot].ret == 0) {
			return;
		}
	}
	__atomic_store_n(&hst_recipes[slot].ret, HST_RECIPE_GONE, __ATOMIC_RELEASE);
	/* Nothing lies behind it: no search has to go on here. */
	while (hst_recipes[(slot + 1) & mask].ret == 0 &&
		hst_recipes[slot].ret == HST_RECIPE_GONE) {
		__atomic_store_n(&hst_recipes[slot].ret, 0, __ATOMIC_RELEASE);
		table.used--;
		slot = (slot - 1) & mask;
	}
}

static uint64_t packed(const struct hst_plan_piece *first, uint64_t count)
{
	return (uint64_t)first | count << HST_RECIPE_COUNT_SHIFT;
}

static bool add_enters(const struct hst_loaded *module, const struct hst_plan_section *section)
{
	const struct hst_plan_section *pieces =
		hst_plan_pieces(&hst_plan, section->build_id, section->build_id_bytes);
	const struct hst_plan_enter *enters = (const void *)(hst_plan.bytes + section->offset);
	const struct hst_plan_piece *first =
		(const void *)(hst_plan.bytes + (pieces == NULL ? 0 : pieces->offset));
	bool whole = true;

	for (uint64_t i = 0; i < section->count; i++) {
		whole &= insert(module->bias + enters[i].ret, module->bias + enters[i].fn,
			packed(first + (enters[i].pieces == 0 ? 0 : enters[i].first),
				enters[i].pieces));
	}
	return whole;
}

static bool add_exits(const struct hst_loaded *module, const struct hst_plan_section *section)
{
	const struct hst_plan_exit *exits = (const void *)(hst_plan.bytes + section->offset);
	bool whole = true;

	for (uint64_t i = 0; i < section->count; i++) {
		if (exits[i].piece.kind != HST_PLAN_PLACE_NONE) {
			whole &= insert(module->bias + exits[i].ret, module->bias + exits[i].fn,
				packed(&exits[i].piece, 1) | HST_RECIPE_RESULT);
		}
	}
	return whole;
}

/* Calls `work` for each usable section of recipes of the module. */
static bool each_section(const struct hst_loaded *module,
	bool (*work)(const struct hst_loaded *module, const struct hst_plan_section *section))
{
	bool whole = true;

	for (uint32_t i = 0; i < hst_plan_sections(&hst_plan); i++) {
		const struct hst_plan_section *section = hst_plan_section(&hst_plan, i);

		if ((section->kind == HST_PLAN_ENTER || section->kind == HST_PLAN_EXIT) &&
			!hst_plan_is_refused(&hst_plan, i) &&
			hst_plan_is_for(section, module->build_id, module->build_id_bytes)) {
			whole &= work(module, section);
		}
	}
	return whole;
}

static bool add_section(const struct hst_loaded *module, const struct hst_plan_section *section)
{
	return section->kind == HST_PLAN_ENTER ? add_enters(module, section)
					       : add_exits(module, section);
}

static bool drop_section(const struct hst_loaded *module, const struct hst_plan_section *section)
{
	const uint8_t *item = hst_plan.bytes + section->offset;

	static_assert(offsetof(struct hst_plan_enter, ret) == 0 &&
			      offsetof(struct hst_plan_exit, ret) == 0,
		"the first field of both");
	for (uint64_t i = 0; i < section->count; i++) {
		take_out(module->bias + *(const uint64_t *)(const void *)item);
		item += sizeof(struct hst_plan_enter);
	}
	return true;
}

void hst_recipes_add(const struct hst_loaded *module)
{
	if (hst_recipes != NULL && !each_section(module, add_section)) {
		hst_sink_flag(HST_FLAG_ARGUMENTS_REFUSED);
	}
}

void hst_recipes_drop(const struct hst_loaded *module)
{
	if (hst_recipes != NULL) {
		(void)each_section(module, drop_section);
	}
}
