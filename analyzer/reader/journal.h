/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of processes (include/hasten/journal.h), record by record. The file is streamed through
 * a window of a few MiB; nothing in it is trusted. Not thread-safe.
 */
#ifndef HST_READER_JOURNAL_H
#define HST_READER_JOURNAL_H

#include "hasten/journal.h"
#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HST_JOURNAL_FILE_BYTES_MAX (UINT64_C(16) << 30)
#define HST_JOURNAL_TEXTS          (HST_TEXT_NAME + 1u)

union hst_journal_fields {
	struct hst_journal_record record;
	struct hst_journal_start start;
	struct hst_journal_fork fork;
	struct hst_journal_exec exec;
	struct hst_journal_exec_failed exec_failed;
	struct hst_journal_spawn spawn;
	struct hst_journal_wait wait;
	struct hst_journal_end end;
	struct hst_journal_shell shell;
	struct hst_journal_no_memory no_memory;
	struct hst_journal_system system;
	struct hst_journal_sample sample;
	struct hst_journal_run run;
	struct hst_journal_lost lost;
};

struct hst_journal_extent {
	const char *data; /* NULL: not there; need not end in NUL */
	uint32_t bytes;
};

/* One record. Pieces are borrowed until the next call. */
struct hst_journal_entry {
	union hst_journal_fields fields; /* the rest of the union is zero */
	uint32_t field_bytes;            /* of the fields of this type */
	uint64_t offset;                 /* in the file */
	struct hst_journal_extent
		texts[HST_JOURNAL_TEXTS]; /* by kind; of two of a kind the first */
};

struct hst_journal {
	int fd;
	const char *name; /* for sentences; borrowed */
	uint64_t file_bytes;
	uint64_t at; /* offset of the next record */
	uint8_t *window;
	uint64_t window_at; /* file offset of the window */
	size_t window_bytes, window_capacity;
	uint64_t budget;  /* bytes that may still be checked while looking for a sound record */
	uint64_t records; /* sound ones of known types */
	uint64_t unknown; /* sound ones of other types */
	uint64_t newer;   /* sound ones of a later version */
	uint64_t damaged; /* places where something unreadable was stepped over */
	uint64_t damaged_bytes;
	bool cut; /* the file ends within a record */
};

/* Sentences: HST_E_NOT_FOUND, HST_E_PERMISSION, HST_E_NOT_OURS (no regular file), HST_E_LIMIT, HST_E_IO, HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_journal_open(
	const char *path, struct hst_journal *ret_journal, struct hst_diag *diag);
/* The same of a descriptor, which it takes over also if it fails. */
HST_NODISCARD enum hst_status hst_journal_open_fd(
	int fd, const char *name, struct hst_journal *ret_journal, struct hst_diag *diag);

/* The next sound record of a known type; HST_E_EMPTY: no more. HST_E_IO with a sentence. */
HST_NODISCARD enum hst_status hst_journal_next(
	struct hst_journal *journal, struct hst_journal_entry *ret_entry, struct hst_diag *diag);

/* NULL and { 0 } are allowed. */
void hst_journal_close(struct hst_journal *journal);

/* The name of a call, "?" for a number that is none; static memory. */
const char *hst_journal_call_text(uint32_t call);

#endif
