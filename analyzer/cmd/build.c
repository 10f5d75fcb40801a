/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hasten build: the launcher of `run` starts the build with HASTEN_BUILD set, the preload adds the flags where a compiler is executed and
 * writes down who ran; afterwards that is read and the object files are looked at.
 *
 *   options -> data directory -> hasten run -> journal -> calls -> files -> closing lines
 */
#include "cmd/build.h"

#include "cmd/commands.h"
#include "cmd/elf_advice.h"
#include "cmd/run_session.h"
#include "hasten/compiler.h"
#include "hasten/journal.h"
#include "passes/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATA_NAME  "/data"
#define TREE_DEPTH 8

enum {
	EXIT_OURS = 125,
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127,
};

struct building {
	struct hst_build_options options;
	struct hst_say say;
	char *flags;                                 /* lines; NULL ours */
	char temporary[PATH_MAX];                    /* "" none */
	char directory[PATH_MAX + sizeof DATA_NAME]; /* of the data */
};

/* What would record more, or less, than a build needs. */
static const char *const not_ours[] = {
#define HST_OPTION(VARIABLE, kind, field, text) #VARIABLE,
#include "hasten/options.def"
#undef HST_OPTION
};

static void clear_settings(void)
{
	static const char *const kept[] = { "HASTEN_DISABLE", "HASTEN_BUILD_FLAGS" };

	for (size_t i = 0; i < sizeof not_ours / sizeof not_ours[0]; i++) {
		if (strcmp(not_ours[i], kept[0]) != 0 && strcmp(not_ours[i], kept[1]) != 0) {
			(void)unsetenv(not_ours[i]);
		}
	}
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	(void)remove(path);
	return 0;
}

static void remove_temporary(const struct building *building)
{
	if (building->temporary[0] != '\0') {
		(void)nftw(building->temporary, remove_one, TREE_DEPTH, FTW_DEPTH | FTW_PHYS);
	}
}

/* `run` would go into another one. */
static enum hst_status check_unused(const char *directory, struct hst_diag *diag)
{
	struct hst_run_session session = { 0 };
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool live = fd >= 0 && hst_run_session_read(fd, &session) == HST_OK && !session.finished &&
		    hst_process_alive(session.root, session.root_start);

	if (fd >= 0) {
		(void)close(fd);
	}
	return live ? hst_diag_set(diag, HST_E_USAGE,
			      "build: %s is in use by process %d; name another directory with -o",
			      directory, (int)session.root)
		    : HST_OK;
}

static enum hst_status make_place(struct building *building, struct hst_diag *diag)
{
	const char *named = getenv("TMPDIR");
	char *folder;
	int length;

	if (building->options.directory != NULL) {
		HST_TRY(check_unused(building->options.directory, diag));
		length = snprintf(building->directory, sizeof building->directory, "%s",
			building->options.directory);
		return length < (int)sizeof building->directory
			       ? HST_OK
			       : hst_diag_set(diag, HST_E_USAGE,
					 "build: the name of --output is too long");
	}
	folder = realpath(named != NULL && named[0] != '\0' ? named : "/tmp", NULL);
	length = snprintf(building->temporary, sizeof building->temporary, "%s/hasten-build-XXXXXX",
		folder != NULL ? folder : "/tmp");
	free(folder);
	if (length >= (int)sizeof building->temporary || mkdtemp(building->temporary) == NULL) {
		building->temporary[0] = '\0';
		return hst_diag_set(diag, HST_E_IO,
			"build: no temporary directory can be made: %s; name one in TMPDIR, or a place for "
			"the data with -o",
			strerror(errno));
	}
	snprintf(building->directory, sizeof building->directory, "%s" DATA_NAME,
		building->temporary);
	return HST_OK;
}

static enum hst_status set_environment(struct building *building, struct hst_diag *diag)
{
	const char *named = getenv("HASTEN_BUILD_FLAGS");
	bool good = true;

	clear_settings();
	if (building->options.flags != NULL) {
		HST_TRY(hst_build_flags(building->options.flags, &building->flags, diag));
		good = setenv("HASTEN_BUILD_FLAGS", building->flags, 1) == 0;
	} else if (named != NULL && named[0] != '\0') {
		building->flags = strdup(named);
		good = building->flags != NULL;
	}
	return good && setenv("HASTEN_BUILD", "1", 1) == 0
		       ? HST_OK
		       : hst_diag_set(diag, HST_E_MEMORY, "build: out of memory");
}

/*
 * Is the command itself a call of a compiler that should get hooks? The launcher starts it, in which nothing of ours stands before
 * `exec`, so a shell has to. Of what cannot be started, the launcher says more than a shell.
 */
static bool needs_shell(const struct building *building)
{
	char **program = building->options.program;
	struct hst_elf_advice advice;
	bool needs;

	if (hst_compiler_judge(program[0], program, building->flags != NULL).verdict !=
			HST_VERDICT_EDIT ||
		access("/bin/sh", X_OK) != 0) {
		return false;
	}
	hst_elf_advise(program[0], &advice);
	needs = advice.verdict == HST_ELF_RECORD;
	hst_elf_advice_finish(&advice);
	return needs;
}

/* `hasten run` with the command. EXIT_OURS if there is no memory for its arguments. */
static int run_build(const struct building *building)
{
	static const char *const leading[] = { "run", "--quiet", "--no-memory", "--no-system",
		"--output" };
	static const char *const shell[] = { "/bin/sh", "-c", "exec \"$@\"", "sh" };
	size_t lead = sizeof leading / sizeof leading[0];
	size_t between = needs_shell(building) ? sizeof shell / sizeof shell[0] : 0;
	size_t count = 0;
	char **arguments;
	int status;

	while (building->options.program[count] != NULL) {
		count++;
	}
	arguments = calloc(lead + between + count + 3, sizeof *arguments);
	if (arguments == NULL) {
		return EXIT_OURS;
	}
	for (size_t i = 0; i < lead; i++) {
		arguments[i] = (char *)(uintptr_t)leading[i];
	}
	arguments[lead] = (char *)(uintptr_t)building->directory;
	arguments[lead + 1] = (char *)(uintptr_t) "--";
	for (size_t i = 0; i < between; i++) {
		arguments[lead + 2 + i] = (char *)(uintptr_t)shell[i];
	}
	memcpy(arguments + lead + 2 + between, building->options.program,
		count * sizeof *arguments);
	status = hst_cmd_run((int)(lead + 2 + between + count), arguments);
	free(arguments);
	return status;
}

/* What the journal and the files say. */
static void report(const struct building *building, int status)
{
	struct hst_processes processes = { 0 };
	struct hst_build build = { 0 };
	struct hst_build_report report = { .options = &building->options,
		.processes = &processes,
		.build = &build,
		.status = status,
		.flags = building->flags };
	struct hst_diag diag;

	if (hst_processes_read(building->directory, NULL, &processes, &diag) != HST_OK) {
		hst_say_error(
			&building->say, "which compilers got hooks is not known: %s", diag.text);
		return;
	}
	if (hst_build_collect(&processes, building->flags != NULL, &build) != HST_OK) {
		hst_say_error(
			&building->say, "which compilers got hooks is not known: out of memory");
	} else {
		hst_build_check(&build);
		hst_build_say(&building->say, &report);
		if (building->options.json != NULL &&
			hst_build_write_json(&report, &diag) != HST_OK) {
			hst_say_error(&building->say, "%s", diag.text);
		}
	}
	hst_build_finish(&build);
	hst_processes_finish(&processes);
}

static bool has_journal(const struct building *building)
{
	char path[sizeof building->directory + sizeof HST_JOURNAL_NAME];

	snprintf(path, sizeof path, "%s/" HST_JOURNAL_NAME, building->directory);
	return access(path, R_OK) == 0;
}

static int build_and_report(struct building *building)
{
	const char *name = building->options.program[0];
	int status = run_build(building);
	bool ran = status != EXIT_OURS && status != EXIT_NOT_EXECUTABLE && status != EXIT_NOT_FOUND;

	if (has_journal(building)) {
		report(building, status);
	} else if (ran) {
		hst_say_error(&building->say,
			"no hooks were added: %s could not be watched (it is statically linked or has "
			"privileges, HASTEN_DISABLE is set, or %s cannot be written); run its parts that "
			"start compilers with hasten build",
			name, building->directory);
	}
	return status;
}

int hst_cmd_build(int argc, char **argv)
{
	struct building building = { 0 };
	struct hst_diag diag;
	int status;

	hst_say_init(&building.say, HST_SAY_COLOR_AUTO, false);
	if (hst_build_options_parse(argc, argv, &building.options, &diag) != HST_OK) {
		hst_say_error(&building.say, "%s", diag.text);
		return HST_EXIT_USAGE;
	}
	hst_say_init(&building.say, building.options.color, building.options.quiet);
	if (building.options.help) {
		hst_build_options_help(stdout);
		return HST_EXIT_OK;
	}
	if (building.options.program[0] == NULL) {
		hst_say_error(&building.say,
			"build: name the command of the build: hasten build -- make (--help says more)");
		return HST_EXIT_USAGE;
	}
	if (set_environment(&building, &diag) != HST_OK) {
		hst_say_error(&building.say, "%s", diag.text);
		free(building.flags);
		return HST_EXIT_USAGE;
	}
	if (make_place(&building, &diag) != HST_OK) {
		hst_say_error(&building.say, "%s", diag.text);
		free(building.flags);
		return building.options.directory != NULL ? HST_EXIT_USAGE : EXIT_OURS;
	}
	status = build_and_report(&building);
	remove_temporary(&building);
	free(building.flags);
	return status;
}
