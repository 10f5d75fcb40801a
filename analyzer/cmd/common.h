/* SPDX-License-Identifier: Apache-2.0 */
/* What the reading commands share: the session, where the output goes, how wide, and in which colour. */
#ifndef HST_CMD_COMMON_H
#define HST_CMD_COMMON_H

#include "cmd/options.h"
#include "model/profile.h"
#include "passes/profile.h"
#include "plan/filter.h"
#include "reader/session.h"
#include "writers/table.h"

#include <sys/types.h>

struct hst_reading {
	const char *command;
	struct hst_options options;
	struct hst_session session;
	struct hst_filter *filter; /* of --filter, NULL: all */
	struct hst_table_style style;
	bool color;
	pid_t pager; /* 0 none */
	bool done;   /* nothing is left to do: help was printed */
};

/*
 * Parses, opens the session. Returns HST_EXIT_OK, or an exit status after it has said what is wrong
 * on stderr. `reading->done`: --help was answered. hst_reading_close in any case.
 */
int hst_reading_open(struct hst_reading *reading, int argc, char **argv,
	const struct hst_option *table, const char *examples);
/* The same for commands that need no trace: a directory without one is fine. */
int hst_reading_open_any(struct hst_reading *reading, int argc, char **argv,
	const struct hst_option *table, const char *examples);
void hst_reading_close(struct hst_reading *reading);

/* "hasten: COMMAND: text" on stderr, control bytes cleaned. Returns HST_EXIT_USAGE. */
int hst_reading_fail(const struct hst_reading *reading, const char *fmt, ...) HST_PRINTF(2, 3);

/* Reads the profile with progress on a terminal; exit status as above. */
int hst_reading_profile(struct hst_reading *reading, const struct hst_profile_options *options,
	struct hst_profile *ret_profile);

/* Begins the output for people: pager, width, colour. Call it when the data is there. */
void hst_reading_begin_text(struct hst_reading *reading);

/* Losses ("incomplete: ...") and, unless quiet, notes, for people. */
void hst_reading_notes(const struct hst_reading *reading, const struct hst_profile *profile);
/* Losses on stderr, for outputs that have no place for them. */
void hst_reading_losses(const struct hst_reading *reading, const struct hst_profile *profile);
/* A line of text, cleaned, on stdout. */
void hst_print_line(const char *fmt, ...) HST_PRINTF(1, 2);
/*
 * Unless quiet, the last line: "next: hasten COMMAND [NAME] [DIRECTORY]", to be typed as it
 * stands. `name` NULL: none; the directory if the user named one.
 */
void hst_reading_next(const struct hst_reading *reading, const char *command, const char *name);
/* The next cell of a table: a number for people. */
void hst_cell_count(struct hst_table *table, uint64_t count);

/*
 * Members of the open JSON object, the same names wherever they are printed: "complete" and "notes";
 * losses and repairs; what is known of a thread but its losses.
 */
struct hst_json;
void hst_json_notes(struct hst_json *json, const struct hst_profile *profile);
void hst_json_ledger(struct hst_json *json, const struct hst_ledger *ledger);
void hst_json_thread(struct hst_json *json, const struct hst_thread_row *thread);
/* Names, module, file and line of a function; all null without a row. */
void hst_json_place(struct hst_json *json, const struct hst_function_row *row);

/* Is the row chosen by --filter? All are without it. */
bool hst_reading_wants(const struct hst_reading *reading, const struct hst_function_row *row);

/* The name in the form that --names asked for. */
const char *hst_row_name(const struct hst_options *options, const struct hst_function_row *row);
/* "file.c:12" with the last part of the path, or "" when unknown. */
void hst_row_place(char *buffer, size_t size, const struct hst_function_row *row);
/* Last part of a path; NULL stays NULL. */
const char *hst_base_name(const char *path);

#endif
