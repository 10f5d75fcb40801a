/* SPDX-License-Identifier: Apache-2.0 */
/* Options of `hasten verify`, how its two arms are started, and what it has to say. */
#ifndef HST_CMD_VERIFY_H
#define HST_CMD_VERIFY_H

#include "cmd/elf_advice.h"
#include "cmd/run_dir.h"
#include "cmd/run_say.h"
#include "plan/verify.h"
#include "util/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct hst_verify_options {
	const char *plan;     /* NULL: none was named */
	const char *baseline; /* program, NULL: the same one */
	const char *files[HST_VERIFY_FILES_MAX];
	size_t file_count;
	uint32_t pairs; /* 0: as many as the time allows */
	uint64_t time_ns, timeout_ns, seed;
	bool force, json, quiet, help;
	enum hst_say_color color;
	char **program; /* borrowed from argv, NULL-terminated; [0] NULL: none was named */
};

/* argv[0] is "verify". Options stand before and behind the plan, up to the program or "--". HST_E_USAGE with a sentence. */
HST_NODISCARD enum hst_status hst_verify_options_parse(
	int argc, char **argv, struct hst_verify_options *ret_options, struct hst_diag *diag);
void hst_verify_options_help(FILE *out);

/* How the two are started. { .dir = { .fd = -1 } } is an empty one. */
struct hst_verify_arms {
	struct hst_elf_advice plan, baseline;
	char *library, *plan_path;
	char **environment[HST_VERIFY_ARMS];
	char *temporary; /* folder that holds the data directory; NULL none */
	struct hst_run_dir dir;
};

/*
 * Looks both programs up and makes their environments, equally large; fills in task->arms, which borrow from `arms` and
 * `options`. HST_E_USAGE and others: what the user gave cannot be verified; HST_E_IO, HST_E_MEMORY: ours; with a sentence.
 * hst_verify_arms_finish in any case.
 */
HST_NODISCARD enum hst_status hst_verify_arms_make(const struct hst_verify_options *options,
	struct hst_verify_arms *arms, struct hst_verify_task *task, struct hst_diag *diag);
void hst_verify_arms_finish(struct hst_verify_arms *arms);

struct hst_verify_report {
	const struct hst_verify_options *options;
	const struct hst_verify_result *result;
	const struct hst_verify_arms *arms;
	enum hst_verify_input_kind input;
};

#define HST_VERIFY_SENTENCE_BYTES 1024
/* The verdict and its reason in one sentence, not yet cleaned for a terminal. */
void hst_verify_sentence(const struct hst_verify_options *options,
	const struct hst_verify_result *result, char sentence[HST_VERIFY_SENTENCE_BYTES]);
/* "standard output", "standard error", or the file. */
const char *hst_verify_stream_name(const struct hst_verify_options *options, size_t stream);
/* What limits the figures; NULL behind the last one. */
const char *hst_verify_note(const struct hst_verify_report *report, size_t i);
/* What stands at a difference, as text that is not yet cleaned. */
void hst_verify_excerpt(const struct hst_verify_difference *difference, size_t arm,
	char text[HST_VERIFY_EXCERPT_MAX + 1]);

/* On standard output. */
void hst_verify_text(const struct hst_verify_report *report);
void hst_verify_json(const struct hst_verify_report *report);

#endif
