/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hasten verify: is the program really faster with the plan, and does it do the same?
 *
 *   options -> input -> programs, plan, environments -> plan/verify -> text or JSON
 */
#include "cmd/verify.h"

#include "cmd/commands.h"
#include "cmd/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	EXIT_INCONCLUSIVE = 3,
	EXIT_OURS = 125,
	EXIT_SIGNAL = 128,
};

/* Descriptors 0 to 2 that were closed must not become files of ours. */
static void guard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) < 0) {
			return;
		}
	}
}

static int exit_status(const struct hst_verify_result *result)
{
	if (result->interrupted != 0) {
		return EXIT_SIGNAL + result->interrupted;
	}
	return result->verdict == HST_VERIFY_ACCEPTED   ? HST_EXIT_OK
	       : result->verdict == HST_VERIFY_REJECTED ? HST_EXIT_CHECK_FAILED
							: EXIT_INCONCLUSIVE;
}

static void report(const struct hst_verify_report *report)
{
	if (report->options->json) {
		hst_verify_json(report);
	} else {
		hst_verify_text(report);
	}
}

static int fail(const struct hst_say *say, enum hst_status status, const struct hst_diag *diag)
{
	hst_say_error(say, "%s", diag->text);
	return status == HST_E_IO || status == HST_E_MEMORY ? EXIT_OURS : HST_EXIT_USAGE;
}

static int verify(const struct hst_verify_options *options, const struct hst_say *say,
	struct hst_verify_arms *arms)
{
	static struct hst_verify_result result;
	struct hst_terminal_progress progress = { .doing = NULL };
	struct hst_verify_task task = { .input = -1,
		.files = options->files,
		.file_count = options->file_count,
		.pairs = options->pairs,
		.time_ns = options->time_ns,
		.timeout_ns = options->timeout_ns,
		.seed = options->seed,
		.progress = hst_terminal_progress,
		.progress_context = &progress };
	struct hst_verify_report shown = { .options = options, .result = &result, .arms = arms };
	struct hst_diag diag = { "" };
	enum hst_status status = hst_verify_arms_make(options, arms, &task, &diag);

	if (status == HST_OK) {
		status = hst_verify_input(
			STDIN_FILENO, options->timeout_ns, &task.input, &shown.input, &diag);
	}
	if (status != HST_OK) {
		return fail(say, status, &diag);
	}
	if (shown.input == HST_VERIFY_INPUT_TERMINAL) {
		hst_say_note(say,
			"%s reads /dev/null, not this terminal: each run is to read the same; give it a file with < FILE",
			options->program[0]);
	}
	hst_terminal_begin_progress(&progress, options->quiet);
	progress.doing = "verifying";
	status = hst_verify(&task, &result, &diag);
	hst_terminal_end_progress(&progress);
	(void)close(task.input);
	if (status != HST_OK) {
		return fail(say, status, &diag);
	}
	report(&shown);
	return exit_status(&result);
}

/* What must be there before anything is looked at. NULL: it is. */
static const char *missing(const struct hst_verify_options *options)
{
	const char *disabled = getenv("HASTEN_DISABLE");
	const char *preload = getenv("LD_PRELOAD");

	if (options->plan == NULL) {
		return "verify: name a plan and a program: hasten verify app.plan -- ./app (--help says more)";
	}
	if (options->program[0] == NULL) {
		return "verify: name the program behind the plan: hasten verify app.plan -- ./app (--help says more)";
	}
	if (disabled != NULL && disabled[0] != '\0' && strcmp(disabled, "0") != 0) {
		return "verify: HASTEN_DISABLE is set, so no plan would be applied: unset it";
	}
	if (preload != NULL && strstr(preload, "libhasten.so") != NULL) {
		return "verify: LD_PRELOAD has libhasten.so in it, so the baseline would be recorded, too: unset it; verify "
		       "gives it to the program with the plan alone";
	}
	return NULL;
}

int hst_cmd_verify(int argc, char **argv)
{
	struct hst_verify_arms arms = { .dir = { .fd = -1 } };
	struct hst_verify_options options;
	struct hst_say say;
	struct hst_diag diag;
	const char *what;
	int status;

	guard_descriptors();
	hst_say_init(&say, HST_SAY_COLOR_AUTO, false);
	if (hst_verify_options_parse(argc, argv, &options, &diag) != HST_OK) {
		hst_say_error(&say, "%s", diag.text);
		return HST_EXIT_USAGE;
	}
	hst_say_init(&say, options.color, options.quiet);
	if (options.help) {
		hst_verify_options_help(stdout);
		return HST_EXIT_OK;
	}
	what = missing(&options);
	if (what != NULL) {
		hst_say_error(&say, "%s", what);
		return HST_EXIT_USAGE;
	}
	status = verify(&options, &say, &arms);
	hst_verify_arms_finish(&arms);
	return status;
}
