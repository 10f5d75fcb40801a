/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the journal of a data directory and makes of it what model/processes.h describes.
 */
#ifndef HST_PASSES_PROCESSES_H
#define HST_PASSES_PROCESSES_H

#include "model/processes.h"

/* What a file on disk is, as far as it tells why we did not see it run. */
enum hst_program_kind {
	HST_PROGRAM_UNKNOWN = 0, /* gone, not readable, no ELF */
	HST_PROGRAM_DYNAMIC,
	HST_PROGRAM_STATIC,
	HST_PROGRAM_PRIVILEGED,
	HST_PROGRAM_FOREIGN,
	HST_PROGRAM_SCRIPT,
};

struct hst_processes_options {
	const char *
		tools; /* file with tools of the user; NULL: HASTEN_TOOLS, else hasten/tools.conf */
	/* Looks at the file of a blind spot; NULL: hst_program_look. */
	enum hst_program_kind (*look)(const char *path, void *user);
	void *look_user;
};

/* Looks at the file itself: ELF header, mode bits, file capabilities. */
enum hst_program_kind hst_program_look(const char *path, void *user);

/*
 * Reads DIR/processes.hsj; `options` may be NULL. The caller owns *ret_processes until
 * hst_processes_finish; it is untouched if this fails. Sentences: HST_E_EMPTY (no journal: an older
 * recording, or one without processes), HST_E_NOT_OURS, HST_E_VERSION, HST_E_PERMISSION, HST_E_IO,
 * HST_E_LIMIT, HST_E_MEMORY, HST_E_USAGE (the user's file of tools, with its line).
 * Damage is no failure: what can be read is, and notes say what is missing.
 */
HST_NODISCARD enum hst_status hst_processes_read(const char *dir,
	const struct hst_processes_options *options, struct hst_processes *ret_processes,
	struct hst_diag *diag);

#endif
