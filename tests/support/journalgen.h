/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer of journals of processes for tests: its own plain implementation of include/hasten/journal.h, in
 * memory, without a clock. Misuse and lack of memory end the test program (abort).
 *
 *   struct journalgen gen;
 *
 *   journalgen_init(&gen);
 *   journalgen_run(&gen, 0, 100, 90, true);
 *   journalgen_start(&gen, 10, 100, 90, "/bin/make", "make all");
 *   gen.next.user_ns = 5; journalgen_end(&gen, 900, 100, 0);
 *   journalgen_save(&gen, "processes.hsj");
 *   journalgen_finish(&gen);
 *
 * Command lines are parted at blanks. What a record has beside its arguments is set in `next` before; it
 * holds for one record.
 */
#ifndef HST_TESTS_SUPPORT_JOURNALGEN_H
#define HST_TESTS_SUPPORT_JOURNALGEN_H

#include "hasten/journal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journalgen_next {
	struct hst_journal_usage usage;   /* all unknown but user_ns and system_ns, which are 0 */
	struct hst_journal_limits limits; /* unlimited */
	uint32_t flags;
	const char *cwd, *path, *execfn, *original; /* NULL: not written */
	uint32_t uid;
	uint32_t call; /* 0: the usual one */
	uint64_t rss_bytes;
	uint64_t oom_kills; /* unknown */
};

struct journalgen {
	uint8_t *bytes;
	size_t count, capacity;
	size_t last; /* offset of the latest record */
	struct journalgen_next next;
};

void journalgen_init(struct journalgen *gen);
void journalgen_finish(struct journalgen *gen);

void journalgen_start(struct journalgen *gen, uint64_t at_ns, uint32_t pid, uint32_t ppid,
	const char *exe, const char *command);
void journalgen_fork(struct journalgen *gen, uint64_t at_ns, uint32_t pid, uint32_t ppid);
/* next.flags HST_JOURNAL_VFORKED: ppid counts. */
void journalgen_exec(struct journalgen *gen, uint64_t at_ns, uint32_t pid, uint32_t ppid,
	const char *file, const char *command);
void journalgen_exec_failed(struct journalgen *gen, uint64_t at_ns, uint32_t pid, int32_t error);
/* error 0: `child` was started. */
void journalgen_spawn(struct journalgen *gen, uint64_t began_ns, uint64_t at_ns, uint32_t pid,
	uint32_t child, int32_t error, const char *file, const char *command);
/* status as of waitpid: exit status << 8, or signal. */
void journalgen_wait(
	struct journalgen *gen, uint64_t at_ns, uint32_t pid, uint32_t child, int32_t status);
void journalgen_end(struct journalgen *gen, uint64_t at_ns, uint32_t pid, int32_t status);
void journalgen_shell(struct journalgen *gen, uint64_t began_ns, uint64_t at_ns, uint32_t pid,
	enum hst_journal_call call, uint32_t child, int32_t status, const char *command);
void journalgen_no_memory(struct journalgen *gen, uint64_t at_ns, uint32_t pid, uint64_t bytes,
	uint64_t address_space_bytes);
void journalgen_run(
	struct journalgen *gen, uint64_t at_ns, uint32_t pid, uint32_t launcher, bool begins);
void journalgen_system(struct journalgen *gen, const struct hst_journal_system *fields);
void journalgen_sample(
	struct journalgen *gen, const struct hst_journal_sample *fields, const char *name);

/* Any record: fields and texts behind them as they are; magic, length, type and check are set. */
void journalgen_record(struct journalgen *gen, uint16_t type, uint64_t at_ns, uint32_t pid,
	void *fields, size_t field_bytes, const void *texts, size_t text_bytes);
/* Bytes that are no record. */
void journalgen_raw(struct journalgen *gen, const void *data, size_t bytes);
/* Makes the check of the latest record right again after a change. */
void journalgen_recheck(struct journalgen *gen);
/* false: see errno. */
bool journalgen_save(const struct journalgen *gen, const char *path);

#endif
