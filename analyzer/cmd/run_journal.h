/* SPDX-License-Identifier: Apache-2.0 */
/* What the launcher adds to the journal of processes: include/hasten/journal.h. */
#ifndef HST_CMD_RUN_JOURNAL_H
#define HST_CMD_RUN_JOURNAL_H

#include "hasten/journal.h"
#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct hst_run_journal {
	int fd;         /* -1 none: nothing is written, and that is no failure */
	int error;      /* errno of the first record that could not be written whole, 0 none */
	uint8_t *bytes; /* records that are not written yet; owned */
	size_t count, capacity;
};

struct hst_run_text {
	uint32_t kind; /* enum hst_journal_text_kind */
	const void *bytes;
	size_t count;
};

/* Makes HST_JOURNAL_NAME in the directory, readable by its owner only. HST_E_IO: errno says why. */
HST_NODISCARD enum hst_status hst_run_journal_open(
	int directory, struct hst_run_journal *ret_journal);
/* Writes what was added, and closes. { .fd = -1 } is allowed. */
void hst_run_journal_close(struct hst_run_journal *journal);

/*
 * Adds a record whose fields, from `fields` on, take `bytes`; pid, type and, unless it is 0, time of
 * its head are the caller's, the rest is filled in. Texts that do not fit the limit of a record are left out; *cut, if not NULL, gets
 * HST_JOURNAL_CUT then and must lie within the fields.
 */
void hst_run_journal_add(struct hst_run_journal *journal, void *fields, size_t bytes,
	const struct hst_run_text *texts, size_t text_count, uint32_t *cut);

/* Writes all that was added with one call to the kernel. */
void hst_run_journal_flush(struct hst_run_journal *journal);

/* The launcher waited for `child`. `orphan`: its parent had ended before. */
void hst_run_journal_wait(struct hst_run_journal *journal, pid_t child, int wait_status,
	const struct rusage *usage, bool orphan);

/* RUN. `begins`: else it is the end, and oom_kills and sampling_ns count. */
struct hst_run_mark {
	pid_t root;
	bool begins;
	char *const *argv;
	const char *cwd; /* NULL unknown */
	uint64_t interval_ns, oom_kills, sampling_ns;
};
void hst_run_journal_mark(struct hst_run_journal *journal, const struct hst_run_mark *mark);

/* CLOCK_MONOTONIC, the clock of the journal. */
uint64_t hst_run_now_ns(void);
uint64_t hst_run_time_ns(struct timeval time);

#endif
