/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program as our child: started held back, let go, waited for. It gets the signal mask and the
 * dispositions that we were given, stays in our process group, and outlives us if we are killed.
 */
#ifndef HST_CMD_RUN_CHILD_H
#define HST_CMD_RUN_CHILD_H

#include "util/status.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* What this process was given, to be handed on to the program. */
struct hst_child_signals {
	sigset_t mask;
	struct sigaction pipe, file_size, child;
	bool subreaper; /* exec keeps it */
};

/* To be called before anything is written: a closed pipe or a file size limit shall not end us. */
void hst_child_signals_take(struct hst_child_signals *ret_signals);

struct hst_program {
	const char *path;
	bool shell; /* a file of no known format is a script of /bin/sh, as for execvp() */
	char *const *argv;
	char *const *environment;
};

struct hst_child {
	pid_t pid;
	int go;    /* writing end; a byte lets the program start, its end of file ends the child */
	int error; /* reading end: errno of a failed exec; end of file: it started */
};

/*
 * Forks. The child waits; our pid is never shared, nothing of ours is inherited. From here on the
 * signals that are passed on are blocked in this process, for good. When there is no descriptor or process left for it, the
 * program takes our place instead, and this does not return. HST_E_IO with a sentence.
 */
HST_NODISCARD enum hst_status hst_child_start(const struct hst_child_signals *signals,
	const struct hst_program *program, struct hst_child *ret_child, struct hst_diag *diag);

/* Lets the program start. 0, or errno of exec: the child is gone then. */
int hst_child_release(struct hst_child *child);

/* What else is to be done while the program runs. */
struct hst_child_watch {
	void *context;
	/* SIGCHLD came, and it was not the program that ended: other children of ours may have. */
	void (*children)(void *context);
	/* Nanoseconds until it is to be called again, UINT64_MAX: no more. */
	uint64_t (*tick)(void *context);
	/* Start of the program in clock ticks since boot, if processes that lost their parent become our children; else 0. */
	uint64_t orphans_since;
};

/*
 * Waits for the end. Signals that others send to us are passed on, except from the program's own
 * processes; those of the terminal reach the program without us. Stops when the program stops.
 * `watch` may be NULL. Returns the wait status; *ret_usage is what the program and what it waited for have used.
 */
int hst_child_wait(const struct hst_child *child, const struct hst_child_watch *watch,
	struct rusage *ret_usage);

/*
 * From here on processes of the program that lose their parent become our children. false: the
 * kernel refuses.
 */
bool hst_child_adopt(void);

#endif
