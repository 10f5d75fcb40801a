/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joins symbols and DWARF bodies into one table of functions. Everything known is first put into
 * one list sorted by address; what shares an address is a group. A group is a function, or (by its
 * symbol's suffix) a piece of one that is found by DWARF identity, else by name.
 */
#include "symbols/functions.h"

#include <elf.h>
#include <string.h>

#include "symbols/grow.h"

#define NONE UINT32_MAX
/* Bodies of one address that are looked at; identical code folding can join thousands. */
#define FOLDED_MAX 16

struct entry {
	uint64_t address;
	uint64_t bytes; /* of the symbol or frame */
	const struct hst_symbol *symbol;
	uint32_t body; /* NONE: not a body */
};

struct group {
	size_t first, count; /* in entries */
	const struct hst_symbol *symbol;
	uint32_t body;     /* that fits the symbol best, NONE */
	uint32_t function; /* NONE: a piece whose owner is not known yet */
};

/* A whole function's name, for finding the owner of a piece. */
struct known {
	const struct hst_symbol *symbol;
	uint32_t group;
};

struct build {
	const struct hst_elf *elf;
	const struct hst_dwarf *dwarf; /* may be NULL */
	struct entry *entries;
	size_t entry_count, entry_capacity;
	struct group *groups;
	size_t group_count, group_capacity;
	struct known *known;
	size_t known_count, known_capacity;
	struct hst_map by_root; /* identity -> group of a whole function */
	struct hst_functions *out;
};

static bool is_piece(const struct hst_symbol *symbol)
{
	return symbol->name[hst_functions_piece(symbol->name)] != '\0';
}

static const struct hst_dwarf_origin *origin_of(const struct build *build, uint32_t body)
{
	return &build->dwarf->origins[build->dwarf->bodies[body].origin];
}

static bool add_entry(struct build *build, uint64_t address, uint64_t bytes,
	const struct hst_symbol *symbol, uint32_t body)
{
	struct entry *entry = hst_push(
		&build->entries, &build->entry_count, &build->entry_capacity, sizeof *entry);

	if (entry == NULL) {
		return false;
	}
	*entry = (struct entry){
		.address = address, .bytes = bytes, .symbol = symbol, .body = body
	};
	return true;
}

static bool add_symbols(struct build *build, const struct hst_elf *elf)
{
	for (size_t i = 0; i < elf->symbol_count; i++) {
		const struct hst_symbol *symbol = &elf->symbols[i];

		if (!add_entry(build, symbol->address, symbol->bytes, symbol, NONE)) {
			return false;
		}
	}
	return true;
}

static bool add_dwarf(struct build *build, const struct hst_dwarf *dwarf)
{
	for (size_t i = 0; i < dwarf->body_count; i++) {
		if (!add_entry(build, dwarf->bodies[i].entry, 0, NULL, (uint32_t)i)) {
			return false;
		}
	}
	for (size_t i = 0; i < dwarf->frame_count; i++) {
		const struct hst_span *frame = &dwarf->frames[i];

		if (!add_entry(build, frame->lo, frame->hi - frame->lo, NULL, NONE)) {
			return false;
		}
	}
	return true;
}

static int by_address(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;

	if (x->address != y->address) {
		return x->address < y->address ? -1 : 1;
	}
	return x->body < y->body ? -1 : x->body > y->body;
}

static int bind_rank(const struct hst_symbol *symbol)
{
	switch (symbol->bind) {
	case STB_GLOBAL:
	case STB_GNU_UNIQUE:
		return 0;
	case STB_WEAK:
		return 1;
	default:
		return 2;
	}
}

/* Does DWARF know the function by this name? */
static bool names_match(const struct hst_dwarf_origin *origin, const char *symbol)
{
	size_t length = hst_functions_clone(symbol);
	const char *name = origin->linkage != NULL ? origin->linkage : origin->name;

	return name != NULL && strncmp(name, symbol, length) == 0 && name[length] == '\0';
}

static bool any_body_matches(
	const struct build *build, const struct group *group, const struct hst_symbol *symbol)
{
	size_t seen = 0;

	for (size_t i = 0; i < group->count && seen < FOLDED_MAX; i++) {
		const struct entry *entry = &build->entries[group->first + i];

		if (entry->body != NONE) {
			seen++;
			if (names_match(origin_of(build, entry->body), symbol->name)) {
				return true;
			}
		}
	}
	return false;
}

/* Which of two symbols of one address names it: stable whatever the order of the table. */
static bool is_better(const struct build *build, const struct group *group,
	const struct hst_symbol *a, const struct hst_symbol *b)
{
	bool match_a;
	bool match_b;
	size_t length_a = strlen(a->name);
	size_t length_b = strlen(b->name);

	if (is_piece(a) != is_piece(b)) {
		return is_piece(b);
	}
	if (bind_rank(a) != bind_rank(b)) {
		return bind_rank(a) < bind_rank(b);
	}
	match_a = any_body_matches(build, group, a);
	match_b = any_body_matches(build, group, b);
	if (match_a != match_b) {
		return match_a;
	}
	if (length_a != length_b) {
		return length_a < length_b;
	}
	return strcmp(a->name, b->name) < 0;
}

static void choose(struct build *build, struct group *group)
{
	for (size_t i = 0; i < group->count; i++) {
		const struct hst_symbol *symbol = build->entries[group->first + i].symbol;

		if (symbol != NULL &&
			(group->symbol == NULL || is_better(build, group, symbol, group->symbol))) {
			group->symbol = symbol;
		}
	}
	for (size_t i = 0; i < group->count; i++) {
		uint32_t body = build->entries[group->first + i].body;

		if (body == NONE) {
			continue;
		}
		if (group->body == NONE) {
			group->body = body;
		}
		if (group->symbol != NULL &&
			names_match(origin_of(build, body), group->symbol->name)) {
			group->body = body;
			break;
		}
	}
}

static bool make_groups(struct build *build)
{
	qsort(build->entries, build->entry_count, sizeof *build->entries, by_address);
	for (size_t i = 0; i < build->entry_count;) {
		struct group *group = hst_push(
			&build->groups, &build->group_count, &build->group_capacity, sizeof *group);

		if (group == NULL) {
			return false;
		}
		group->first = i;
		while (i < build->entry_count &&
			build->entries[i].address == build->entries[group->first].address) {
			i++;
		}
		group->count = i - group->first;
		group->body = NONE;
		group->function = NONE;
		choose(build, group);
	}
	return true;
}

/* By name (`length` characters of it), source file and place in the symbol table. */
static int compare_known(const struct known *known, const char *name, size_t length, uint32_t file,
	const struct hst_symbol *place)
{
	int order = strncmp(known->symbol->name, name, length);

	if (order != 0) {
		return order;
	}
	if (known->symbol->name[length] != '\0') {
		return 1;
	}
	if (known->symbol->file != file) {
		return known->symbol->file < file ? -1 : 1;
	}
	if (known->symbol == place) {
		return 0;
	}
	return (uintptr_t)known->symbol < (uintptr_t)place ? -1 : 1;
}

static int by_name(const void *a, const void *b)
{
	const struct known *y = b;

	return compare_known(
		a, y->symbol->name, strlen(y->symbol->name), y->symbol->file, y->symbol);
}

/* Lists the groups that are whole functions, by name and by identity. */
static bool list_known(struct build *build)
{
	for (size_t i = 0; i < build->group_count; i++) {
		const struct group *group = &build->groups[i];
		uint32_t there;

		if (group->symbol != NULL && is_piece(group->symbol)) {
			continue;
		}
		if (group->symbol != NULL) {
			struct known *known = hst_push(&build->known, &build->known_count,
				&build->known_capacity, sizeof *known);

			if (known == NULL) {
				return false;
			}
			*known = (struct known){ .symbol = group->symbol, .group = (uint32_t)i };
		}
		if (group->body != NONE) {
			uint64_t root = origin_of(build, group->body)->root;

			if (!hst_map_get(&build->by_root, root, &there) &&
				hst_map_put(&build->by_root, root, (uint32_t)i) != HST_OK) {
				return false;
			}
		}
	}
	if (build->known_count > 1) {
		qsort(build->known, build->known_count, sizeof *build->known, by_name);
	}
	return true;
}

static size_t first_known(const struct build *build, const char *name, size_t length, uint32_t file,
	const struct hst_symbol *place)
{
	size_t lo = 0;
	size_t hi = build->known_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare_known(&build->known[mid], name, length, file, place) < 0) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return lo;
}

static bool is_known(
	const struct build *build, size_t i, const char *name, size_t length, uint32_t file)
{
	const struct hst_symbol *symbol = i < build->known_count ? build->known[i].symbol : NULL;

	return symbol != NULL && symbol->file == file && strncmp(symbol->name, name, length) == 0 &&
	       symbol->name[length] == '\0';
}

/*
 * The group of the whole function of that name that the piece was split from; NONE. A static
 * function of another file would be a guess. Without STT_FILE symbols (objcopy -g drops them) all
 * static functions are of one file; then a piece stands behind its own function in the table.
 */
static uint32_t find_name(const struct build *build, const struct hst_symbol *piece, size_t length)
{
	size_t i = first_known(build, piece->name, length, piece->file, piece);

	if (i > 0 && is_known(build, i - 1, piece->name, length, piece->file)) {
		return build->known[i - 1].group;
	}
	if (is_known(build, i, piece->name, length, piece->file)) {
		return build->known[i].group;
	}
	i = first_known(build, piece->name, length, HST_SYMBOL_GLOBAL, NULL);
	if (is_known(build, i, piece->name, length, HST_SYMBOL_GLOBAL)) {
		return build->known[i].group;
	}
	return NONE;
}

static uint32_t owner_of(const struct build *build, const struct group *piece)
{
	const char *name = piece->symbol->name;
	uint32_t owner = NONE;

	if (piece->body != NONE &&
		hst_map_get(&build->by_root, origin_of(build, piece->body)->root, &owner)) {
		return owner;
	}
	owner = find_name(build, piece->symbol, hst_functions_piece(name));
	if (owner == NONE) {
		owner = find_name(build, piece->symbol, hst_functions_clone(name));
	}
	return owner;
}

/* Numbers the functions by address and gives every piece the number of its owner. */
static size_t number_groups(struct build *build)
{
	uint32_t count = 0;
	uint32_t owner;

	for (size_t i = 0; i < build->group_count; i++) {
		struct group *group = &build->groups[i];

		if (group->symbol == NULL || !is_piece(group->symbol) ||
			owner_of(build, group) == NONE) {
			group->function = count++;
		}
	}
	for (size_t i = 0; i < build->group_count; i++) {
		if (build->groups[i].function == NONE) {
			owner = owner_of(build, &build->groups[i]);
			build->groups[i].function = build->groups[owner].function;
		}
	}
	return count;
}

static bool add_range(struct build *build, uint64_t lo, uint64_t hi, uint32_t function)
{
	struct hst_functions *out = build->out;
	struct hst_function_range *range =
		hst_push(&out->ranges, &out->range_count, &out->range_capacity, sizeof *range);

	if (range == NULL) {
		return false;
	}
	*range = (struct hst_function_range){ .lo = lo, .hi = hi, .function = function };
	return true;
}

/* The range of a group without DWARF: as long as it says, else up to what comes next. */
static bool add_plain_range(struct build *build, size_t number)
{
	const struct group *group = &build->groups[number];
	uint64_t lo = build->entries[group->first].address;
	uint64_t bytes = 0;
	struct hst_span section = { 0 };
	uint64_t hi;

	for (size_t i = 0; i < group->count; i++) {
		if (build->entries[group->first + i].bytes > bytes) {
			bytes = build->entries[group->first + i].bytes;
		}
	}
	if (!hst_elf_is_code(build->elf, lo, &section)) {
		return true;
	}
	hi = bytes != 0 && bytes < section.hi - lo ? lo + bytes : section.hi;
	if (bytes == 0 && number + 1 < build->group_count) {
		uint64_t next = build->entries[build->groups[number + 1].first].address;

		hi = next < hi ? next : hi;
	}
	return add_range(build, lo, hi, group->function);
}

/* The ranges of a body, as DWARF says. */
static bool add_body_ranges(struct build *build, uint32_t number, uint32_t function)
{
	const struct hst_dwarf_body *body = &build->dwarf->bodies[number];

	for (uint32_t i = 0; i < body->range_count; i++) {
		const struct hst_span *span = &build->dwarf->ranges[body->first_range + i];

		if (!add_range(build, span->lo, span->hi, function)) {
			return false;
		}
	}
	return true;
}

static bool add_ranges(struct build *build)
{
	for (size_t i = 0; i < build->group_count; i++) {
		const struct group *group = &build->groups[i];

		if (group->body == NONE && !add_plain_range(build, i)) {
			return false;
		}
		for (size_t j = 0; j < group->count; j++) {
			uint32_t number = build->entries[group->first + j].body;

			if (number != NONE && !add_body_ranges(build, number, group->function)) {
				return false;
			}
		}
	}
	return true;
}

static int range_by_lo(const void *a, const void *b)
{
	const struct hst_function_range *x = a;
	const struct hst_function_range *y = b;

	if (x->lo != y->lo) {
		return x->lo < y->lo ? -1 : 1;
	}
	/* The narrower one is found first by a search from behind. */
	return x->hi > y->hi ? -1 : x->hi < y->hi;
}

static void sort_ranges(struct hst_functions *out)
{
	uint64_t max_hi = 0;

	if (out->range_count > 1) {
		qsort(out->ranges, out->range_count, sizeof *out->ranges, range_by_lo);
	}
	for (size_t i = 0; i < out->range_count; i++) {
		if (out->ranges[i].hi > max_hi) {
			max_hi = out->ranges[i].hi;
		}
		out->ranges[i].max_hi = max_hi;
	}
}

static void fill_function(const struct build *build, const struct group *group)
{
	struct hst_function *item = &build->out->items[group->function];
	struct hst_function_source *source = &build->out->sources[group->function];
	const struct hst_dwarf_origin *origin =
		group->body == NONE ? NULL : origin_of(build, group->body);

	item->address = build->entries[group->first].address;
	item->from_dwarf = origin != NULL;
	source->symbol = group->symbol == NULL ? NULL : group->symbol->name;
	source->origin = origin == NULL ? NONE : build->dwarf->bodies[group->body].origin;
	item->linkage = source->symbol;
	if (item->linkage == NULL && origin != NULL) {
		item->linkage = origin->linkage != NULL ? origin->linkage : origin->name;
	}
}

/* Lists the bodies of each function behind each other (counting sort by function). */
static void order_bodies(struct build *build, size_t count)
{
	struct hst_functions *out = build->out;
	uint32_t at = 0;

	for (size_t i = 0; i < build->group_count; i++) {
		const struct group *group = &build->groups[i];

		for (size_t j = 0; j < group->count; j++) {
			out->sources[group->function].body_count +=
				build->entries[group->first + j].body != NONE;
		}
	}
	for (size_t i = 0; i < count; i++) {
		out->sources[i].first_body = at;
		at += out->sources[i].body_count;
		out->sources[i].body_count = 0;
	}
	for (size_t i = 0; i < build->group_count; i++) {
		const struct group *group = &build->groups[i];
		struct hst_function_source *source = &out->sources[group->function];

		for (size_t j = 0; j < group->count; j++) {
			uint32_t body = build->entries[group->first + j].body;

			if (body != NONE) {
				out->body_order[source->first_body + source->body_count++] = body;
			}
		}
	}
}

static bool make_functions(struct build *build)
{
	struct hst_functions *out = build->out;
	size_t count = number_groups(build);
	size_t bodies = build->dwarf == NULL ? 0 : build->dwarf->body_count;

	out->items = calloc(count + 1, sizeof *out->items);
	out->sources = calloc(count + 1, sizeof *out->sources);
	out->body_order = calloc(bodies + 1, sizeof *out->body_order);
	if (out->items == NULL || out->sources == NULL || out->body_order == NULL) {
		return false;
	}
	out->count = count;
	for (size_t i = 0; i < build->group_count; i++) {
		const struct group *group = &build->groups[i];

		/* Pieces carry their owner's number and come with another address. */
		if (group->symbol == NULL || !is_piece(group->symbol) ||
			owner_of(build, group) == NONE) {
			fill_function(build, group);
		}
	}
	order_bodies(build, count);
	if (!add_ranges(build)) {
		return false;
	}
	sort_ranges(out);
	return true;
}

enum hst_status hst_functions_build(const struct hst_elf *elf, const struct hst_elf *debug,
	const struct hst_dwarf *dwarf, struct hst_functions *ret_functions)
{
	struct build build = { .elf = elf, .dwarf = dwarf, .out = ret_functions };
	bool good;

	*ret_functions = (struct hst_functions){ 0 };
	good = add_symbols(&build, elf) && (debug == NULL || add_symbols(&build, debug)) &&
	       (dwarf == NULL || add_dwarf(&build, dwarf));
	if (good && build.entry_count > 0) {
		good = make_groups(&build) && list_known(&build) && make_functions(&build);
	}
	free(build.entries);
	free(build.groups);
	free(build.known);
	hst_map_finish(&build.by_root);
	if (!good) {
		hst_functions_finish(ret_functions);
		return HST_E_MEMORY;
	}
	return HST_OK;
}
