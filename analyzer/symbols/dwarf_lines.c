/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses to lines. A unit's line program is run once, when an address of the unit is first
 * asked for; its rows are kept sorted, and libdwarf's own copy (five times larger) is given back.
 */
#include "symbols/dwarf_lines.h"

#include <string.h>

#include "symbols/dwarf_die.h"
#include "symbols/grow.h"

/* Larger file numbers are damage. */
#define FILE_MAX (UINT32_C(1) << 20)
/* How many rows without a line (compiler-made code) are stepped over. */
#define LINELESS_MAX 64

/* Appends one component to `path` (length `at`), resolving "." and "..". Returns the length. */
static size_t add_component(char *path, size_t at, const char *text, size_t length)
{
	if (length == 0 || (length == 1 && text[0] == '.')) {
		return at;
	}
	if (length == 2 && text[0] == '.' && text[1] == '.' && at > 0) {
		size_t slash = at;

		while (slash > 0 && path[slash - 1] != '/') {
			slash--;
		}
		if (at - slash != 2 || path[slash] != '.' || path[slash + 1] != '.') {
			/* Keep the slash of the root, drop the one between components. */
			return slash > 1 ? slash - 1 : slash;
		}
	}
	if (at > 0 && path[at - 1] != '/') {
		path[at++] = '/';
	}
	memcpy(path + at, text, length);
	return at + length;
}

static size_t add_components(char *path, size_t at, const char *text)
{
	for (;;) {
		size_t length = strcspn(text, "/");

		at = add_component(path, at, text, length);
		if (text[length] == '\0') {
			return at;
		}
		text += length + 1;
	}
}

char *hst_path_join(const char *directory, const char *path)
{
	size_t directory_bytes = directory == NULL ? 0 : strlen(directory);
	char *joined = malloc(directory_bytes + strlen(path) + 4);
	const char *first = directory_bytes > 0 && path[0] != '/' ? directory : path;
	size_t at = 0;

	if (joined == NULL) {
		return NULL;
	}
	if (first[0] == '/') {
		joined[at++] = '/';
	}
	at = add_components(joined, at, first);
	if (first != path) {
		at = add_components(joined, at, path);
	}
	joined[at] = '\0';
	return joined;
}

static void drop_files(struct hst_dwarf_unit *unit, Dwarf_Debug dbg, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		if (unit->files != NULL) {
			free(unit->files[i]);
		}
		dwarf_dealloc(dbg, unit->raw_files[i], DW_DLA_STRING);
	}
	if (unit->raw_files != NULL) {
		dwarf_dealloc(dbg, unit->raw_files, DW_DLA_LIST);
	}
	free(unit->files);
	unit->files = NULL;
	unit->raw_files = NULL;
	unit->file_count = 0;
}

/* Keeps the file table just read, if all together are not too many. */
static void keep_files(
	struct hst_dwarf *dwarf, struct hst_dwarf_unit *unit, Dwarf_Debug dbg, uint64_t count)
{
	if (count == 0) {
		return;
	}
	if (count < dwarf->file_budget) {
		dwarf->file_budget -= count;
		unit->file_count = (uint32_t)count;
		unit->files = calloc((size_t)count, sizeof *unit->files);
	}
	if (unit->files == NULL) {
		drop_files(unit, dbg, count);
	}
}

static void read_files(struct hst_dwarf *dwarf, struct hst_dwarf_unit *unit)
{
	Dwarf_Debug dbg = NULL;
	Dwarf_Error error = NULL;
	Dwarf_Signed count = 0;
	Dwarf_Die die = hst_die_at(dwarf, unit->die, &dbg);

	unit->files_read = true;
	if (die == NULL) {
		return;
	}
	if (dwarf_srcfiles(die, &unit->raw_files, &count, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		unit->raw_files = NULL;
		count = 0;
	}
	keep_files(dwarf, unit, dbg, (uint64_t)count);
	if ((unit->die & HST_DIE_ALT) != 0 && unit->directory == NULL) {
		struct hst_die_reader reader = { .dwarf = dwarf };
		struct hst_die_facts facts;

		hst_die_read(&reader, dbg, die, &facts);
		unit->directory = facts.directory;
	}
	dwarf_dealloc_die(die);
}

/*
 * libdwarf puts the compilation directory in front of relative paths, of a relative directory even
 * twice; then what it put there is taken off again.
 */
static char *absolute(const char *directory, const char *path)
{
	size_t length = directory == NULL || directory[0] == '/' ? 0 : strlen(directory);

	while (length > 0 && strncmp(path, directory, length) == 0 && path[length] == '/') {
		path += length + 1;
	}
	return hst_path_join(directory, path);
}

const char *hst_dwarf_file(struct hst_dwarf *dwarf, uint32_t unit_number, uint32_t file)
{
	struct hst_dwarf_unit *unit;

	if (unit_number >= dwarf->unit_count) {
		return NULL;
	}
	unit = &dwarf->units[unit_number];
	if (!unit->files_read) {
		read_files(dwarf, unit);
	}
	/* Files count from 1 before DWARF 5, where 0 meant none. */
	if (unit->version < 5 && file-- == 0) {
		return NULL;
	}
	if (unit->files == NULL || unit->raw_files == NULL || file >= unit->file_count ||
		unit->raw_files[file] == NULL) {
		return NULL;
	}
	if (unit->files[file] == NULL) {
		unit->files[file] = absolute(unit->directory, unit->raw_files[file]);
	}
	return unit->files[file];
}

static int by_address(const void *a, const void *b)
{
	const struct hst_dwarf_row *x = a;
	const struct hst_dwarf_row *y = b;

	if (x->address != y->address) {
		return x->address < y->address ? -1 : 1;
	}
	/* A sequence that ends here comes before the one that begins here. */
	if (x->end != y->end) {
		return x->end ? -1 : 1;
	}
	return x->order < y->order ? -1 : x->order > y->order;
}

static bool read_row(Dwarf_Debug dbg, Dwarf_Line line, struct hst_dwarf_row *row)
{
	Dwarf_Error error = NULL;
	Dwarf_Addr address = 0;
	Dwarf_Unsigned number = 0;
	Dwarf_Unsigned file = 0;
	Dwarf_Bool end = 0;

	if (dwarf_lineaddr(line, &address, &error) != DW_DLV_OK ||
		dwarf_lineno(line, &number, &error) != DW_DLV_OK ||
		dwarf_line_srcfileno(line, &file, &error) != DW_DLV_OK ||
		dwarf_lineendsequence(line, &end, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return false;
	}
	row->address = address;
	row->line = number < UINT32_MAX ? (uint32_t)number : 0;
	row->file = file < FILE_MAX ? (uint32_t)file : UINT32_MAX;
	row->end = end != 0;
	return true;
}

static void keep_rows(struct hst_dwarf *dwarf, struct hst_dwarf_unit *unit, Dwarf_Debug dbg,
	Dwarf_Line *lines, Dwarf_Signed count)
{
	if (count <= 0 || (uint64_t)count > dwarf->row_budget) {
		return;
	}
	dwarf->row_budget -= (uint64_t)count;
	unit->row_count = 0;
	unit->rows = malloc((size_t)count * sizeof *unit->rows);
	if (unit->rows == NULL) {
		return;
	}
	for (Dwarf_Signed i = 0; i < count; i++) {
		struct hst_dwarf_row row = { .order = (uint32_t)i };

		/* The end of a sequence is one byte behind its code. */
		if (read_row(dbg, lines[i], &row) &&
			(hst_elf_is_code(dwarf->elf, row.address, NULL) ||
				(row.end && row.address > 0 &&
					hst_elf_is_code(dwarf->elf, row.address - 1, NULL)))) {
			unit->rows[unit->row_count++] = row;
		}
	}
	if (unit->row_count > 1) {
		qsort(unit->rows, unit->row_count, sizeof *unit->rows, by_address);
	}
}

static void read_lines(struct hst_dwarf *dwarf, struct hst_dwarf_unit *unit)
{
	Dwarf_Debug dbg = NULL;
	Dwarf_Error error = NULL;
	Dwarf_Unsigned version = 0;
	Dwarf_Small tables = 0;
	Dwarf_Line_Context context = NULL;
	Dwarf_Line *lines = NULL;
	Dwarf_Signed count = 0;
	Dwarf_Die die = hst_die_at(dwarf, unit->die, &dbg);

	unit->lines_read = true;
	if (die == NULL) {
		return;
	}
	if (dwarf_srclines_b(die, &version, &tables, &context, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
	} else {
		if (dwarf_srclines_from_linecontext(context, &lines, &count, &error) == DW_DLV_OK) {
			keep_rows(dwarf, unit, dbg, lines, count);
		} else {
			hst_compat_drop(dbg, &error);
		}
		dwarf_srclines_dealloc_b(context);
	}
	dwarf_dealloc_die(die);
}

static struct hst_dwarf_unit *unit_at(
	struct hst_dwarf *dwarf, uint64_t address, uint32_t *ret_number)
{
	size_t lo = hst_dwarf_places_before(dwarf, address);

	/* Units do not overlap; a damaged file may say so, and is then searched a little. */
	for (int i = 0; i < 4 && lo > 0; i++) {
		lo--;
		if (address < dwarf->places[lo].hi) {
			*ret_number = dwarf->places[lo].unit;
			return &dwarf->units[*ret_number];
		}
	}
	return NULL;
}

bool hst_dwarf_line(
	struct hst_dwarf *dwarf, uint64_t address, const char **ret_file, uint32_t *ret_line)
{
	uint32_t number = 0;
	struct hst_dwarf_unit *unit = unit_at(dwarf, address, &number);
	size_t lo = 0;
	size_t hi;

	if (unit == NULL) {
		return false;
	}
	if (!unit->lines_read) {
		read_lines(dwarf, unit);
	}
	hi = unit->row_count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (unit->rows[mid].address <= address) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	for (int i = 0; i < LINELESS_MAX && lo > 0 && !unit->rows[lo - 1].end; i++) {
		const struct hst_dwarf_row *row = &unit->rows[--lo];

		if (row->line != 0) {
			*ret_file = hst_dwarf_file(dwarf, number, row->file);
			*ret_line = row->line;
			return *ret_file != NULL;
		}
	}
	return false;
}

void hst_dwarf_unit_finish(struct hst_dwarf *dwarf, struct hst_dwarf_unit *unit)
{
	Dwarf_Debug dbg = (unit->die & HST_DIE_ALT) != 0 ? dwarf->alt : dwarf->dbg;

	drop_files(unit, dbg, unit->file_count);
	free(unit->rows);
}
