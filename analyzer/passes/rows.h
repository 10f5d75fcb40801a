/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sites to rows: which function of which module image a hook belongs to, over all processes of a
 * session. Row 0 stands for frames whose function is not known.
 */
#ifndef HST_PASSES_ROWS_H
#define HST_PASSES_ROWS_H

#include "model/profile.h"
#include "reader/decode.h"
#include "symbols/symbols.h"
#include "util/map.h"
#include "util/strtab.h"
#include "util/vec.h"

#define HST_ROWS_MAX    (1u << 20)
#define HST_ROW_UNKNOWN 0u
/* A space of keys whose address is a number of hst_rows.sources: a function of the source, no place. */
#define HST_ROWS_SOURCE 0x7fffffffu

struct hst_module_image {
	const char *path;
	const char *base; /* last part of the path */
	uint8_t build_id[32];
	uint8_t build_id_bytes;
	struct hst_image *image; /* NULL: could not be opened */
	uint32_t flags;
	bool used; /* a site lies in it */
};

/* What leads to a row. Several may: copies of one function of the source lie at many addresses. */
struct hst_row_key {
	uint64_t address;
	uint32_t space; /* image number, or what the address means instead */
	uint32_t row;
};

struct hst_rows {
	struct hst_arena arena;
	struct hst_strtab regions;
	struct hst_strtab sources; /* image, name, file and line of functions */
	HST_VEC(struct hst_module_image) images;
	HST_VEC(struct hst_function_row) items;
	HST_VEC(struct hst_row_key) keys;
	uint32_t *hash; /* index of a key + 1, 0 free */
	size_t hash_capacity;
	uint32_t file;     /* number of the present one, for addresses outside all modules */
	bool full;         /* HST_ROWS_MAX reached: the rest is row 0 */
	uint64_t nameless; /* rows that are only an address */
};

/* Makes row 0. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_rows_init(struct hst_rows *rows);
/* Closes the images and frees all names; NULL and { 0 } are allowed. */
void hst_rows_finish(struct hst_rows *rows);

/* Opens the image of a module that no site may lie in. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_rows_module(
	struct hst_rows *rows, const struct hst_module *module);

/*
 * The row of a site, added when new. *ret_inlined: the hook belongs to an inlined instance.
 * Call hst_rows_begin_file before the sites of another file come.
 */
HST_NODISCARD enum hst_status hst_rows_site(struct hst_rows *rows,
	const struct hst_trace_file *file, const struct hst_site *site, uint32_t *ret_row,
	bool *ret_inlined);
/* `number`: of the file within its session. */
void hst_rows_begin_file(struct hst_rows *rows, size_t number);

/* What is at a return address. Strings are borrowed from the rows. */
struct hst_code {
	const char *module;   /* path; NULL: the address lies in none */
	const char *function; /* the one that the address lies in, short; NULL: it has no name */
	const char *file;     /* of the call; NULL unknown */
	uint32_t line;
	uint32_t row;    /* of that function */
	uint32_t space;  /* with `offset` it tells addresses of the session apart */
	uint64_t offset; /* of the return address within the module's file addresses */
};

/* The code before the return address `ret`. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_rows_code(struct hst_rows *rows,
	const struct hst_trace_file *file, uint64_t ret, uint32_t generation,
	struct hst_code *ret_code);

/*
 * A sentence about what the names of an image lack; false: nothing. `size` is at least 256 and cuts
 * it.
 */
bool hst_rows_image_note(const struct hst_module_image *image, char *buffer, size_t size);

#endif
