/* SPDX-License-Identifier: Apache-2.0 */
/* The closing lines of `hasten build`: what got hooks, what did not and why, what to do next. */
#include "cmd/build.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTED_MAX 10u

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* A path as the user would write it from here. */
static const char *shown(const char *path)
{
	static char cwd[PATH_MAX];
	size_t length;

	if (getcwd(cwd, sizeof cwd) == NULL) {
		return path;
	}
	length = strlen(cwd);
	return strncmp(path, cwd, length) == 0 && path[length] == '/' ? path + length + 1 : path;
}

static void say_left(const struct hst_say *say, const struct hst_build *build)
{
	for (size_t i = 0; i < HST_VERDICTS; i++) {
		if (i == HST_VERDICT_NONE || i == HST_VERDICT_EDIT || build->verdicts[i] == 0) {
			continue;
		}
		hst_say_note(say, "  %" PRIu64 " %s", build->verdicts[i],
			hst_build_verdict_text((enum hst_compiler_verdict)i));
	}
}

static void say_calls(const struct hst_say *say, const struct hst_build *build)
{
	uint64_t left = build->calls.count - build->added - build->missed;

	if (build->calls.count == 0) {
		hst_say_note(say,
			"no C or C++ compiler was started, so nothing has hooks: if all was up to date, "
			"clean first");
		return;
	}
	hst_say_note(say,
		"%zu compiler call%s: hooks were added to %" PRIu64 ", %" PRIu64 " left alone%s",
		build->calls.count, plural(build->calls.count), build->added, left,
		left > 0 ? ":" : "");
	say_left(say, build);
	if (build->failed > 0) {
		hst_say_note(say, "%" PRIu64 " of the calls failed (probes may)", build->failed);
	}
}

/* What got no hooks though it should have. Also if quiet: without it the figures would mislead. */
static void say_losses(const struct hst_say *say, const struct hst_build_report *report)
{
	const struct hst_build *build = report->build;

	if (build->missed > 0) {
		hst_say_error(say,
			"%" PRIu64
			" compiler call%s should have got hooks, but did not: too many arguments, or "
			"started in a way that cannot be followed",
			build->missed, plural(build->missed));
	}
	if (build->unwatched > 0) {
		hst_say_error(say,
			"%" PRIu64
			" program%s could not be watched, %s among them (%s): compilers that they "
			"started have no hooks",
			build->unwatched, plural(build->unwatched), build->unwatched_example,
			hst_process_blind_text(build->unwatched_why));
	}
	if (report->processes->damaged > 0 || report->processes->cut) {
		hst_say_error(
			say, "the record of the build is damaged: there may have been more calls");
	}
}

static void say_files(const struct hst_say *say, const struct hst_build *build)
{
	uint64_t gone = build->found[HST_BUILD_GONE];
	uint64_t there = build->files.count - gone;
	uint64_t without = there - build->found[HST_BUILD_HOOKS];
	size_t listed = 0;

	if (there > 0) {
		hst_say_note(say, "%" PRIu64 " of %" PRIu64 " compiled file%s have hooks%s",
			build->found[HST_BUILD_HOOKS], there, plural(there),
			without > 0 ? ":" : "");
	}
	for (size_t i = 0; i < build->files.count && listed < LISTED_MAX; i++) {
		const struct hst_build_file *file = &build->files.items[i];

		if (file->found != HST_BUILD_HOOKS && file->found != HST_BUILD_GONE) {
			hst_say_note(say, "  %s %s", shown(file->path),
				hst_build_found_text(file->found));
			listed++;
		}
	}
	if (without > listed) {
		hst_say_note(say, "  and %" PRIu64 " more", without - listed);
	}
	if (gone > 0) {
		hst_say_note(say, "%" PRIu64 " compiled file%s no longer there, and %s not checked",
			gone, gone == 1 ? " is" : "s are", gone == 1 ? "was" : "were");
	}
}

const char *hst_build_program(const struct hst_build *build)
{
	for (size_t i = build->linked.count; i > 0; i--) {
		const struct hst_build_file *file = &build->linked.items[i - 1];

		if (file->program && file->found == HST_BUILD_HOOKS) {
			return file->path;
		}
	}
	return NULL;
}

static size_t count_programs(const struct hst_build *build)
{
	size_t count = 0;

	for (size_t i = 0; i < build->linked.count; i++) {
		const struct hst_build_file *file = &build->linked.items[i];

		count += file->program && file->found == HST_BUILD_HOOKS;
	}
	return count;
}

static void say_next(const struct hst_say *say, const struct hst_build_report *report)
{
	const char *program = hst_build_program(report->build);
	const char *name = program != NULL ? shown(program) : NULL;

	if (report->status != 0) {
		return;
	}
	if (name != NULL) {
		hst_say_note(say, "next: hasten run -- %s%s%s", name[0] == '/' ? "" : "./", name,
			count_programs(report->build) > 1 ? ", or another program with hooks" : "");
	} else if (report->build->found[HST_BUILD_HOOKS] > 0) {
		hst_say_note(say, "next: hasten run -- PROGRAM, one that uses what was built");
	}
}

void hst_build_say(const struct hst_say *say, const struct hst_build_report *report)
{
	say_calls(say, report->build);
	say_losses(say, report);
	say_files(say, report->build);
	if (report->options->directory != NULL) {
		hst_say_note(say, "who ran: hasten processes %s", report->options->directory);
	}
	say_next(say, report);
}
