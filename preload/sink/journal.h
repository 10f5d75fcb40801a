/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appends to the journal of processes (include/hasten/journal.h). Opens the file by its path for each record and closes it again; takes no
 * lock, changes no state, allocates only its own mapping for a long record: a child of vfork, a signal handler and any thread may call it.
 * Where it cannot write, because of another root, a limit of file size or a full disk, the record is lost and counted; in a sandbox
 * none is written.
 */
#ifndef HST_SINK_JOURNAL_H
#define HST_SINK_JOURNAL_H

#include "hasten/journal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text of a record: bytes, or a list of strings that ends with NULL (ARGV). A piece with neither is left out. */
struct hst_journal_piece {
	uint32_t kind; /* enum hst_journal_text_kind */
	const char *bytes;
	size_t size;
	char *const *list;
};

/* The data directory is known (hst_sink_path): records go to its journal from here on. */
void hst_journal_start(void);

/* Does this process write to a journal? Also true in its children of vfork. Cheap. */
bool hst_journal_on(void);

/*
 * Fills `record`, a struct that begins with struct hst_journal_record and is `bytes` long (a multiple of 8), and appends it with its texts.
 * The pid is that of the caller, unless record->pid is not 0. Does nothing where hst_journal_on() is false. What cannot be written
 * is counted, and said by the next record that can be written, or by the header of the trace file.
 */
void hst_journal_append(struct hst_journal_record *record, size_t bytes, enum hst_journal_type type,
	const struct hst_journal_piece *pieces, size_t count);

/* In a child of fork: what its parent could not write is not its loss. */
void hst_journal_forked(void);

/* CLOCK_MONOTONIC, ns. */
uint64_t hst_journal_now(void);

/* What the process has used. `peak`: its VmHWM too, which takes longer. */
void hst_journal_usage(struct hst_journal_usage *ret_usage, bool peak);

/* The kernel's struct rusage (of wait4 and waitid) in the journal's terms; hwm_bytes is unknown. */
struct rusage;
void hst_journal_from_rusage(struct hst_journal_usage *ret_usage, const struct rusage *rusage);

#endif
