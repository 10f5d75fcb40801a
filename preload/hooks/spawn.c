/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that start a process and return: posix_spawn, and the shells of system and popen. Their own fork, exec and wait are inside
 * libc and pass none of our hooks, so what they did is written down when they return.
 *
 * system and popen hand on `environ` as it is. To put our variables in, it would have to be changed under the eyes of other threads,
 * so a shell that a program starts after it has emptied its environment is seen from here only.
 */
#include "core/attr.h"
#include "core/readable.h"
#include "core/real.h"
#include "core/sys.h"
#include "core/text.h"
#include "hooks/build.h"
#include "hooks/environment.h"
#include "hooks/journal.h"
#include "hooks/piece.h"
#include "sink/journal.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <unistd.h>

#include "core/poison.h"

typedef int (*spawn_function)(pid_t *pid, const char *file,
	const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
	char *const *argv, char *const *environment);

/* One call, as it came. */
struct spawn {
	enum hst_journal_call call;
	spawn_function real;
	pid_t *pid;
	const char *file;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attributes;
	char *const *argv;
	char *const *environment;
	bool searched;         /* a name without a slash is looked for in PATH */
	const char *path;      /* that; NULL: it is not */
	char *const *original; /* `argv` as it came, if flags were added to a compiler's; NULL */
};

static int spawn_real(const struct spawn *spawn)
{
	return spawn->real(spawn->pid, spawn->file, spawn->actions, spawn->attributes, spawn->argv,
		spawn->environment);
}

/* What a child's ru_maxrss may stem from: the kernel hands on the most that the parent ever had. 0 unknown. */
static uint64_t most_resident(void)
{
	struct hst_journal_usage usage;

	hst_journal_usage(&usage, false);
	return usage.maxrss_bytes == HST_JOURNAL_UNKNOWN ? 0 : usage.maxrss_bytes;
}

static HST_NOINLINE void record_spawn(
	const struct spawn *spawn, struct hst_journal_spawn *record, int error)
{
	const struct hst_journal_piece pieces[] = {
		hst_piece_text(HST_TEXT_FILE, spawn->file),
		hst_piece_list(HST_TEXT_ARGV, spawn->argv),
		hst_piece_text(HST_TEXT_PATH, spawn->path),
		hst_piece_list(HST_TEXT_ORIGINAL, spawn->original),
	};

	record->call = spawn->call;
	record->error = error;
	record->child = error == 0 && *spawn->pid > 0 ? (uint32_t)*spawn->pid : 0;
	hst_journal_append(&record->record, sizeof *record, HST_JOURNAL_SPAWN, pieces,
		sizeof pieces / sizeof pieces[0]);
}

static bool add_flags(struct spawn *spawn, void *room, size_t bytes)
{
	char **edited = hst_build_make(spawn->file, spawn->argv, spawn->path, room, bytes);

	if (edited != NULL) {
		spawn->original = spawn->argv;
		spawn->argv = edited;
	}
	return edited != NULL;
}

/* What cannot be read is left out of the record; returns whether that is nothing. */
static bool take_readable(struct spawn *spawn)
{
	struct hst_readable known = { 0 };
	bool file = hst_readable_text(&known, spawn->file);
	bool argv = hst_readable_list(&known, spawn->argv);

	spawn->file = file ? spawn->file : NULL;
	spawn->argv = argv ? spawn->argv : NULL;
	return hst_readable_list(&known, spawn->environment) && file && argv;
}

/* The kernel will say so: the call goes as it came. */
static HST_NOINLINE int start_unreadable(struct spawn spawn, struct spawn readable)
{
	bool whole = readable.file == spawn.file && readable.argv == spawn.argv;
	struct hst_journal_spawn record = { .flags = whole ? 0 : HST_JOURNAL_CUT };
	pid_t pid = 0;
	int error;

	spawn.pid = spawn.pid != NULL ? spawn.pid : &pid;
	readable.pid = spawn.pid;
	record.rss_bytes = most_resident();
	record.began_ns = hst_journal_now();
	error = spawn_real(&spawn);
	record_spawn(&readable, &record, error);
	return error;
}

/* The program's own pid is passed on where there is one: libc sets it before a handler of SIGCHLD can ask for it. */
static int start(struct spawn spawn)
{
	struct hst_journal_spawn record = { 0 };
	struct hst_environment repair;
	struct spawn readable = spawn;
	void *mapping = NULL;
	void *room = NULL;
	pid_t pid = 0;
	size_t bytes;
	int error;

	if (spawn.real == NULL) {
		return ENOSYS;
	}
	if (hst_journal_who() == HST_WHO_NOBODY) {
		return spawn_real(&spawn);
	}
	if (!take_readable(&readable)) {
		return start_unreadable(spawn, readable);
	}
	spawn.path = spawn.searched ? hst_environment_path(spawn.file) : NULL;
	bytes = hst_build_needs(spawn.file, spawn.argv);
	if (bytes > 0 && add_flags(&spawn, __builtin_alloca(bytes), bytes)) {
		record.flags |= HST_JOURNAL_ADDED;
	}
	bytes = hst_environment_needs(&repair, spawn.environment);
	if (bytes > HST_ENVIRONMENT_STACK) {
		mapping = hst_sys_mmap(NULL, hst_sys_whole_pages(bytes), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		room = mapping;
	} else if (bytes > 0) {
		room = __builtin_alloca(bytes);
	}
	if (room != NULL) {
		spawn.environment = hst_environment_make(&repair, room);
		record.flags |= HST_JOURNAL_REPAIRED;
	}
	spawn.pid = spawn.pid != NULL ? spawn.pid : &pid;
	record.rss_bytes = most_resident();
	record.began_ns = hst_journal_now();
	error = spawn_real(&spawn);
	record_spawn(&spawn, &record, error);
	if (mapping != NULL) {
		(void)hst_sys_munmap(mapping, hst_sys_whole_pages(bytes));
	}
	return error;
}

/* NOLINTNEXTLINE(readability-function-size): posix_spawn(3) takes as many */
int hst_hook_posix_spawn(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const *argv,
	char *const *environment) __asm__("posix_spawn");
HST_EXPORT int hst_hook_posix_spawn(pid_t *pid, const char *file,
	const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
	char *const *argv, char *const *environment)
{
	return start((struct spawn){ HST_CALL_POSIX_SPAWN,
		(spawn_function)hst_real(HST_REAL_posix_spawn, __builtin_return_address(0)), pid,
		file, actions, attributes, argv, environment, false, NULL, NULL });
}

int hst_hook_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const *argv,
	char *const *environment) __asm__("posix_spawnp");
HST_EXPORT int hst_hook_posix_spawnp(pid_t *pid, const char *file,
	const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
	char *const *argv, char *const *environment)
{
	return start((struct spawn){ HST_CALL_POSIX_SPAWNP,
		(spawn_function)hst_real(HST_REAL_posix_spawnp, __builtin_return_address(0)), pid,
		file, actions, attributes, argv, environment, true, NULL, NULL });
}

static HST_NOINLINE void record_shell(
	struct hst_journal_shell *record, const char *command, int status, bool failed)
{
	struct hst_readable known = { 0 };
	bool there = hst_readable_text(&known, command);
	struct hst_journal_piece piece = hst_piece_text(HST_TEXT_COMMAND, there ? command : NULL);

	record->flags |= there ? 0 : HST_JOURNAL_CUT;
	record->error = failed ? errno : 0;
	record->status = failed ? 0 : status;
	hst_journal_append(&record->record, sizeof *record, HST_JOURNAL_SHELL, &piece, 1);
}

/* Without a command it only asks whether there is a shell. */
int hst_hook_system(const char *command) __asm__("system");
HST_EXPORT int hst_hook_system(const char *command)
{
	int (*real)(const char *) =
		(int (*)(const char *))hst_real(HST_REAL_system, __builtin_return_address(0));
	struct hst_journal_shell record = { .call = HST_CALL_SYSTEM };
	int status;

	if (real == NULL) {
		errno = ENOSYS;
		return -1;
	}
	if (command == NULL || hst_journal_who() == HST_WHO_NOBODY) {
		return real(command);
	}
	record.began_ns = hst_journal_now();
	status = real(command);
	record_shell(&record, command, status, status == -1);
	return status;
}

FILE *hst_hook_popen(const char *command, const char *mode) __asm__("popen");
HST_EXPORT FILE *hst_hook_popen(const char *command, const char *mode)
{
	FILE *(*real)(const char *, const char *) = (FILE * (*)(const char *, const char *))
		hst_real(HST_REAL_popen, __builtin_return_address(0));
	struct hst_journal_shell record = { .call = HST_CALL_POPEN };
	FILE *pipe;

	if (real == NULL) {
		errno = ENOSYS;
		return NULL;
	}
	pipe = real(command, mode);
	if (hst_journal_who() != HST_WHO_NOBODY) {
		record.began_ns = hst_journal_now();
		record_shell(&record, command, 0, pipe == NULL);
	}
	return pipe;
}

int hst_hook_pclose(FILE *pipe) __asm__("pclose");
HST_EXPORT int hst_hook_pclose(FILE *pipe)
{
	int (*real)(FILE *) =
		(int (*)(FILE *))hst_real(HST_REAL_pclose, __builtin_return_address(0));
	struct hst_journal_shell record = { .call = HST_CALL_PCLOSE };
	int status;

	if (real == NULL) {
		errno = ENOSYS;
		return -1;
	}
	if (hst_journal_who() == HST_WHO_NOBODY) {
		return real(pipe);
	}
	record.began_ns = hst_journal_now();
	status = real(pipe);
	record_shell(&record, NULL, status, status == -1);
	return status;
}
