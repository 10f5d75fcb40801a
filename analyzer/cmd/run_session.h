/* SPDX-License-Identifier: Apache-2.0 */
/* The file `session` of a data directory: our mark, and who began the recording. */
#ifndef HST_CMD_RUN_SESSION_H
#define HST_CMD_RUN_SESSION_H

#include "cmd/run_process.h"
#include "hasten/trace.h"
#include "util/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HST_SESSION_MARK "hasten-data 1"

struct hst_run_session {
	pid_t root;          /* the process that began the recording */
	uint64_t root_start; /* clock ticks since boot at which it was there already; 0 unknown */
	char *command;       /* one line, quoted for a shell; owned */
	char *cwd;           /* owned */
	int64_t started;     /* seconds since 1970 */
	uint64_t tsc_hz;     /* 0 unknown */
	char boot_id[HST_BOOT_ID_BYTES];
	bool finished;
	int status; /* exit status, 128+N for a signal; once finished */
	int signal; /* that ended the program, 0 none */
};

/* Fills in command, cwd, start time, boot id. `argv` is NULL-terminated. */
HST_NODISCARD enum hst_status hst_run_session_init(
	struct hst_run_session *ret_session, char *const argv[], struct hst_diag *diag);
void hst_run_session_finish(struct hst_run_session *session);

/*
 * Reads root, root_start and finished of the session in the directory `fd`, or without it root and root_start of the
 * preload's mark, its file 0.0.hst; the strings stay NULL. HST_E_NOT_FOUND: neither is there; HST_E_NOT_OURS: something else
 * is in its place.
 */
HST_NODISCARD enum hst_status hst_run_session_read(int fd, struct hst_run_session *ret_session);

/* The header of the trace file `name` in the directory `fd`. HST_E_NOT_FOUND, HST_E_NOT_OURS: it is none. */
HST_NODISCARD enum hst_status hst_run_header_read(
	int fd, const char *name, struct hst_file_header *ret_header);

/*
 * Writes the session into the directory `fd` by way of a temporary file: a reader sees the old or
 * the new one, whole. With `claim` an existing one is left alone: HST_E_USAGE. HST_E_IO: errno says
 * why.
 */
HST_NODISCARD enum hst_status hst_run_session_write(
	int fd, const struct hst_run_session *session, bool claim);

#endif
