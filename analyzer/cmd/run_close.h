/* SPDX-License-Identifier: Apache-2.0 */
/* What `hasten run` says when the program has ended. */
#ifndef HST_CMD_RUN_CLOSE_H
#define HST_CMD_RUN_CLOSE_H

#include "cmd/run_say.h"

#include <sys/types.h>

/*
 * The closing lines: how much was recorded, what was lost, where it is, what to do next. Reads the
 * index of the trace files, not the events. `directory` is a path, `shown` its name for the user. hookless: the program has no
 * hooks, so its processes, or its memory, are what there is to see. planned: a plan had functions answered from caches.
 */
void hst_run_close(const struct hst_say *say, const char *directory, const char *shown,
	bool hookless, bool planned);

/*
 * After a SIGSEGV of the process `root`: if its newest chunk ends in a very deep recursion of few
 * functions, names them and says how to leave them out. Else says nothing.
 */
void hst_run_explain_overflow(const struct hst_say *say, const char *directory, pid_t root);

#endif
