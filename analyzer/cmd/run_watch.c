/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever fails here costs records, never the program: it is neither held up nor changed. The one
 * thing that it can see is the pid of the launcher as the parent of its orphans (--no-subreaper).
 */
#include "cmd/run_watch.h"

#include "cmd/run_process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* So many of the processes that were left are named. */
#define NAMED_MAX 5u

/* Waits for orphans that have ended. Our earlier children, from before we became the launcher, are only waited for. */
static void collect(struct hst_run_watch *watch)
{
	siginfo_t info = { .si_pid = 0 };

	while (watch->adopts && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		info.si_pid != 0) {
		struct hst_process_stat stat = { 0 };
		struct rusage usage = { 0 };
		bool ours =
			hst_process_stat(info.si_pid, &stat) && stat.start >= watch->sampler.since;
		int status;

		/* It ended a moment ago: hst_child_wait() will look. */
		if (info.si_pid == watch->sampler.root && watch->ended_ns == 0) {
			return;
		}
		if (wait4(info.si_pid, &status, WNOHANG, &usage) != info.si_pid) {
			return;
		}
		if (ours) {
			watch->orphans++;
			watch->orphans_user_ns += hst_run_time_ns(usage.ru_utime);
			watch->orphans_system_ns += hst_run_time_ns(usage.ru_stime);
			hst_run_journal_wait(&watch->journal, info.si_pid, status, &usage, true);
		}
		info.si_pid = 0;
	}
}

static void on_children(void *context)
{
	collect(context);
}

static uint64_t on_tick(void *context)
{
	struct hst_run_watch *watch = context;

	return hst_run_sampler_tick(&watch->sampler, &watch->journal);
}

bool hst_run_watch_init(struct hst_run_watch *watch, int directory,
	const struct hst_run_options *options, const struct hst_say *say)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*watch = (struct hst_run_watch){
		.journal = { .fd = -1 },
		.child = { .context = watch, .children = on_children, .tick = on_tick },
		.oom_before = hst_run_oom_kills(""),
	};
	if (hst_run_sampler_init(&watch->sampler, proc, !options->no_system && proc >= 0,
		    options->interval_ns) != HST_OK) {
		if (proc >= 0) {
			close(proc);
		}
		return false;
	}
	if (hst_run_journal_open(directory, &watch->journal) != HST_OK) {
		hst_say_note(say,
			"processes are not recorded: " HST_JOURNAL_NAME " cannot be made: %s",
			strerror(errno));
	}
	watch->adopts = !options->no_subreaper && hst_child_adopt();
	return true;
}

void hst_run_watch_finish(struct hst_run_watch *watch)
{
	if (watch->sampler.text != NULL && watch->sampler.proc >= 0) {
		close(watch->sampler.proc);
		watch->sampler.proc = -1;
	}
	hst_run_sampler_finish(&watch->sampler);
	hst_run_journal_close(&watch->journal);
}

void hst_run_watch_begin(struct hst_run_watch *watch, pid_t root, uint64_t root_start,
	char *const *argv, const char *cwd)
{
	watch->began_ns = hst_run_now_ns();
	watch->child.orphans_since = watch->adopts ? root_start : 0;
	watch->mark = (struct hst_run_mark){
		.root = root,
		.begins = true,
		.argv = argv,
		.cwd = cwd,
		.interval_ns = watch->sampler.on ? watch->sampler.interval_ns : 0,
		.oom_kills = watch->oom_before == HST_JOURNAL_UNKNOWN ? HST_JOURNAL_UNKNOWN : 0,
	};
	hst_run_journal_mark(&watch->journal, &watch->mark);
	hst_run_sampler_start(&watch->sampler, &watch->journal, getpid(), root, root_start);
}

static void say_left(const struct hst_run_watch *watch, const struct hst_say *say)
{
	char names[NAMED_MAX * (HST_FIGURES_NAME_BYTES + 32)] = "";
	size_t at = 0;

	for (size_t i = 0; i < watch->left && i < NAMED_MAX; i++) {
		const struct hst_figures *figures = &watch->sampler.processes.items[i].figures;

		at += (size_t)snprintf(names + at, sizeof names - at, "%s%s (%d)",
			i == 0 ? "" : ", ", figures->name, (int)figures->pid);
	}
	if (watch->left != 0) {
		hst_say_note(say, "%zu process%s of the program %s still running: %s%s",
			watch->left, watch->left == 1 ? "" : "es", watch->left == 1 ? "is" : "are",
			names, watch->left > NAMED_MAX ? ", ..." : "");
	}
}

void hst_run_watch_end(struct hst_run_watch *watch, int wait_status, const struct rusage *usage,
	const struct hst_say *say)
{
	uint64_t oom = hst_run_oom_kills("");

	watch->ended_ns = hst_run_now_ns();
	hst_run_journal_wait(&watch->journal, watch->mark.root, wait_status, usage, false);
	collect(watch);
	watch->left = hst_run_sampler_left(&watch->sampler, &watch->journal);
	watch->mark.begins = false;
	watch->mark.sampling_ns = watch->sampler.cost_ns;
	watch->mark.oom_kills = oom == HST_JOURNAL_UNKNOWN || oom < watch->oom_before
					? HST_JOURNAL_UNKNOWN
					: oom - watch->oom_before;
	hst_run_journal_mark(&watch->journal, &watch->mark);
	say_left(watch, say);
	if (watch->journal.error != 0) {
		hst_say_note(say,
			"not all of the processes is recorded: " HST_JOURNAL_NAME
			" could not be written: %s",
			strerror(watch->journal.error));
	}
}
