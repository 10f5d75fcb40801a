/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of the system that others started: their allocations are not recorded unless asked for. The journal has who they were. */
#include "passes/heap_pass.h"
#include "reader/journal.h"

#include <stdio.h>

/* How many there were; what of the journal cannot be read says nothing. */
static uint64_t count_quiet(const char *dir)
{
	struct hst_journal journal = { 0 };
	struct hst_journal_entry entry;
	struct hst_diag diag = { "" };
	uint64_t count = 0;
	char path[4096];

	if (snprintf(path, sizeof path, "%s/%s", dir, HST_JOURNAL_NAME) >= (int)sizeof path ||
		hst_journal_open(path, &journal, &diag) != HST_OK) {
		return 0;
	}
	while (hst_journal_next(&journal, &entry, &diag) == HST_OK) {
		count += entry.fields.record.type == HST_JOURNAL_START &&
			 (entry.fields.start.flags & HST_JOURNAL_QUIET) != 0;
	}
	hst_journal_close(&journal);
	return count;
}

void hst_heap_note_quiet(struct hst_heap_pass *pass)
{
	struct hst_heap *heap = pass->heap;

	/* Of one process that was asked for they say nothing. */
	if (!heap->recorded || pass->options->pid != 0) {
		return;
	}
	heap->quiet = count_quiet(pass->session->dir);
	if (heap->quiet != 0) {
		hst_heap_note(heap, false,
			"%llu program%s of the system, which others started, %s left out (hasten run "
			"--memory-all records them)",
			(unsigned long long)heap->quiet, heap->quiet == 1 ? "" : "s",
			heap->quiet == 1 ? "is" : "are");
	}
}
