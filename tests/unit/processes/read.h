/* SPDX-License-Identifier: Apache-2.0 */
/* A journal that a test wrote, read as a data directory. Times are milliseconds: MS(5). */
#ifndef HST_TESTS_UNIT_PROCESSES_READ_H
#define HST_TESTS_UNIT_PROCESSES_READ_H

#include "journalgen.h"
#include "passes/processes.h"

#define MS(n)     ((uint64_t)(n)*1000000u)
#define EXITED(n) ((n) << 8)

/* Everything read; the journal is given up. What blind programs are: `kind`. Fails the test if it cannot be read. */
struct hst_processes read_gen(struct journalgen *gen, enum hst_program_kind kind);
/* As above, with the status and the sentence. */
enum hst_status read_status(struct journalgen *gen, enum hst_program_kind kind,
	struct hst_processes *ret_processes, struct hst_diag *diag);

/* The n-th image (from 0) with this command; fails the test if there is none. */
const struct hst_process_image *image_of(
	const struct hst_processes *processes, const char *command, unsigned n);
/* Its index. */
uint32_t index_of(const struct hst_processes *processes, const char *command, unsigned n);

/* Does a note have this text in it? */
bool has_note(const struct hst_processes *processes, const char *part);

/* What holds for every result, whatever was in the journal; aborts if not. */
void check_result(const struct hst_processes *processes);

#endif
