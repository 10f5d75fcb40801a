/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data directory of a run. An earlier finished one gives way (becomes NAME.old), a live one
 * makes the new run take NAME.2, NAME.3, ...; what is not ours is never touched.
 */
#ifndef HST_CMD_RUN_DIR_H
#define HST_CMD_RUN_DIR_H

#include "cmd/run_session.h"
#include "util/status.h"

#include <sys/types.h>

#define HST_RUN_DIR_DEFAULT "hasten.data"

struct hst_run_dir {
	int fd;      /* stays valid even if the program moves the directory; close-on-exec */
	char *path;  /* absolute; owned */
	char *shown; /* as the user would name it; owned */
	pid_t live;  /* process that writes to the directory first asked for, 0 none */
};

/*
 * Makes the directory and claims it with `session`. `name` NULL: the default.
 * HST_E_PERMISSION: no directory can be made here (not writable, another user's, disk full): run
 * without it. Other failures: the user must decide. Each with a sentence.
 */
HST_NODISCARD enum hst_status hst_run_dir_create(const char *name,
	const struct hst_run_session *session, struct hst_run_dir *ret_dir, struct hst_diag *diag);
void hst_run_dir_finish(struct hst_run_dir *dir);

/* Removes the directory again, with our files in it: nothing was recorded. */
void hst_run_dir_discard(const struct hst_run_dir *dir);

#endif
