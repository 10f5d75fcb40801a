/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hasten build: adds the flags of the hooks to the arguments of a compiler that is about to be executed. Pure but for one look at the
 * file system (is `cc` gcc or clang?). No allocation, no state, no errno: for children of vfork, signal handlers, any thread. In doubt
 * nothing is added: the compiler then runs as it was asked to.
 *
 *   gcc -O2 -c a.c        ->  gcc -finstrument-functions -g -O2 -c a.c
 *   ccache clang -c a.c   ->  ccache clang -finstrument-functions-after-inlining -g -c a.c
 *
 * The flags stand first, so that what the user says later, in the arguments or in an @file, wins: -g0, -fno-instrument-functions.
 */
#ifndef HST_HOOKS_COMPILER_H
#define HST_HOOKS_COMPILER_H

#include "hasten/compiler.h"

#include <stdbool.h>
#include <stddef.h>

struct hst_compiler_settings {
	const char *
		flags; /* HASTEN_BUILD_FLAGS: in place of ours, one per line or, in one line, between blanks; NULL ours */
	const char *path; /* PATH, where a name without a slash is looked for; NULL: it is not */
};

/* The caller's memory, and what was made in it. */
struct hst_compiler_edit {
	char **argv; /* room for hst_compiler_room(argv) pointers; filled, with its NULL */
	size_t room; /* of argv */
	char *flags; /* HST_COMPILER_FLAGS_BYTES that argv then points to; not used without settings->flags */
};

/* How many pointers an edit of `argv` needs. */
size_t hst_compiler_room(char *const *argv);

/*
 * true: edit->argv is to be executed in place of `argv`; its strings are those of `argv`, constants, and edit->flags. false: `argv` as
 * it is. `file` is what exec was given, NULL: argv[0] tells.
 */
bool hst_compiler_edit(const struct hst_compiler_settings *settings, const char *file,
	char *const *argv, struct hst_compiler_edit *edit);

/* What the file behind cc or c++ is: links are followed, those to ccache and its like passed over. HST_COMPILER_IS_ANY: not known. */
enum hst_compiler_kind hst_compiler_behind(const char *file, const char *path);

#endif
