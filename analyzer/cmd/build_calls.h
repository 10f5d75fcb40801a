/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `hasten build` saw: the calls of compilers, and the files that they made with hooks. Plain data, from the model of processes and
 * from the files themselves.
 */
#ifndef HST_CMD_BUILD_CALLS_H
#define HST_CMD_BUILD_CALLS_H

#include "hasten/compiler.h"
#include "model/processes.h"
#include "util/arena.h"
#include "util/status.h"
#include "util/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* HST_BUILD_x, its word in JSON, a sentence for people. */
#define HST_BUILD_FOUND_LIST(X)                                                           \
 X(HOOKS, "yes", "has hooks")                                                             \
 X(NO_HOOKS, "no",                                                                        \
	 "has functions, but none with hooks: from system headers, or told to have none") \
 X(NO_FUNCTIONS, "no_functions", "has no function")                                       \
 X(LATER, "later", "gets its code when it is linked (-flto)")                             \
 X(GONE, "gone", "is no longer there")                                                    \
 X(UNKNOWN, "unknown", "cannot be read as an ELF file with symbols")

enum hst_build_found {
#define HST_BUILD_CONSTANT(NAME, word, text) HST_BUILD_##NAME,
	HST_BUILD_FOUND_LIST(HST_BUILD_CONSTANT)
#undef HST_BUILD_CONSTANT
	HST_BUILD_FOUNDS
};

struct hst_build_call {
	const struct hst_process_image *image;
	struct hst_compiler_call compiler; /* of the arguments as they were given */
	bool added;                        /* flags were added */
	bool missed;                       /* they should have been, but were not */
	bool failed;
};

struct hst_build_file {
	const char *path; /* absolute, unless no working directory is known */
	size_t call;      /* the latest that made it */
	enum hst_build_found found;
	bool program; /* it can be run */
};

struct hst_build {
	HST_VEC(struct hst_build_call) calls;  /* in order of time */
	HST_VEC(struct hst_build_file) files;  /* that should have hooks */
	HST_VEC(struct hst_build_file) linked; /* what calls linked, with or without compiling */
	uint64_t verdicts[HST_VERDICTS];
	uint64_t found[HST_BUILD_FOUNDS]; /* of `files` */
	uint64_t added, missed, failed;
	uint64_t
		unwatched; /* programs that could not be watched: the compilers they start have no hooks */
	const char *unwatched_example; /* name, NULL none */
	enum hst_process_blind unwatched_why;
	struct hst_arena arena;
};

/*
 * Finds the calls and what they made; borrows from `processes`. A compiler that a compiler or a cache starts belongs to that call.
 * own_flags: of the user. HST_E_MEMORY. hst_build_finish in any case.
 */
HST_NODISCARD enum hst_status hst_build_collect(
	const struct hst_processes *processes, bool own_flags, struct hst_build *ret_build);
void hst_build_finish(struct hst_build *build);

/* Looks at the files. */
void hst_build_check(struct hst_build *build);

/* What one file is. *ret_program: it can be run. */
enum hst_build_found hst_build_look(const char *path, bool *ret_program);

const char *hst_build_found_word(enum hst_build_found found);
const char *hst_build_found_text(enum hst_build_found found);
const char *hst_build_verdict_word(enum hst_compiler_verdict verdict);
const char *hst_build_verdict_text(enum hst_compiler_verdict verdict);

#endif
