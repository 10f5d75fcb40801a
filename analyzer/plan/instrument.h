/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which functions should have no hooks in the next build, and which flags of the compiler say so.
 *
 * gcc matches each entry of -finstrument-functions-exclude-function-list as a *part* of the name that it prints for a function:
 * "el" takes the hooks of "helper" too. So of each function two texts are kept: what that name has for certain, from which
 * entries are made, and all that it may have, in which no entry for another function may be found. What no entry fits is named
 * by its file (again a part of a path), else in the source by an attribute.
 *
 * Pure but for memory: no file is read.
 */
#ifndef HST_PLAN_INSTRUMENT_H
#define HST_PLAN_INSTRUMENT_H

#include "util/arena.h"
#include "util/status.h"
#include "util/vec.h"

#include <stdbool.h>
#include <stdint.h>

#define HST_INSTRUMENT_NONE UINT32_MAX

enum hst_instrument_means {
	HST_MEANS_STAYS,     /* it keeps its hooks */
	HST_MEANS_LIST,      /* an entry of the list of functions */
	HST_MEANS_FILE,      /* an entry of the list of files */
	HST_MEANS_ATTRIBUTE, /* no entry fits it alone: no_instrument_function in the source */
};

struct hst_instrument_function {
	/* given */
	const char *linkage, *name, *full, *module;
	const char *file; /* NULL unknown */
	uint32_t line;
	uint32_t row; /* whatever the caller likes */
	uint64_t calls, self_ns;
	double cost_ns; /* of its hooks, in the recording, with what calling them costs where that is known */
	bool nameless; /* nothing can be done about it by name */
	bool kept;     /* it must not lose its hooks */

	/* found */
	const char *certain;  /* part of the name that gcc prints; NULL: none is known */
	const char *possible; /* that name is a part of this text */
	const char *path;     /* ns::Class::function, with template arguments */
	uint32_t unit;        /* functions of one certain text go or stay together */
	bool c_in_cxx; /* extern "C": it may lie in a namespace of which its symbol knows nothing */
	bool system;   /* it comes from a header of the system */
	bool out;      /* it is to lose its hooks */
	bool unreachable; /* it was, but neither an entry fits it, nor is its source the user's to change */
	enum hst_instrument_means means;
	const char *entry; /* of LIST and FILE */
	uint32_t
		would_lose; /* of ATTRIBUTE: the function that an entry would have taken along; NONE: there is no entry */
};

struct hst_instrument_texts {
	const char **items;
	size_t count, capacity;
};

struct hst_instrument {
	HST_VEC(struct hst_instrument_function) functions;
	struct hst_instrument_texts entries; /* of the list of functions */
	struct hst_instrument_texts files;   /* of the list of files */
	const char *scopes;                  /* all namespaces and classes, a line each */
	uint32_t units;
	bool cxx;       /* there is C++ */
	bool system;    /* the list of files has the headers of the system */
	uint64_t steps; /* bytes compared while means were looked for: for tests */
	struct hst_arena arena;
};

/* Adds a function, whose texts must live as long as the set. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_instrument_add(
	struct hst_instrument *set, const struct hst_instrument_function *function);
/* { 0 } is allowed. */
void hst_instrument_finish(struct hst_instrument *set);

/* When all are there: names, units, headers of the system. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_instrument_prepare(struct hst_instrument *set);

/*
 * What the program takes in a build without hooks: the time without what the recorder took, less what the program does to call
 * hooks. That is measured elsewhere and differs, so that at least a share of the time stays: HST_INSTRUMENT_BARE_LEAST.
 */
#define HST_INSTRUMENT_BARE_LEAST 0.1
struct hst_instrument_bare {
	double program_ns;
	double empty_ns; /* per call: as given, or what the floor leaves of it */
	bool floored;
};
struct hst_instrument_bare hst_instrument_bare(double recorded_ns, uint64_t calls, double empty_ns);

/*
 * Sets `out`: those with the most cost for their own time first, until the cost of what is left is at most `percent` of
 * `program_ns`; none that is not needed for that. `cost_ns`: of all calls, also those without a name. Returns the cost that is left.
 */
double hst_instrument_budget(
	struct hst_instrument *set, double cost_ns, double program_ns, double percent);
/* Sets `out` for all that are not `kept`. */
void hst_instrument_only_kept(struct hst_instrument *set);

/*
 * Finds the means for all that are `out`, by entries that take no other function along. With `only_kept` entries are as short as may
 * be, since there is so much to take. HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_instrument_find_means(struct hst_instrument *set, bool only_kept);

/* May this entry of the list of functions take the hooks of that function? */
bool hst_instrument_may_match(const struct hst_instrument *set, const char *entry,
	const struct hst_instrument_function *function);

/*
 * The flags for gcc, as the compiler must get them, one after the other: NULL behind the last one. Of the set's arena; NULL: out of memory.
 */
const char *const *hst_instrument_gcc_flags(struct hst_instrument *set);

enum hst_quoting {
	HST_QUOTING_RESPONSE, /* for an @file, and for `hasten build --flags` */
	HST_QUOTING_SHELL,
};
/* A flag as it must be written there. Of the arena; NULL: out of memory. */
const char *hst_instrument_quote(
	struct hst_arena *arena, const char *flag, enum hst_quoting quoting);

/* Names, for instrument.c and tests. Of the arena; `ret_certain` may become NULL. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_instrument_names(
	struct hst_arena *arena, struct hst_instrument_function *function);
/* Part of a path that leads to headers of the system, which hooks only disturb; NULL: it does not. */
const char *hst_instrument_system_part(const char *file);

#endif
