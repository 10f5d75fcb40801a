/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `hasten optimize --instrumentation`: gathering, prediction, forms of output, the file with the flags. */
#ifndef HST_CMD_OPTIMIZE_H
#define HST_CMD_OPTIMIZE_H

#include "cmd/common.h"
#include "model/heap.h"
#include "plan/instrument.h"

enum hst_optimize_compiler {
	HST_OPTIMIZE_GCC,
	HST_OPTIMIZE_CLANG,
};

/* What the hooks cost, as recorded and as predicted: beside `bare_ns`. */
struct hst_optimize_cost {
	uint64_t calls;
	double hooks_ns;
	double bytes; /* of the trace; below 0: unknown */
};

struct hst_optimize {
	struct hst_reading *reading;
	struct hst_profile *profile;
	struct hst_instrument set;
	struct hst_filter *keep; /* NULL: by budget */
	double percent;
	enum hst_optimize_compiler compiler; /* of the prediction, the table and the file */
	double call_ns;                      /* of one call's hooks, on average; 0 unknown */
	double empty_ns;                     /* of calling them, if they do nothing; 0 unknown */
	double program_ns;    /* time of all functions as recorded, without call_ns */
	double bare_ns;       /* without empty_ns, too: in a build without hooks */
	bool floored;         /* of empty_ns only so much was taken as leaves a sensible rest */
	bool cpu;             /* it and the own times are CPU time, else wall time */
	double call_bytes;    /* of one call in the trace, on average; below 0: unknown */
	uint64_t out_self_ns; /* own time of the functions without hooks */
	uint64_t out_allocs;
	uint64_t nameless; /* functions that no flag can name */
	uint64_t
		unreachable; /* that should have lost their hooks, and that this compiler has no means for */
	struct hst_optimize_cost before, after;
	bool no_heap;                        /* it is not asked for */
	struct hst_heap *heap;               /* NULL: memory was not recorded */
	const struct hst_heap_sum **heap_of; /* per row of the profile; NULL with `heap` */
	uint32_t *order; /* functions of the set that lose their hooks, most cost first */
	size_t order_count;
	bool *clang_file;             /* per function of the set: see hst_optimize_clang_file */
	const char *const *gcc_flags; /* NULL behind the last one */
	size_t attributes;            /* in the source, for gcc */
};

/* Flags for clang: NULL behind the last one. */
extern const char *const hst_optimize_clang_flags[];

/* What no figure of the prediction contains: sentence `i`; NULL: there are no more. */
const char *hst_optimize_unknown(const struct hst_optimize *optimize, size_t i);

/* Puts all functions that have hooks into the set. HST_E_MEMORY, or a sentence. */
HST_NODISCARD enum hst_status hst_optimize_gather(
	struct hst_optimize *optimize, struct hst_diag *diag);
/* Allocations of a function; false: unknown. */
bool hst_optimize_allocs(const struct hst_optimize *optimize,
	const struct hst_instrument_function *function, uint64_t *ret_allocs);
void hst_optimize_finish(struct hst_optimize *optimize);

/*
 * After hst_optimize_gather: only functions of these rows of the profile keep their hooks; `keep` must be set to any filter. HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_optimize_keep_rows(
	struct hst_optimize *optimize, const bool *rows);

/* Fills `clang_file`. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_optimize_find_files(struct hst_optimize *optimize);

/* By what a function loses its hooks with that compiler: "list", "file" or "source"; NULL: it keeps them. */
const char *hst_optimize_means(const struct hst_optimize *optimize,
	const struct hst_instrument_function *function, enum hst_optimize_compiler compiler);
/*
 * What clang needs for a function: its source file without the flag (true), or an attribute (false). A file fits if none of its
 * functions keeps its hooks, and if it is no header.
 */
bool hst_optimize_clang_file(
	const struct hst_optimize *optimize, const struct hst_instrument_function *function);
/* Is an attribute wanted in the source, for that compiler? */
bool hst_optimize_wants_attribute(const struct hst_optimize *optimize,
	const struct hst_instrument_function *function, enum hst_optimize_compiler compiler);
/* The flags of a compiler, NULL behind the last one. */
const char *const *hst_optimize_flags(
	const struct hst_optimize *optimize, enum hst_optimize_compiler compiler);

/* The forms of output. Exit statuses. */
int hst_optimize_text(struct hst_optimize *optimize);
/* Flags of one compiler, and what it needs in the source. */
void hst_optimize_print_compiler(
	struct hst_optimize *optimize, enum hst_optimize_compiler compiler);
void hst_optimize_json(struct hst_optimize *optimize);
void hst_optimize_csv(struct hst_optimize *optimize);
/* Writes the flags to the file of -o, or to standard output; says what is wrong. */
int hst_optimize_write(struct hst_optimize *optimize);

#endif
