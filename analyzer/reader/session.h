/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A data directory: its mark, what the launcher wrote about the run, and the trace files in it.
 * docs/trace-format.md, "Data directory".
 */
#ifndef HST_READER_SESSION_H
#define HST_READER_SESSION_H

#include "util/arena.h"
#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HST_SESSION_VERSION 1

/* Without the launcher: the trace file of the process that made the directory, which is its mark in place of 'session'. */
#define HST_SESSION_MARK_FILE "0.0.hst"

struct hst_session_file {
	const char *path; /* directory included */
	uint32_t pid;
	uint32_t number; /* counts the images that had this pid, in their order */
};

struct hst_session {
	const char *dir;
	const char *command; /* NULL: recorded without the launcher */
	const char *cwd;     /* NULL unknown */
	uint32_t root_pid;   /* 0 unknown */
	uint64_t root_start; /* clock ticks since boot: when it was there already; 0 unknown */
	uint64_t started;    /* seconds since 1970; 0 unknown */
	uint64_t tsc_hz;     /* 0 unknown */
	uint8_t boot_id[16]; /* all zero: unknown */
	int32_t status;      /* exit status of the program, 128+N for a signal; -1 unknown */
	int32_t signal;      /* that ended the program; 0 none */
	bool finished;       /* the launcher saw the end */
	struct hst_session_file *files; /* ascending pid, number */
	size_t file_count;
	size_t files_left_out;  /* over the limit of the reader */
	struct hst_arena arena; /* all strings and the list */
};

/*
 * Reads the directory. Sentences: HST_E_NOT_FOUND (no such directory), HST_E_NOT_OURS (a file, or a
 * directory without our mark), HST_E_VERSION, HST_E_PERMISSION, HST_E_IO, HST_E_MEMORY. Unknown
 * keys and lines are ignored. A directory without traces is no failure: file_count is 0.
 */
HST_NODISCARD enum hst_status hst_session_open(
	const char *dir, struct hst_session *ret_session, struct hst_diag *diag);
/* Frees everything; NULL and { 0 } are allowed. */
void hst_session_close(struct hst_session *session);

/*
 * The newest of hasten.data, hasten.data.2, ... in the folder `where` ("." is the working
 * directory), by the time it was started; hasten.data.old if there is none. malloc'd in *ret_dir.
 * HST_E_NOT_FOUND with a sentence that says how to record one.
 */
HST_NODISCARD enum hst_status hst_session_find(
	const char *where, char **ret_dir, struct hst_diag *diag);

/*
 * Parses the text of a session file into `session` (pure; for hst_session_open and the fuzzer).
 * `text` need not end in NUL. HST_E_NOT_OURS, HST_E_VERSION, HST_E_MEMORY; `name` is for the
 * sentence.
 */
HST_NODISCARD enum hst_status hst_session_parse(const char *text, size_t bytes, const char *name,
	struct hst_session *session, struct hst_diag *diag);

#endif
