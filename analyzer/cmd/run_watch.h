/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher as supervisor: while the program runs it waits for the program's processes that lost
 * their parent, takes samples, and writes both into the journal.
 *
 *   init -> (the program is started, held back) -> begin -> hst_child_wait(watch->child) -> end -> finish
 */
#ifndef HST_CMD_RUN_WATCH_H
#define HST_CMD_RUN_WATCH_H

#include "cmd/run_child.h"
#include "cmd/run_journal.h"
#include "cmd/run_options.h"
#include "cmd/run_sample.h"
#include "cmd/run_say.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct hst_run_watch {
	struct hst_run_journal journal;
	struct hst_run_sampler sampler;
	struct hst_child_watch child; /* for hst_child_wait() */
	struct hst_run_mark mark;
	bool adopts;         /* orphans become our children */
	uint64_t oom_before; /* HST_JOURNAL_UNKNOWN */
	uint64_t began_ns, ended_ns;
	uint64_t orphans; /* that ended and were waited for */
	uint64_t orphans_user_ns, orphans_system_ns;
	size_t left; /* processes that were left running */
};

/*
 * Makes the journal in `directory`; says what cannot be done, which never is a reason not to run. The struct must not move until
 * hst_run_watch_finish(). false: out of memory.
 */
bool hst_run_watch_init(struct hst_run_watch *watch, int directory,
	const struct hst_run_options *options, const struct hst_say *say);
void hst_run_watch_finish(struct hst_run_watch *watch);

/* The program is there, held back; root_start in clock ticks since boot, 0 unknown. */
void hst_run_watch_begin(struct hst_run_watch *watch, pid_t root, uint64_t root_start,
	char *const *argv, const char *cwd);

/* The program has ended. Says which processes it left and what could not be written. */
void hst_run_watch_end(struct hst_run_watch *watch, int wait_status, const struct rusage *usage,
	const struct hst_say *say);

#endif
