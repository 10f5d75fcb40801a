/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be said about a program before it starts: is it there, can it be recorded, what is
 * missing, and the exact fix.
 */
#ifndef HST_CMD_ELF_ADVICE_H
#define HST_CMD_ELF_ADVICE_H

#include <stdbool.h>
#include <stddef.h>

enum hst_elf_verdict {
	HST_ELF_RECORD,         /* start it with the preload */
	HST_ELF_PLAIN,          /* the preload cannot work in it: start it as it is */
	HST_ELF_NOT_FOUND,      /* do not start it: 127 */
	HST_ELF_NOT_EXECUTABLE, /* do not start it: 126 */
};

#define HST_ADVICE_MAX   6
#define HST_ADVICE_BYTES 1536

struct hst_advice_line {
	bool error; /* not to be silenced */
	char text[HST_ADVICE_BYTES];
};

struct hst_elf_advice {
	enum hst_elf_verdict verdict;
	char *path;  /* what to execute; NULL if not found; owned */
	char *image; /* the ELF file that will run: `path`, or the interpreter of a script; owned */
	char *interpreter; /* dynamic linker of `image`, NULL if static or no ELF; owned */
	bool script;
	bool elf;      /* `path` is an ELF file: never to be handed to a shell */
	bool hookless; /* it has no hooks itself: of its own only memory and processes are recorded */
	bool asan_shared; /* gcc's AddressSanitizer: see run_env.h */
	struct hst_advice_line lines[HST_ADVICE_MAX];
	size_t line_count;
};

/* Looks `name` up like execvp() and examines it. Never fails: what is not known is not said. */
void hst_elf_advise(const char *name, struct hst_elf_advice *ret_advice);
void hst_elf_advice_finish(struct hst_elf_advice *advice);

#endif
