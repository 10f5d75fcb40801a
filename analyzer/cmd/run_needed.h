/* SPDX-License-Identifier: Apache-2.0 */
/* Which shared libraries the dynamic linker would load for a program. */
#ifndef HST_CMD_RUN_NEEDED_H
#define HST_CMD_RUN_NEEDED_H

#include <stdbool.h>
#include <stddef.h>

struct hst_needed {
	char **paths; /* absolute, in order of loading; the executable itself is not among them */
	size_t count;
};

/*
 * Asks the program's own dynamic linker (`interpreter --list program`), so that LD_LIBRARY_PATH,
 * RUNPATH and the cache count as they will for the run. Nothing of the program runs. false: it
 * could not be asked; *ret_needed is empty then.
 */
bool hst_run_needed(const char *interpreter, const char *program, struct hst_needed *ret_needed);
void hst_needed_finish(struct hst_needed *needed);

/* Calls `each` for the program and for those libraries of it that could be listed. */
struct hst_elf_advice;
void hst_run_each_file(const struct hst_elf_advice *advice,
	void (*each)(void *context, const char *path), void *context);

#endif
