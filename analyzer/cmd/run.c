/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hasten run: starts the program with the preload in it and waits for its end. Whatever goes wrong
 * with the recording, the program runs, with its own input, output and status; it does not run only if
 * it cannot, or if running it would touch what is not ours.
 *
 *   options -> advice -> library -> directory -> filter -> environment -> child -> closing lines -> summary
 */
#include "cmd/commands.h"
#include "cmd/elf_advice.h"
#include "cmd/run_child.h"
#include "cmd/run_clock.h"
#include "cmd/run_close.h"
#include "cmd/run_dir.h"
#include "cmd/run_env.h"
#include "cmd/run_options.h"
#include "cmd/run_patch.h"
#include "cmd/run_plan.h"
#include "cmd/run_say.h"
#include "cmd/run_session.h"
#include "cmd/run_summary.h"
#include "cmd/run_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	EXIT_OURS = 125,
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127,
	EXIT_SIGNAL = 128,
};

struct run {
	struct hst_run_options options;
	struct hst_say say;
	struct hst_child_signals signals;
	struct hst_elf_advice advice;
	struct hst_run_session session;
	struct hst_run_clock clock;
	struct hst_run_dir dir;
	struct hst_filter *filter;  /* NULL none */
	struct hst_filter *args_of; /* NULL: arguments of all functions, or of none */
	struct hst_run_memo memo;   /* of --plan */
	char *library;
	char *plan;
	char **environment;
	struct hst_run_watch watch;
	struct hst_run_outcome outcome;
};

/* Descriptors 0 to 2 that were closed stay closed for the program, but are not given to our files. */
static void guard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) < 0) {
			return;
		}
	}
}

static int exit_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? EXIT_SIGNAL + WTERMSIG(wait_status)
					: WEXITSTATUS(wait_status);
}

/* It did not start: says why. */
static int not_started(struct run *run, int status, const char *reason)
{
	hst_say_error(&run->say, "%s", reason);
	(void)snprintf(run->outcome.reason, sizeof run->outcome.reason, "%s", reason);
	return status;
}

static int exec_failed(struct run *run, int error)
{
	const char *name = run->options.program[0];
	char reason[sizeof run->outcome.reason];

	if (error == ENOENT && run->advice.interpreter != NULL) {
		(void)snprintf(reason, sizeof reason,
			"%s needs the dynamic linker %s, which is not there", name,
			run->advice.interpreter);
	} else {
		(void)snprintf(
			reason, sizeof reason, "%s cannot be executed: %s", name, strerror(error));
	}
	run->outcome.error = error;
	return not_started(run, error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE, reason);
}

static void say_signal(const struct run *run, int wait_status)
{
	const char *name;

	if (!WIFSIGNALED(wait_status)) {
		return;
	}
	name = sigabbrev_np(WTERMSIG(wait_status));
	hst_say_note(&run->say, "%s was ended by signal %d%s%s%s", run->options.program[0],
		WTERMSIG(wait_status), name != NULL ? " (SIG" : "", name != NULL ? name : "",
		name != NULL ? ")" : "");
}

static enum hst_status start(const struct run *run, char *const environment[],
	struct hst_child *ret_child, struct hst_diag *diag)
{
	const struct hst_program program = {
		.path = run->advice.path,
		.shell = !run->advice.elf,
		.argv = run->options.program,
		.environment = environment,
	};

	return hst_child_start(&run->signals, &program, ret_child, diag);
}

/* It is about to start. */
static void note_begin(struct run *run)
{
	struct timespec real = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &real);
	run->outcome.began_real_ns = (int64_t)real.tv_sec * 1000000000 + real.tv_nsec;
	run->outcome.wall_ns = hst_run_now_ns();
}

static void note_end(struct run *run, int wait_status)
{
	run->outcome.wall_ns = hst_run_now_ns() - run->outcome.wall_ns;
	run->outcome.wait_status = wait_status;
	run->outcome.started = true;
}

/* Runs the program as if we were not there; `why`, for the summary. */
static int run_plain(struct run *run, const char *why)
{
	struct hst_child child;
	struct hst_diag diag;
	int error;
	int status;

	(void)snprintf(run->outcome.unrecorded, sizeof run->outcome.unrecorded, "%s", why);
	note_begin(run);
	if (start(run, environ, &child, &diag) != HST_OK) {
		return not_started(run, EXIT_OURS, diag.text);
	}
	error = hst_child_release(&child);
	if (error != 0) {
		return exec_failed(run, error);
	}
	status = hst_child_wait(&child, NULL, &run->outcome.usage);
	note_end(run, status);
	say_signal(run, status);
	return exit_status(status);
}

/* Says what was found out about the program. */
static void say_advice(const struct run *run)
{
	for (size_t i = 0; i < run->advice.line_count; i++) {
		const struct hst_advice_line *line = &run->advice.lines[i];

		if (line->error) {
			hst_say_error(&run->say, "%s", line->text);
		} else if (!run->options.disabled) {
			hst_say_note(&run->say, "%s", line->text);
		}
	}
}

static void close_session(struct run *run, const struct hst_child *child, int wait_status)
{
	run->session.root = child->pid;
	run->session.tsc_hz = hst_run_clock_stop(&run->clock);
	run->session.finished = true;
	run->session.status = exit_status(wait_status);
	run->session.signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
	if (hst_run_session_write(run->dir.fd, &run->session, false) != HST_OK) {
		hst_say_note(&run->say, "the end of the run cannot be noted in %s: %s",
			run->dir.shown, strerror(errno));
	}
}

/* The program is there, held back: says so where it is to be known, and lets it go. 0, or errno of exec. */
static int release(struct run *run, struct hst_child *child)
{
	struct hst_process_stat stat = { 0 };

	/* Before the program runs: it may end before we could ask. */
	(void)hst_process_stat(child->pid, &stat);
	run->session.root = child->pid;
	run->session.root_start = stat.start;
	if (hst_run_session_write(run->dir.fd, &run->session, false) != HST_OK) {
		hst_say_note(&run->say, "the process id cannot be noted in %s: %s", run->dir.shown,
			strerror(errno));
	}
	hst_run_watch_begin(
		&run->watch, child->pid, stat.start, run->options.program, run->session.cwd);
	note_begin(run);
	return hst_child_release(child);
}

/* Everything is prepared: start, wait, say how it went. */
static int run_recorded(struct run *run)
{
	struct hst_child child;
	struct hst_diag diag;
	int status;
	int error;

	if (start(run, run->environment, &child, &diag) != HST_OK) {
		hst_run_dir_discard(&run->dir);
		return not_started(run, EXIT_OURS, diag.text);
	}
	error = release(run, &child);
	if (error != 0) {
		hst_run_dir_discard(&run->dir);
		return exec_failed(run, error);
	}
	status = hst_child_wait(&child, &run->watch.child, &run->outcome.usage);
	note_end(run, status);
	hst_run_watch_end(&run->watch, status, &run->outcome.usage, &run->say);
	close_session(run, &child, status);
	say_signal(run, status);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) {
		hst_run_explain_overflow(&run->say, run->dir.path, child.pid);
	}
	hst_run_close(&run->say, run->dir.path, run->dir.shown,
		run->advice.hookless && !run->options.no_memory, run->memo.path != NULL);
	run->outcome.directory = run->dir.path;
	run->outcome.watch = &run->watch;
	return exit_status(status);
}

/* Makes the data directory. HST_E_PERMISSION: run without it. */
static enum hst_status make_directory(struct run *run, struct hst_diag *diag)
{
	struct hst_process_stat self = { 0 };

	HST_TRY(hst_run_session_init(&run->session, run->options.program, diag));
	hst_run_clock_start(&run->clock, run->session.boot_id);
	run->session.tsc_hz = run->clock.cached_hz;
	(void)hst_process_stat(getpid(), &self);
	run->session.root = getpid();
	run->session.root_start = self.start;
	HST_TRY(hst_run_dir_create(run->options.directory, &run->session, &run->dir, diag));
	if (run->dir.live != 0) {
		hst_say_note(&run->say, "%s is in use by process %d, so this run goes into %s",
			run->options.directory == NULL ? HST_RUN_DIR_DEFAULT
						       : run->options.directory,
			(int)run->dir.live, run->dir.shown);
	}
	return HST_OK;
}

static enum hst_status make_environment(struct run *run, struct hst_diag *diag)
{
	struct hst_run_env env = {
		.library = run->library,
		.directory = run->dir.path,
		.tsc_hz = run->clock.cached_hz,
		.asan = run->advice.asan_shared,
	};

	HST_TRY(hst_run_plan(&run->say,
		&(struct hst_run_wish){ run->filter, run->options.args != NULL, run->args_of,
			run->memo.path == NULL ? NULL : &run->memo },
		&run->advice, &run->dir, &run->plan, diag));
	if (run->options.overhead != NULL && !run->options.no_patch && !hst_run_can_patch()) {
		hst_say_note(&run->say,
			"the system does not let code be changed here: calls of functions that "
			"cost more than --overhead allows are counted instead");
		run->options.no_patch = true;
	}
	env.plan = run->plan;
	env.revoked = run->memo.revoked;
	run->environment = hst_run_env_make(&env, &run->options);
	return run->environment != NULL ? HST_OK
					: hst_diag_set(diag, HST_E_MEMORY, "run: out of memory");
}

static int record(struct run *run)
{
	struct hst_diag diag;
	enum hst_status status = hst_run_find_library(&run->library, &diag);

	if (status == HST_OK) {
		status = make_directory(run, &diag);
		if (status == HST_E_PERMISSION) {
			hst_say_error(&run->say, "%s; %s runs unrecorded", diag.text,
				run->options.program[0]);
			return run_plain(run, diag.text);
		}
	}
	if (status != HST_OK) {
		return not_started(run, EXIT_OURS, diag.text);
	}
	status = make_environment(run, &diag);
	if (status == HST_OK &&
		!hst_run_watch_init(&run->watch, run->dir.fd, &run->options, &run->say)) {
		status = hst_diag_set(&diag, HST_E_MEMORY, "run: out of memory");
	}
	if (status != HST_OK) {
		hst_run_dir_discard(&run->dir);
		return not_started(run, EXIT_OURS, diag.text);
	}
	return run_recorded(run);
}

/* The sentence about why it cannot run, or cannot be recorded. */
static const char *advice_text(const struct run *run)
{
	for (size_t i = 0; i < run->advice.line_count; i++) {
		if (run->advice.lines[i].error) {
			return run->advice.lines[i].text;
		}
	}
	return run->advice.line_count != 0 ? run->advice.lines[0].text : "";
}

static int examine_and_run(struct run *run)
{
	struct hst_run_outcome *outcome = &run->outcome;
	struct hst_diag diag = { "" };

	hst_elf_advise(run->options.program[0], &run->advice);
	say_advice(run);
	if (run->advice.verdict == HST_ELF_NOT_FOUND ||
		run->advice.verdict == HST_ELF_NOT_EXECUTABLE) {
		bool found = run->advice.verdict == HST_ELF_NOT_EXECUTABLE;

		(void)snprintf(outcome->reason, sizeof outcome->reason, "%.*s",
			(int)sizeof outcome->reason - 1, advice_text(run));
		outcome->error = found ? EACCES : ENOENT;
		return found ? EXIT_NOT_EXECUTABLE : EXIT_NOT_FOUND;
	}
	if (run->options.disabled) {
		hst_say_note(&run->say, "HASTEN_DISABLE is set, so %s runs unrecorded",
			run->options.program[0]);
		return run_plain(run, "HASTEN_DISABLE is set");
	}
	if (run->advice.verdict == HST_ELF_PLAIN) {
		if (run->memo.path != NULL) {
			hst_say_note(&run->say, "--plan has no effect on it");
		}
		return run_plain(run, advice_text(run));
	}
	if (run->memo.path != NULL &&
		hst_run_memo_check(&run->say, &run->memo, &run->advice, &diag) != HST_OK) {
		return not_started(run, HST_EXIT_USAGE, diag.text);
	}
	return record(run);
}

/* The program has ended, or could not start. */
static void summarize(struct run *run, int status)
{
	if (run->options.json == NULL) {
		return;
	}
	run->outcome.argv = run->options.program;
	run->outcome.plan = run->memo.path;
	run->outcome.returned = status;
	run->outcome.functions = !run->advice.hookless;
	run->outcome.memory = !run->options.no_memory;
	hst_run_summary_write(run->options.json, &run->outcome, &run->say);
}

int hst_cmd_run(int argc, char **argv)
{
	struct run run = { .dir = { .fd = -1 }, .watch = { .journal = { .fd = -1 } } };
	struct hst_diag diag;
	int status;

	guard_descriptors();
	hst_child_signals_take(&run.signals);
	hst_say_init(&run.say, HST_SAY_COLOR_AUTO, false);
	if (hst_run_options_parse(argc, argv, &run.options, &diag) != HST_OK) {
		hst_say_error(&run.say, "%s", diag.text);
		return HST_EXIT_USAGE;
	}
	hst_say_init(&run.say, run.options.color, run.options.quiet);
	if (run.options.help) {
		hst_run_options_help(stdout);
		return HST_EXIT_OK;
	}
	if (run.options.program[0] == NULL) {
		hst_say_error(&run.say, "run: name a program: hasten run ./app (--help says more)");
		return HST_EXIT_USAGE;
	}
	if (run.options.filter != NULL && !run.options.disabled &&
		hst_filter_parse(run.options.filter, &run.filter, &diag) != HST_OK) {
		hst_say_error(&run.say, "%s", diag.text);
		return HST_EXIT_USAGE;
	}
	if (run.options.args != NULL && run.options.args[0] != '\0' && !run.options.disabled &&
		hst_filter_parse(run.options.args, &run.args_of, &diag) != HST_OK) {
		hst_say_error(&run.say, "--args: %s", diag.text);
		hst_filter_destroy(run.filter);
		return HST_EXIT_USAGE;
	}
	if (run.options.plan != NULL && !run.options.disabled &&
		hst_run_memo_read(run.options.plan, &run.memo, &diag) != HST_OK) {
		hst_say_error(&run.say, "run: %s", diag.text);
		status = HST_EXIT_USAGE;
	} else {
		status = examine_and_run(&run);
		summarize(&run, status);
	}
	hst_run_watch_finish(&run.watch);
	hst_filter_destroy(run.filter);
	hst_filter_destroy(run.args_of);
	hst_run_env_free(run.environment);
	free(run.plan);
	hst_run_memo_finish(&run.memo);
	free(run.library);
	hst_run_dir_finish(&run.dir);
	hst_run_session_finish(&run.session);
	hst_elf_advice_finish(&run.advice);
	return status;
}
