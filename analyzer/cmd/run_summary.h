/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --json FILE: what one run was like, for programs. docs/run-summary.md tells what is in it.
 *
 * The file appears whole, or not at all. Whatever fails is said in a note: it never changes the status of the run.
 */
#ifndef HST_CMD_RUN_SUMMARY_H
#define HST_CMD_RUN_SUMMARY_H

#include "cmd/run_say.h"
#include "cmd/run_watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>

struct hst_run_outcome {
	char *const *argv;
	const char *directory; /* absolute; NULL: it was not recorded */
	bool started;          /* the program ran: the wait status and what follows count */
	int wait_status;
	struct rusage usage; /* of it and those it waited for */
	uint64_t wall_ns;
	int64_t began_real_ns;
	int returned;                      /* exit status of hasten */
	int error;                         /* errno of an exec that failed, 0 none */
	char reason[1024];                 /* why it was not started, "" */
	char unrecorded[1024];             /* why it was not recorded, "" */
	const struct hst_run_watch *watch; /* NULL unless it was recorded */
	bool functions, memory;            /* what was to be recorded */
	const char *plan;                  /* functions that were answered from caches; NULL none */
};

/* Writes the file. */
void hst_run_summary_write(
	const char *path, const struct hst_run_outcome *outcome, const struct hst_say *say);

/*
 * Writes the document. `whole`: with what takes long, functions and allocators; else `left_out` says
 * why not (NULL: for no reason worth a sentence).
 */
void hst_run_summary_compose(
	FILE *out, const struct hst_run_outcome *outcome, bool whole, const char *left_out);

#endif
