/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Last stage: one image answers questions about addresses. Opening looks at headers only; symbols
 * are read at the first question, bodies and inlined instances of a unit at the first question about an
 * address of it, names are demangled and line tables run when they are asked for.
 */
#include "symbols/symbols.h"

#include <stdio.h>
#include <string.h>

#include "symbols/debug_file.h"
#include "symbols/demangle.h"
#include "symbols/dwarf_check.h"
#include "symbols/functions.h"
#include "symbols/grow.h"
#include "symbols/image.h"

#define NONE UINT32_MAX
/* Demangled names in one image; a hostile file gets its names as they are beyond that. */
#define STRING_BYTES_MAX ((size_t)512 << 20)
/* Instances looked at for one address: real programs nest, damaged ones overlap without end. */
#define COVER_MAX 65536
/*
 * Reading a unit is worth so many entries of a table that is made anew for it: beyond that, reading all the other units
 * at once is cheaper. (C library with debug information: 90 us per unit, 0.25 us per entry.)
 */
#define ENTRIES_PER_UNIT 128u
/* Tables that were replaced and may still be in use. */
#define TABLES_MAX 64u

struct hst_image {
	struct hst_elf elf;
	struct hst_elf debug; /* the separate debug file, if has_debug */
	bool has_debug;
	char *path;
	char *debug_path;
	uint32_t flags;
	bool loaded;
	bool has_dwarf;
	struct hst_dwarf dwarf;
	struct hst_functions functions;
	struct hst_functions old[TABLES_MAX]; /* what was handed out from them stays */
	size_t old_count;
	size_t remade;  /* entries of all tables made after the first */
	char **strings; /* demangled names and such */
	size_t string_count, string_capacity;
	size_t string_bytes;
};

/* Keeps a malloc'd string until the image closes; NULL gives `otherwise`. */
static const char *keep(struct hst_image *image, char *text, const char *otherwise)
{
	char **slot;

	if (text == NULL) {
		return otherwise;
	}
	image->string_bytes += strlen(text);
	if (image->string_bytes > STRING_BYTES_MAX) {
		free(text);
		return otherwise;
	}
	slot = hst_push(
		&image->strings, &image->string_count, &image->string_capacity, sizeof *slot);
	if (slot == NULL) {
		free(text);
		return otherwise;
	}
	*slot = text;
	return text;
}

/* Debug information or at least a symbol table from elsewhere, if the file itself lacks it. */
static void look_for_debug_file(struct hst_image *image, const char *path)
{
	char found[4096];

	if (image->elf.has_debug_info) {
		return;
	}
	if (!hst_debug_file_find(&image->elf, path, HST_DEBUG_ROOT, &image->debug, found)) {
		return;
	}
	image->debug_path = strdup(found);
	image->has_debug = true;
	image->flags |= HST_IMAGE_DEBUG_FILE |
			(image->debug.flags & (HST_IMAGE_HAS_SYMTAB | HST_IMAGE_ZSTD_DEBUG));
}

enum hst_status hst_image_open(const char *path, const uint8_t *build_id, size_t build_id_bytes,
	struct hst_image **ret_image, struct hst_diag *diag)
{
	struct hst_image *image = calloc(1, sizeof *image);
	enum hst_status status;

	if (image == NULL) {
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory while reading %s", path);
	}
	status = hst_elf_open(path, &image->elf, diag);
	if (status != HST_OK) {
		free(image);
		return status;
	}
	image->path = strdup(path);
	image->flags = image->elf.flags;
	if (build_id != NULL && build_id_bytes > 0 &&
		(build_id_bytes != image->elf.build_id.count ||
			memcmp(build_id, image->elf.build_id.bytes, build_id_bytes) != 0)) {
		image->flags |= HST_IMAGE_BUILD_ID_DIFFERS;
	} else {
		look_for_debug_file(image, path);
	}
	if (image->elf.has_debug_info || (image->has_debug && image->debug.has_debug_info)) {
		image->flags |= HST_IMAGE_HAS_DWARF;
	}
	if ((image->flags & HST_IMAGE_HAS_SYMTAB) == 0) {
		image->flags |= HST_IMAGE_STRIPPED;
	}
	*ret_image = image;
	return HST_OK;
}

void hst_image_close(struct hst_image *image)
{
	if (image == NULL) {
		return;
	}
	hst_functions_finish(&image->functions);
	for (size_t i = 0; i < image->old_count; i++) {
		hst_functions_finish(&image->old[i]);
	}
	if (image->has_dwarf) {
		hst_dwarf_close(&image->dwarf);
	}
	if (image->has_debug) {
		hst_elf_close(&image->debug);
	}
	hst_elf_close(&image->elf);
	for (size_t i = 0; i < image->string_count; i++) {
		free(image->strings[i]);
	}
	free(image->strings);
	free(image->debug_path);
	free(image->path);
	free(image);
}

uint32_t hst_image_flags(const struct hst_image *image)
{
	return image->flags;
}

size_t hst_image_build_id(const struct hst_image *image, const uint8_t **ret_bytes)
{
	*ret_bytes = image->elf.build_id.bytes;
	return image->elf.build_id.count;
}

static bool open_dwarf(struct hst_image *image, const struct hst_elf *source, const char *path)
{
	int alt_fd;

	if (path == NULL || !hst_dwarf_is_safe(source)) {
		return false;
	}
	alt_fd = hst_debug_file_alt(source, path, HST_DEBUG_ROOT);
	return hst_dwarf_open(source->fd, alt_fd, &image->elf, &image->dwarf) == HST_OK;
}

/* Reads DWARF; whatever is wrong with it, the symbols remain. */
static void load_dwarf(struct hst_image *image)
{
	bool separate = !image->elf.has_debug_info && image->has_debug;
	bool stripped = (image->flags & HST_IMAGE_STRIPPED) != 0;

	if ((image->flags & HST_IMAGE_HAS_DWARF) == 0 && !stripped) {
		return;
	}
	image->has_dwarf = separate ? open_dwarf(image, &image->debug, image->debug_path)
				    : open_dwarf(image, &image->elf, image->path);
	if (!image->has_dwarf) {
		image->flags &= ~(uint32_t)HST_IMAGE_HAS_DWARF;
		image->flags |= HST_IMAGE_DEBUG_DAMAGED;
		return;
	}
	if (stripped && !separate && hst_dwarf_read_frames(&image->dwarf) != HST_OK) {
		image->dwarf.damaged = true;
	}
}

static void make_functions(struct hst_image *image)
{
	if (hst_functions_build(&image->elf, image->has_debug ? &image->debug : NULL,
		    image->has_dwarf ? &image->dwarf : NULL, &image->functions) != HST_OK) {
		image->flags |= HST_IMAGE_DEBUG_DAMAGED;
	}
}

/* Opens everything once. Without memory an image simply knows less. */
static void load(struct hst_image *image)
{
	if (hst_elf_read_symbols(&image->elf) != HST_OK ||
		(image->has_debug && hst_elf_read_symbols(&image->debug) != HST_OK)) {
		image->flags |= HST_IMAGE_DEBUG_DAMAGED;
	}
	load_dwarf(image);
}

/* Is it cheaper to read all the other units now than to make the table anew for each? */
static bool want_all(const struct hst_image *image)
{
	return image->old_count == TABLES_MAX - 1 ||
	       image->remade > image->dwarf.unit_count * ENTRIES_PER_UNIT;
}

/* Makes known what is to be known about these addresses (ascending); NULL: about all. */
static void need(struct hst_image *image, const uint64_t *addresses, size_t count)
{
	bool first = !image->loaded;
	bool more = false;
	bool rest = false;
	enum hst_status status = HST_OK;

	if ((image->flags & HST_IMAGE_BUILD_ID_DIFFERS) != 0) {
		return;
	}
	if (first) {
		image->loaded = true;
		load(image);
	}
	if (image->has_dwarf) {
		if (addresses != NULL) {
			status = hst_dwarf_read(&image->dwarf, addresses, count, &more);
		}
		if (addresses == NULL || image->dwarf.whole || (more && want_all(image))) {
			status = hst_dwarf_read_all(&image->dwarf, &rest);
		}
		if (status != HST_OK || image->dwarf.damaged) {
			image->flags |= HST_IMAGE_DEBUG_DAMAGED;
		}
	}
	if (!first && !more && !rest) {
		return;
	}
	if (!first) {
		image->old[image->old_count++] = image->functions;
		image->remade += image->functions.count;
	}
	make_functions(image);
}

static const char *hex_name(struct hst_image *image, uint64_t address)
{
	char *text = malloc(24);

	if (text != NULL) {
		snprintf(text, 24, "0x%llx", (unsigned long long)address);
	}
	return keep(image, text, "?");
}

/* The short name: demangled, without what a compiler's clones are marked with. */
static const char *short_name(struct hst_image *image, const struct hst_function *function,
	const struct hst_dwarf_origin *origin)
{
	const char *linkage = function->linkage;
	size_t length = hst_functions_clone(linkage);
	char *text = hst_demangle_short(linkage);

	if (text != NULL && strcmp(text, linkage) == 0 && linkage[length] != '\0') {
		text[length] = '\0';
	}
	if (text == NULL && origin != NULL && origin->name != NULL) {
		return origin->name;
	}
	return keep(image, text, linkage);
}

/* Fills in the parts of a function that cost time. */
static const struct hst_function *finished(struct hst_image *image, uint32_t number)
{
	struct hst_function *function = &image->functions.items[number];
	struct hst_function_source *source = &image->functions.sources[number];
	const struct hst_dwarf_origin *origin = NULL;

	if (source->named) {
		return function;
	}
	source->named = true;
	if (source->origin != NONE) {
		origin = &image->dwarf.origins[source->origin];
	}
	if (function->linkage == NULL) {
		function->linkage = hex_name(image, function->address);
	}
	function->name = short_name(image, function, origin);
	function->full = keep(image, hst_demangle_full(function->linkage), function->linkage);
	if (origin != NULL) {
		function->file = hst_dwarf_file(&image->dwarf, origin->unit, origin->file);
		function->line = function->file != NULL ? origin->line : 0;
	}
	if (function->file == NULL && image->has_dwarf) {
		/* Split DWARF and assembler have lines, but no declarations here. */
		hst_dwarf_line(&image->dwarf, function->address, &function->file, &function->line);
	}
	return function;
}

const struct hst_function *hst_image_function(struct hst_image *image, uint64_t address)
{
	uint32_t number;

	need(image, &address, 1);
	number = hst_functions_at(&image->functions, address);
	return number == NONE ? NULL : finished(image, number);
}

size_t hst_image_functions(struct hst_image *image, const struct hst_function **ret_functions)
{
	need(image, NULL, 0);
	for (size_t i = 0; i < image->functions.count; i++) {
		finished(image, (uint32_t)i);
	}
	*ret_functions = image->functions.items;
	return image->functions.count;
}

bool hst_image_line(
	struct hst_image *image, uint64_t address, const char **ret_file, uint32_t *ret_line)
{
	need(image, &address, 1);
	return image->has_dwarf && hst_dwarf_line(&image->dwarf, address, ret_file, ret_line);
}

/* Was `origin` the source of a body of this function? Without bodies by its symbol's name. */
static bool made_from(
	const struct hst_image *image, uint32_t number, const struct hst_dwarf_origin *origin)
{
	const struct hst_function_source *source = &image->functions.sources[number];
	const char *wanted = origin->linkage != NULL ? origin->linkage : origin->name;
	size_t length;

	for (uint32_t i = 0; i < source->body_count; i++) {
		uint32_t body = image->functions.body_order[source->first_body + i];

		if (hst_dwarf_same_origin(
			    &image->dwarf.origins[image->dwarf.bodies[body].origin], origin)) {
			return true;
		}
	}
	if (source->body_count > 0 || source->symbol == NULL || wanted == NULL) {
		return false;
	}
	length = hst_functions_clone(source->symbol);
	return strncmp(wanted, source->symbol, length) == 0 && wanted[length] == '\0';
}

/* Does an inlined instance of the function (NONE: of any) cover the address? */
static bool covered(const struct hst_image *image, uint64_t address, uint32_t number)
{
	const struct hst_dwarf *dwarf = &image->dwarf;
	size_t lo = 0;
	size_t hi = image->has_dwarf ? dwarf->inline_count : 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (dwarf->inlines[mid].lo <= address) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	for (int i = 0; i < COVER_MAX && lo > 0 && dwarf->inlines[lo - 1].max_hi > address; i++) {
		const struct hst_dwarf_inline *instance = &dwarf->inlines[--lo];

		if (address < instance->hi &&
			(number == NONE ||
				made_from(image, number, &dwarf->origins[instance->origin]))) {
			return true;
		}
	}
	return false;
}

/* Is `outer` a clone of the function, made by the compiler under another name? */
static bool is_clone(const struct hst_image *image, uint32_t number, uint32_t outer)
{
	const struct hst_function_source *function = &image->functions.sources[number];
	const struct hst_function_source *clone = &image->functions.sources[outer];
	size_t length;

	for (uint32_t i = 0; i < clone->body_count; i++) {
		uint32_t body = image->functions.body_order[clone->first_body + i];

		if (made_from(image, number,
			    &image->dwarf.origins[image->dwarf.bodies[body].origin])) {
			return true;
		}
	}
	if (function->symbol == NULL || clone->symbol == NULL) {
		return false;
	}
	length = hst_functions_clone(clone->symbol);
	return clone->symbol[length] != '\0' && length == hst_functions_clone(function->symbol) &&
	       strncmp(clone->symbol, function->symbol, length) == 0;
}

bool hst_image_is_inlined(
	struct hst_image *image, uint64_t ret, uint64_t fn, const struct hst_function **ret_outer)
{
	uint64_t address = ret - 1;
	uint32_t outer;
	uint32_t number;

	need(image, fn < address ? (uint64_t[]){ fn, address } : (uint64_t[]){ address, fn }, 2);
	outer = hst_functions_at(&image->functions, address);
	number = hst_functions_entry(&image->functions, fn);
	if (ret_outer != NULL) {
		*ret_outer = outer == NONE ? NULL : finished(image, outer);
	}
	if (covered(image, address, number)) {
		return true;
	}
	if (number == NONE || outer == number) {
		return false;
	}
	return outer == NONE || !is_clone(image, number, outer);
}

struct hst_dwarf *hst_image_dwarf(struct hst_image *image)
{
	need(image, NULL, 0);
	return image->has_dwarf ? &image->dwarf : NULL;
}

struct hst_dwarf *hst_image_dwarf_of(
	struct hst_image *image, const uint64_t *addresses, size_t count)
{
	if (count != 0) {
		need(image, addresses, count);
	}
	return count != 0 && image->has_dwarf ? &image->dwarf : NULL;
}

size_t hst_image_ranges(struct hst_image *image, uint64_t fn, struct hst_span *ranges, size_t room)
{
	const struct hst_functions *functions = &image->functions;
	uint32_t number;
	size_t count = 0;

	need(image, NULL, 0);
	number = hst_functions_entry(functions, fn);
	for (size_t i = 0; number != NONE && i < functions->range_count; i++) {
		const struct hst_function_range *range = &functions->ranges[i];

		if (range->function != number) {
			continue;
		}
		if (count < room) {
			ranges[count] = (struct hst_span){ range->lo, range->hi };
		}
		count++;
	}
	return count;
}

const struct hst_elf *hst_image_elf(const struct hst_image *image)
{
	return &image->elf;
}
