/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `hasten cache`: what is shown, as a table, one row in full, JSON, CSV. */
#ifndef HST_CMD_CACHE_H
#define HST_CMD_CACHE_H

#include "cmd/common.h"
#include "model/cache.h"
#include "passes/cache.h"
#include "passes/cache_proofs.h"

struct hst_arguments;
struct hst_cache_baseline;
struct hst_json;

struct hst_cache_show {
	struct hst_reading *reading;
	const struct hst_cache *cache;
	const struct hst_function_row *rows; /* by hst_cache_function.row */
	const struct hst_profile *said;      /* notes */
	uint64_t wall_ns;
	const struct hst_cache_baseline *baseline; /* NULL none */
	bool values;                               /* the recording has values of arguments */
	const struct hst_arguments *arguments;     /* of the functions to be explained; NULL none */
	const struct hst_cache_proofs *proofs;     /* NULL: none */
	bool processes;                            /* rows are programs that ran */
	uint64_t unended, unmatched;               /* calls and keys that are in no log */
	uint32_t *order;                           /* of cache->functions, as it is to be shown */
	size_t order_count;
};

/* Whose purity is declared. */
struct hst_cache_pure {
	const struct hst_reading *reading;
	const struct hst_function_row *rows;
	struct hst_cache_log *logs; /* [count] */
	size_t count;
};

/* Reads a list of names or a compiler's log; says which lines name nobody. Exit status. */
int hst_cache_read_pure(const struct hst_cache_pure *pure, const char *path);

/* Chooses (with --explain those of that name) and sorts the rows. HST_E_USAGE, HST_E_NOT_FOUND, with a sentence; HST_E_MEMORY. The caller frees show->order. */
HST_NODISCARD enum hst_status hst_cache_choose(struct hst_cache_show *show, struct hst_diag *diag);
/* Several recordings beside each other, each analysed with sums by key. */
HST_NODISCARD enum hst_status hst_cache_print_runs(
	const struct hst_cache_show *shows, size_t count);
/* Prints what was asked for; exit status. */
int hst_cache_print(struct hst_cache_show *show);

HST_NODISCARD enum hst_status hst_cache_text(struct hst_cache_show *show);
/* All about the chosen rows. */
HST_NODISCARD enum hst_status hst_cache_explain(struct hst_cache_show *show);
HST_NODISCARD enum hst_status hst_cache_json(const struct hst_cache_show *show);
/*
 * Writes a cache of the function that --patch names, as a diff or as code, to -o or standard output. HST_E_USAGE: none can be, or is
 * worth it; HST_E_NOT_FOUND, HST_E_NO_DEBUG, HST_E_IO, HST_E_MEMORY; with a sentence.
 */
HST_NODISCARD enum hst_status hst_cache_patch(struct hst_cache_show *show, struct hst_diag *diag);
void hst_cache_csv(const struct hst_cache_show *show);

/* The proof of purity, or what speaks against it. */
void hst_cache_proof_text(
	const struct hst_cache_show *show, const struct hst_cache_function *function);
void hst_cache_proof_json(struct hst_json *json, const struct hst_cache_show *show,
	const struct hst_cache_function *function);

/* Cells that table and explanation share. */
#define HST_CACHE_CELL 160
void hst_cache_ns_cell(char text[HST_CACHE_CELL], double ns);
void hst_cache_share_cell(char text[HST_CACHE_CELL], double gain_ns, uint64_t wall_ns);
void hst_cache_within_cell(char text[HST_CACHE_CELL], double low_ns, double high_ns);

/* Of a table of functions that repeat. */
struct hst_cache_column {
	const char *title;
	unsigned flags; /* HST_COLUMN_... */
	bool wide;      /* on a wide terminal only, or where no width is known */
};
bool hst_cache_column_fits(
	const struct hst_cache_column *column, const struct hst_reading *reading);
/* "O(1.62^n)" of the calls, "O(n)" of the keys, of growth that is known; n: levels of the recursion. */
#define HST_CACHE_CLASS 24
void hst_cache_class_cells(char classes[2][HST_CACHE_CLASS], const struct hst_cache_growth *growth);
void hst_cache_kind_cell(char text[HST_CACHE_CELL], const struct hst_cache_function *function);
void hst_cache_purity_cell(char text[HST_CACHE_CELL], const struct hst_cache_function *function);
void hst_cache_ttl_cell(char text[HST_CACHE_CELL], const struct hst_cache_function *function);
void hst_cache_entries_cell(char text[HST_CACHE_CELL], const struct hst_cache_function *function);
/* "3 of 4": hits of all lookups, in percent. */
void hst_cache_hits_cell(char text[HST_CACHE_CELL], const struct hst_cache_function *function);

#endif
