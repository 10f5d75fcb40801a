/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals: colour, width, pager, progress. */
#ifndef HST_CMD_TERMINAL_H
#define HST_CMD_TERMINAL_H

#include "cmd/options.h"

#include <sys/types.h>
#include <time.h>

/* The option, then NO_COLOR, then FORCE_COLOR and CLICOLOR_FORCE, then whether stdout is a terminal. */
bool hst_terminal_color(enum hst_color_choice choice);
/* COLUMNS, else the terminal's width, else 100. */
size_t hst_terminal_width(void);
/* Does the locale write UTF-8? */
bool hst_terminal_utf8(void);

/* Puts a pager behind stdout if that is a terminal; 0 if there is none. */
pid_t hst_terminal_begin_pager(void);
/* Ends stdout and waits for the pager; 0: does nothing. */
void hst_terminal_end_pager(pid_t pager);

struct hst_terminal_progress {
	bool on;
	bool shown;
	const char *doing; /* NULL: "reading" */
	struct timespec began;
	struct timespec last;
};

/* Progress is shown on stderr if it is a terminal, after half a second, ten times a second. */
void hst_terminal_begin_progress(struct hst_terminal_progress *progress, bool quiet);
/* For struct hst_profile_options. */
void hst_terminal_progress(void *context, uint64_t done, uint64_t total);
/* Wipes the line. */
void hst_terminal_end_progress(struct hst_terminal_progress *progress);

#endif
