/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `hasten processes`: views, fields of its rows, the forms of output. */
#ifndef HST_CMD_PROCESSES_H
#define HST_CMD_PROCESSES_H

#include "cmd/processes_fields.h"
#include "model/processes.h"

#define HST_SHOW_KEY_BYTES 512

enum hst_show_view {
	HST_SHOW_OVERVIEW, /* head, tree, languages, failures */
	HST_SHOW_LIST,     /* images as a table: -s, -c, --filter */
	HST_SHOW_COMMANDS,
	HST_SHOW_LANGUAGES,
	HST_SHOW_WASTE,
	HST_SHOW_CRITICAL,
	HST_SHOW_FAILED,
	HST_SHOW_OF,
	HST_SHOW_SYSTEM,
};

/* Room for the text of one figure; a text lives until the next figure is asked for. */
struct hst_show_scratch {
	char text[HST_FIELD_CELL];
};

struct hst_show {
	struct hst_reading *reading;
	const struct hst_processes *processes;
	enum hst_show_view view;
	struct hst_show_scratch *scratch;
	uint64_t *medians;       /* wall time of images, by command */
	struct hst_profile said; /* its notes and `complete` only: what the shared printers take */
};

/* Kinds of rows. */
enum hst_show_rows {
	HST_ROWS_IMAGES,
	HST_ROWS_COMMANDS,
	HST_ROWS_PHASES,
	HST_ROWS_WASTES,
	HST_ROWS_REPEATS,
	HST_ROWS_STEPS,
	HST_ROWS_STRETCHES,
	HST_ROWS_EXEC_FAILURES,
	HST_ROWS_SHELLS,
	HST_ROWS_NO_MEMORIES,
	HST_ROWS_SYSTEM,
	HST_ROWS_SAMPLES,
	HST_ROWS_KINDS,
};

/* All rows of a kind as the model has them, and their fields. */
struct hst_show_table {
	struct hst_fields fields;
	const void *rows;
	size_t count, bytes; /* of rows, of one */
};
struct hst_show_table hst_show_table(const struct hst_show *show, enum hst_show_rows kind);

/* Fields of the tables above, in their files. Ended by a row without name and column. */
extern const struct hst_field hst_show_image_fields[];
extern const struct hst_field hst_show_command_fields[];
extern const struct hst_field hst_show_phase_fields[];
extern const struct hst_field hst_show_waste_fields[];
extern const struct hst_field hst_show_repeat_fields[];
extern const struct hst_field hst_show_step_fields[];
extern const struct hst_field hst_show_stretch_fields[];
extern const struct hst_field hst_show_exec_failure_fields[];
extern const struct hst_field hst_show_shell_fields[];
extern const struct hst_field hst_show_no_memory_fields[];
extern const struct hst_field hst_show_system_fields[];
extern const struct hst_field hst_show_sample_fields[];

/* Fills all but `reading` and `processes`, which have to stay. HST_E_MEMORY. hst_show_end in any case. */
HST_NODISCARD enum hst_status hst_show_begin(
	struct hst_show *show, struct hst_show_scratch *scratch);
void hst_show_end(struct hst_show *show);
/* Prints it in the form and the view that were asked for. Exit status. */
int hst_show_processes(struct hst_show *show);

/* The image of an index, NULL if there is none. */
const struct hst_process_image *hst_show_image(const struct hst_show *show, uint32_t index);
/* The image that its process ended with. */
const struct hst_process_image *hst_show_last(
	const struct hst_show *show, const struct hst_process_image *image);
uint32_t hst_show_index(const struct hst_show *show, const struct hst_process_image *image);
/* What is shown of a command line: the arguments, the command where there are none. */
void hst_show_command(
	char buffer[HST_FIELD_CELL], const struct hst_process_image *image, bool original);
/* "cc1 (pid 4711)"; "?" for NULL. */
void hst_show_name(char *buffer, size_t size, const struct hst_process_image *image);
/* Why nothing was seen from within. */
const char *hst_show_blind(enum hst_process_blind blind);
/* The class in words, and what is to be known beside it: "RE-NZEC 2", "OK (static)", "> exec". */
void hst_show_status(char *buffer, size_t size, const struct hst_process_image *image);
/*
 * A name that is the same in another run: the command line without what differs between runs (temporary files, the
 * working directory of the recording). Too long a rest becomes a hash.
 */
void hst_show_key(char buffer[HST_SHOW_KEY_BYTES], const struct hst_show *show,
	const struct hst_process_image *image);

/* Images that --of, --process and --filter choose; all without them. */
bool hst_show_wants(const struct hst_show *show, const struct hst_process_image *image);
/* The same as rows, in the order of the model. HST_E_MEMORY. `failed`: only those that failed, probes of configure left out. */
HST_NODISCARD enum hst_status hst_show_choose(
	const struct hst_show *show, bool failed, struct hst_field_rows *ret_rows);
/*
 * Did it end with a status other than 0 that a process above it took well, as scripts do that ask by `grep -q` or `test`? That is
 * what can be told from outside: one above it ended well.
 */
bool hst_show_is_taken_well(const struct hst_show *show, const struct hst_process_image *image);
/* Did it fail because of another one that failed? */
bool hst_show_is_consequence(const struct hst_show *show, const struct hst_process_image *image);

/* Rows to print of `count`; `otherwise` if -n was not given, 0 all. */
size_t hst_show_limit(const struct hst_show *show, size_t count, size_t otherwise);

/* The lines above the tables, with losses and notes; what the marks mean. */
void hst_show_head(const struct hst_show *show);
void hst_show_legend(const struct hst_show *show);

/* Views for people. HST_E_MEMORY. `hst_show_failed`: `brief` is some, in a line each. */
HST_NODISCARD enum hst_status hst_show_tree(const struct hst_show *show, size_t otherwise);
HST_NODISCARD enum hst_status hst_show_failed(const struct hst_show *show, bool brief);
HST_NODISCARD enum hst_status hst_show_of(const struct hst_show *show);
HST_NODISCARD enum hst_status hst_show_system(const struct hst_show *show);

/* A table of a view. */
struct hst_show_part {
	enum hst_show_rows kind;
	const char *columns;
	const char *sort;  /* NULL: the order of the model */
	size_t rows;       /* without -n, 0 all */
	bool own;          /* -c, -s and -r are for it */
	const char *title; /* NULL none */
	const char *need;  /* column that is not 0; NULL: all rows */
	const char *empty; /* said where there is no row; NULL: nothing */
};
/* Prints it. HST_E_USAGE with a sentence, HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_show_print(
	const struct hst_show *show, const struct hst_show_part *part, struct hst_diag *diag);
/* The row that it begins with, NULL if there is none. */
const void *hst_show_first(const struct hst_show *show, const struct hst_show_part *part);
/* Says what is wrong with -c and -s, before anything is printed. */
HST_NODISCARD enum hst_status hst_show_check(
	const struct hst_show *show, const struct hst_show_part *part, struct hst_diag *diag);

/* The table that a view begins with, NULL if it is none. */
const struct hst_show_part *hst_show_part_of(enum hst_show_view view);

/* All of a view in a form. HST_E_MEMORY, HST_E_USAGE with a sentence. */
HST_NODISCARD enum hst_status hst_show_text(const struct hst_show *show, struct hst_diag *diag);
HST_NODISCARD enum hst_status hst_show_json(const struct hst_show *show);
HST_NODISCARD enum hst_status hst_show_csv(const struct hst_show *show);

#endif
