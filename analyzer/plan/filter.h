/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters: which functions to record or to show.
 *
 *   parse*,!parse_debug,module:libfoo*,!file:vendor/...
 *
 * Terms are separated by commas (not by those inside brackets that are closed again, as in
 * "map<int, long>"; "\," is a plain comma). `!` excludes. A term is a glob of a function's name
 * (short, full or linkage), `module:` one of a module (path or base name), `file:` one of a source
 * file (path or its tail). With at least one including term all that none of them matches is
 * excluded; an exclusion always wins.
 */
#ifndef HST_PLAN_FILTER_H
#define HST_PLAN_FILTER_H

#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HST_FILTER_BYTES_MAX (64u << 10)
#define HST_FILTER_TERMS_MAX 1024u

struct hst_filter;

/*
 * Parses an expression. HST_E_USAGE with a sentence that names the bad term; HST_E_MEMORY.
 * The caller destroys *ret_filter.
 */
HST_NODISCARD enum hst_status hst_filter_parse(
	const char *expression, struct hst_filter **ret_filter, struct hst_diag *diag);
/* Accepts NULL. */
void hst_filter_destroy(struct hst_filter *filter);

/*
 * Is the function wanted? Each of its names may be NULL (unknown), which no term matches.
 * Remembers which terms matched, for hst_filter_unmatched.
 */
bool hst_filter_matches(struct hst_filter *filter, const char *name, const char *full,
	const char *linkage, const char *module, const char *file);

/*
 * The text of the `number`-th term (0, 1, ...) that has matched nothing so far, NULL at the end.
 * Borrowed from the filter.
 */
const char *hst_filter_unmatched(const struct hst_filter *filter, size_t number);

/* What became of a filter in a plan. */
struct hst_filter_plan {
	size_t modules;     /* with a table of their own */
	size_t functions;   /* that will be recorded, in those */
	size_t excluded;    /* functions left out, in those */
	size_t no_build_id; /* modules with hooks that no table can be made for: recorded whole */
	const char *no_build_id_path; /* the first of them, borrowed from `paths`; NULL none */
};

struct hst_plan_file;

/*
 * Applies the filter to the functions of the ELF files `paths` (a program and the libraries it
 * loads; those without hooks are passed over, as are those that cannot be read) and writes a plan
 * (hasten/plan.h) with one table per module to `plan_path`: mode 0600, under a temporary name
 * first, then renamed. Modules that are not in the list are recorded whole, and reports filter
 * them. HST_E_IO, HST_E_LIMIT, HST_E_MEMORY, with a sentence; *ret_plan may be NULL.
 */
HST_NODISCARD enum hst_status hst_filter_write_plan(struct hst_filter *filter,
	const char *const *paths, size_t path_count, const char *plan_path,
	struct hst_filter_plan *ret_plan, struct hst_diag *diag);

/* The same into a plan that holds other things too. */
HST_NODISCARD enum hst_status hst_filter_add_plan(struct hst_filter *filter,
	const char *const *paths, size_t path_count, struct hst_plan_file *plan,
	struct hst_filter_plan *ret_plan, struct hst_diag *diag);

#endif
