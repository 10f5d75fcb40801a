/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each module image is opened once, however many processes loaded it; rows are found by (image,
 * entry point). A function of a header that was compiled into several objects is one row. An address
 * is never trusted to lie in a module or to have a name.
 */
#include "passes/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPACE_REGION  UINT32_MAX
#define SPACE_NOWHERE 0x80000000u /* + number of the file */
#define SPACE_SOURCE  HST_ROWS_SOURCE
#define HASH_FIRST    256u

static enum hst_status add_row(
	struct hst_rows *rows, struct hst_row_key key, const struct hst_function_row *row);

enum hst_status hst_rows_init(struct hst_rows *rows)
{
	struct hst_function_row unknown = {
		.name = "[unknown]", .full = "[unknown]", .linkage = "[unknown]"
	};

	*rows = (struct hst_rows){ 0 };
	return add_row(rows, (struct hst_row_key){ .space = SPACE_REGION }, &unknown);
}

void hst_rows_finish(struct hst_rows *rows)
{
	if (rows == NULL) {
		return;
	}
	for (size_t i = 0; i < rows->images.count; i++) {
		if (rows->images.items[i].image != NULL) {
			hst_image_close(rows->images.items[i].image);
		}
	}
	hst_vec_finish(&rows->images);
	hst_vec_finish(&rows->items);
	hst_vec_finish(&rows->keys);
	free(rows->hash);
	hst_strtab_finish(&rows->regions);
	hst_strtab_finish(&rows->sources);
	hst_arena_finish(&rows->arena);
	*rows = (struct hst_rows){ 0 };
}

void hst_rows_begin_file(struct hst_rows *rows, size_t number)
{
	rows->file = (uint32_t)number & (SPACE_SOURCE - 1u);
}

static size_t slot_of(const struct hst_rows *rows, struct hst_row_key key)
{
	size_t mask = rows->hash_capacity - 1;
	size_t at = hst_map_hash(key.address ^ ((uint64_t)key.space << 40)) & mask;

	while (rows->hash[at] != 0) {
		const struct hst_row_key *there = &rows->keys.items[rows->hash[at] - 1];

		if (there->address == key.address && there->space == key.space) {
			break;
		}
		at = (at + 1) & mask;
	}
	return at;
}

static enum hst_status grow_hash(struct hst_rows *rows)
{
	size_t capacity = rows->hash_capacity == 0 ? HASH_FIRST : rows->hash_capacity * 2;
	uint32_t *hash = calloc(capacity, sizeof *hash);

	if (hash == NULL) {
		return HST_E_MEMORY;
	}
	free(rows->hash);
	rows->hash = hash;
	rows->hash_capacity = capacity;
	for (size_t i = 0; i < rows->keys.count; i++) {
		hash[slot_of(rows, rows->keys.items[i])] = (uint32_t)i + 1;
	}
	return HST_OK;
}

/* The key must not be there yet. */
static enum hst_status add_key(struct hst_rows *rows, struct hst_row_key key)
{
	if ((rows->keys.count + 1) * 4 > rows->hash_capacity * 3) {
		HST_TRY(grow_hash(rows));
	}
	if (!hst_vec_push(&rows->keys, key)) {
		return HST_E_MEMORY;
	}
	rows->hash[slot_of(rows, key)] = (uint32_t)rows->keys.count;
	return HST_OK;
}

static enum hst_status add_row(
	struct hst_rows *rows, struct hst_row_key key, const struct hst_function_row *row)
{
	key.row = (uint32_t)rows->items.count;
	if (!hst_vec_push(&rows->items, *row)) {
		return HST_E_MEMORY;
	}
	return add_key(rows, key);
}

static bool find_row(const struct hst_rows *rows, struct hst_row_key key, uint32_t *ret_row)
{
	uint32_t found = rows->hash[slot_of(rows, key)];

	if (found == 0) {
		return false;
	}
	*ret_row = rows->keys.items[found - 1].row;
	return true;
}

static bool same_image(const struct hst_module_image *image, const struct hst_module *module)
{
	return image->build_id_bytes == module->build_id_bytes &&
	       memcmp(image->build_id, module->build_id, module->build_id_bytes) == 0 &&
	       strcmp(image->path, module->path) == 0;
}

static enum hst_status find_image(
	struct hst_rows *rows, const struct hst_module *module, uint32_t *ret_image)
{
	struct hst_module_image image = { .build_id_bytes = module->build_id_bytes };
	struct hst_diag diag;
	const char *slash;

	for (size_t i = rows->images.count; i-- > 0;) {
		if (same_image(&rows->images.items[i], module)) {
			*ret_image = (uint32_t)i;
			return HST_OK;
		}
	}
	image.path = hst_arena_string(&rows->arena, module->path);
	if (image.path == NULL) {
		return HST_E_MEMORY;
	}
	slash = strrchr(image.path, '/');
	image.base = slash == NULL ? image.path : slash + 1;
	memcpy(image.build_id, module->build_id, sizeof image.build_id);
	if (hst_image_open(module->path, module->build_id_bytes == 0 ? NULL : module->build_id,
		    module->build_id_bytes, &image.image, &diag) != HST_OK) {
		image.image = NULL;
	} else {
		image.flags = hst_image_flags(image.image);
	}
	if (!hst_vec_push(&rows->images, image)) {
		hst_image_close(image.image);
		return HST_E_MEMORY;
	}
	*ret_image = (uint32_t)rows->images.count - 1;
	return HST_OK;
}

enum hst_status hst_rows_module(struct hst_rows *rows, const struct hst_module *module)
{
	uint32_t image;

	return find_image(rows, module, &image);
}

/* A function without a name: "module+0x1234", or the address alone where there is no module. */
static enum hst_status name_by_offset(
	struct hst_rows *rows, const char *base, uint64_t address, struct hst_function_row *row)
{
	char text[320];

	if (base != NULL) {
		(void)snprintf(text, sizeof text, "%.255s+0x%" PRIx64, base, address);
	} else {
		(void)snprintf(text, sizeof text, "0x%" PRIx64, address);
	}
	row->name = hst_arena_string(&rows->arena, text);
	row->full = row->name;
	row->linkage = row->name;
	rows->nameless++;
	return row->name == NULL ? HST_E_MEMORY : HST_OK;
}

/* Finds the row of `key`, or adds `row` under it unless the table is full. */
static enum hst_status add_or_fold(struct hst_rows *rows, struct hst_row_key key,
	const struct hst_function_row *row, uint32_t *ret_row)
{
	if (rows->items.count >= HST_ROWS_MAX) {
		rows->full = true;
		*ret_row = HST_ROW_UNKNOWN;
		return HST_OK;
	}
	HST_TRY(add_row(rows, key, row));
	*ret_row = (uint32_t)rows->items.count - 1;
	return HST_OK;
}

static enum hst_status region_row(struct hst_rows *rows, const struct hst_trace_file *file,
	uint64_t address, uint32_t *ret_row)
{
	const char *name = hst_trace_file_region(file, address);
	struct hst_row_key key = { .space = SPACE_REGION };
	struct hst_function_row row = { .flags = HST_ROW_REGION };
	char made[32];
	uint32_t id;

	if (name == NULL) {
		(void)snprintf(made, sizeof made, "region %llu",
			(unsigned long long)((address - HST_REGION_BASE) / 16));
		name = made;
	}
	HST_TRY(hst_strtab_add(&rows->regions, name, &id));
	/* Row 0 has the address 0 of this space. */
	key.address = (uint64_t)id + 1;
	if (find_row(rows, key, ret_row)) {
		return HST_OK;
	}
	row.name = hst_strtab_get(&rows->regions, id);
	row.full = row.name;
	row.linkage = row.name;
	return add_or_fold(rows, key, &row, ret_row);
}

static enum hst_status nowhere_row(struct hst_rows *rows, uint64_t address, uint32_t *ret_row)
{
	struct hst_row_key key = { .address = address, .space = SPACE_NOWHERE + rows->file };
	struct hst_function_row row = { 0 };

	if (find_row(rows, key, ret_row)) {
		return HST_OK;
	}
	HST_TRY(name_by_offset(rows, NULL, address, &row));
	return add_or_fold(rows, key, &row, ret_row);
}

/* The key of what the source calls this function. */
static enum hst_status source_key(struct hst_rows *rows, uint32_t image,
	const struct hst_function_row *row, struct hst_row_key *ret_key)
{
	char *text = NULL;
	uint32_t id;
	enum hst_status status;

	if (asprintf(&text, "%" PRIu32 " %s %" PRIu32 " %s", image, row->linkage, row->line,
		    row->file) < 0) {
		return HST_E_MEMORY;
	}
	status = hst_strtab_add(&rows->sources, text, &id);
	free(text);
	*ret_key = (struct hst_row_key){ .address = id, .space = SPACE_SOURCE };
	return status;
}

/* *ret_entry: where the function begins, an address in the file. */
static enum hst_status image_row(struct hst_rows *rows, uint32_t image, uint64_t address,
	uint32_t *ret_row, uint64_t *ret_entry)
{
	struct hst_module_image *module = &rows->images.items[image];
	const struct hst_function *function =
		module->image == NULL ? NULL : hst_image_function(module->image, address);
	struct hst_row_key key = { .address = function == NULL ? address : function->address,
		.space = image };
	struct hst_function_row row = { .module = module->path };
	struct hst_row_key source;

	*ret_entry = key.address;
	if (find_row(rows, key, ret_row)) {
		return HST_OK;
	}
	if (function == NULL || strncmp(function->name, "0x", 2) == 0) {
		HST_TRY(name_by_offset(rows, module->base, key.address, &row));
	} else {
		row.name = function->name;
		row.full = function->full;
		row.linkage = function->linkage;
		row.file = function->file;
		row.line = function->line;
	}
	if (row.file == NULL || row.line == 0) {
		return add_or_fold(rows, key, &row, ret_row);
	}
	HST_TRY(source_key(rows, image, &row, &source));
	if (find_row(rows, source, ret_row)) {
		key.row = *ret_row;
		return add_key(rows, key);
	}
	HST_TRY(add_or_fold(rows, key, &row, ret_row));
	source.row = *ret_row;
	return add_key(rows, source);
}

enum hst_status hst_rows_site(struct hst_rows *rows, const struct hst_trace_file *file,
	const struct hst_site *site, uint32_t *ret_row, bool *ret_inlined)
{
	const struct hst_module *module;
	const struct hst_module *around;
	struct hst_image *image;
	uint64_t entry;
	uint32_t number;

	*ret_inlined = false;
	if (site->fn == 0) {
		*ret_row = HST_ROW_UNKNOWN;
		return HST_OK;
	}
	if (site->fn >= HST_REGION_BASE) {
		return region_row(rows, file, site->fn, ret_row);
	}
	if (site->fn >= HST_MEMORY_BASE) {
		/* A place that asks for memory is no function. */
		*ret_row = HST_ROW_UNKNOWN;
		return HST_OK;
	}
	module = hst_trace_file_module(file, site->fn, site->generation);
	if (module == NULL) {
		return nowhere_row(rows, site->fn, ret_row);
	}
	HST_TRY(find_image(rows, module, &number));
	rows->images.items[number].used = true;
	HST_TRY(image_row(rows, number, site->fn - module->bias, ret_row, &entry));
	if (site->ret == 0) {
		return HST_OK;
	}
	/* A copy inlined into another module may name the function of this one. */
	around = hst_trace_file_module(file, site->ret, site->generation);
	image = rows->images.items[number].image;
	*ret_inlined = around != module ||
		       (image != NULL &&
			       hst_image_is_inlined(image, site->ret - module->bias, entry, NULL));
	if (*ret_row == HST_ROW_UNKNOWN) {
		*ret_inlined = false;
	}
	return HST_OK;
}

enum hst_status hst_rows_code(struct hst_rows *rows, const struct hst_trace_file *file,
	uint64_t ret, uint32_t generation, struct hst_code *ret_code)
{
	const struct hst_module *module = hst_trace_file_module(file, ret - 1, generation);
	struct hst_code code = { .offset = ret };
	const struct hst_function *function;
	struct hst_image *image;
	uint64_t entry;

	if (module == NULL) {
		code.space = SPACE_NOWHERE + rows->file;
		HST_TRY(nowhere_row(rows, ret - 1, &code.row));
		*ret_code = code;
		return HST_OK;
	}
	HST_TRY(find_image(rows, module, &code.space));
	rows->images.items[code.space].used = true;
	code.offset = ret - module->bias;
	HST_TRY(image_row(rows, code.space, code.offset - 1, &code.row, &entry));
	code.module = rows->images.items[code.space].path;
	image = rows->images.items[code.space].image;
	function = image == NULL ? NULL : hst_image_function(image, code.offset - 1);
	if (function != NULL && strncmp(function->name, "0x", 2) != 0) {
		code.function = function->name;
	}
	if (image != NULL && !hst_image_line(image, code.offset - 1, &code.file, &code.line)) {
		code.file = NULL;
		code.line = 0;
	}
	*ret_code = code;
	return HST_OK;
}

bool hst_rows_image_note(const struct hst_module_image *image, char *buffer, size_t size)
{
	const char *text = NULL;

	if (image->image == NULL) {
		text = "can no longer be read: its functions have no names";
	} else if ((image->flags & HST_IMAGE_BUILD_ID_DIFFERS) != 0) {
		text = "changed since it was recorded: its functions have no names "
		       "(record again, or put the recorded build back)";
	} else if ((image->flags & HST_IMAGE_ZSTD_DEBUG) != 0) {
		(void)snprintf(buffer, size,
			"%s: its debug information is compressed with zstd, which cannot be read: no files "
			"and lines (link with -Wl,--compress-debug-sections=zlib)",
			image->path);
		return true;
	} else if ((image->flags & (HST_IMAGE_HAS_DWARF | HST_IMAGE_STRIPPED)) == 0) {
		text = "has no debug information: no files and lines (compile with -g)";
	} else if ((image->flags & HST_IMAGE_STRIPPED) != 0 &&
		   (image->flags & HST_IMAGE_HAS_DWARF) == 0) {
		text = "is stripped: functions that it does not export are shown by their offset (keep the "
		       "symbols, or its separate debug file)";
	}
	if (text == NULL) {
		return false;
	}
	(void)snprintf(buffer, size, "%s %s", image->path, text);
	return true;
}
