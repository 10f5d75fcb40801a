/* SPDX-License-Identifier: Apache-2.0 */
/* What a process says of itself in the journal: that it began, was forked, lacked memory, ends. Slow paths; any thread, any signal. */
#ifndef HST_HOOKS_JOURNAL_H
#define HST_HOOKS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hst_journal_who {
	HST_WHO_NOBODY, /* there is no journal */
	HST_WHO_SELF,   /* the process; a child of fork, too, which the journal then has */
	HST_WHO_VFORKED /* a child that shares this memory: nothing in it may be changed */
};

/* Who runs this code? Notes a forked child that the journal does not have yet. */
enum hst_journal_who hst_journal_who(void);

/*
 * The image begins. `argv` ends with NULL, or is it; `started`: by another process that is recorded. Returns whether it is a program of
 * the system (below /usr, but not /usr/local).
 */
bool hst_journal_image(char *const *argv, bool started);

/* The process is about to end: enum hst_end; status -1 unknown. */
void hst_journal_ends(uint32_t kind, int status);

/* An allocation of so many bytes failed. Only the first one is noted. */
void hst_journal_no_memory(uint64_t bytes);

#endif
