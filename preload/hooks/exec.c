/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exec family. What is about to be tried is written to the journal, and if it fails, that; between them stands the real function
 * with an environment in which our library and its settings are (hooks/environment.h). Nothing of the trace file has to be done: it is
 * complete at any moment.
 *
 * All of it may run in a child of vfork, whose parent waits and whose memory is the parent's: there is no state here. The functions
 * have names of their own in C, since the headers promise of some arguments that they are not NULL, which programs do not keep.
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
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "core/poison.h"

#define CWD_BYTES  1024u /* on the stack of whoever calls exec */
#define NAME_BYTES 512u  /* the same */

typedef int (*two_function)(const char *file, char *const *argv);
typedef int (*three_function)(const char *file, char *const *argv, char *const *environment);
typedef int (*descriptor_function)(int fd, char *const *argv, char *const *environment);
typedef int (*at_function)(
	int fd, const char *file, char *const *argv, char *const *environment, int flags);
typedef long (*call_function)(long, long, long, long, long, long, long);

/* One call of the family, as it came. */
struct attempt {
	int (*go)(const struct attempt *attempt);
	enum hst_journal_call call;
	enum hst_real plain; /* the real function that takes `environ` by itself */
	enum hst_real real;  /* the one that is given an environment; may be the same */
	const void *caller;
	const char *file;
	char *const *argv;
	char *const *
		original; /* as the program gave it, if flags were added to a compiler's arguments; NULL */
	char *const *environment;
	bool searched;    /* a name without a slash is looked for in PATH */
	const char *path; /* that; NULL: it is not */
	int fd;           /* AT_FDCWD unless it is fexecve or execveat */
	int flags;        /* of execveat */
	long number;      /* of syscall */
};

static int from_kernel(long result)
{
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return (int)result;
}

static int go_by_name(const struct attempt *attempt)
{
	bool own = attempt->environment == environ;
	void *real = hst_real(own ? attempt->plain : attempt->real, attempt->caller);

	if (real == NULL) {
		errno = ENOSYS;
		return -1;
	}
	if (own && attempt->plain != attempt->real) {
		return ((two_function)real)(attempt->file, attempt->argv);
	}
	return ((three_function)real)(attempt->file, attempt->argv, attempt->environment);
}

static int go_by_descriptor(const struct attempt *attempt)
{
	descriptor_function real = (descriptor_function)hst_real(HST_REAL_fexecve, attempt->caller);

	if (real == NULL) {
		errno = ENOSYS;
		return -1;
	}
	return real(attempt->fd, attempt->argv, attempt->environment);
}

/* Older libcs have none. What a program then finds is ours, which does what it would do. */
static int go_at(const struct attempt *attempt)
{
	at_function real = (at_function)hst_real(HST_REAL_execveat, attempt->caller);

	if (real == NULL) {
		return from_kernel(hst_sys_raw6(SYS_execveat, attempt->fd, (long)attempt->file,
			(long)attempt->argv, (long)attempt->environment, attempt->flags, 0));
	}
	return real(
		attempt->fd, attempt->file, attempt->argv, attempt->environment, attempt->flags);
}

static int go_by_number(const struct attempt *attempt)
{
	call_function real = (call_function)hst_real(HST_REAL_syscall, attempt->caller);
	long given[6] = { (long)attempt->file, (long)attempt->argv, (long)attempt->environment };

	if (attempt->number == SYS_execveat) {
		given[0] = attempt->fd;
		given[1] = (long)attempt->file;
		given[2] = (long)attempt->argv;
		given[3] = (long)attempt->environment;
		given[4] = attempt->flags;
	}
	if (real == NULL) {
		return from_kernel(hst_sys_raw6(attempt->number, given[0], given[1], given[2],
			given[3], given[4], given[5]));
	}
	return (int)real(
		attempt->number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

/* Of a file that is not, or not only, given by name. The descriptor may be gone after the exec, so its path is taken. */
static const char *name_of(const struct attempt *attempt, char *buffer)
{
	char path[32];
	struct hst_text number = hst_text_begin(path, sizeof path);
	struct hst_text name = hst_text_begin(buffer, NAME_BYTES);
	const char *file = attempt->file != NULL ? attempt->file : "";
	long got;

	if (attempt->fd == AT_FDCWD || file[0] == '/') {
		return attempt->file;
	}
	hst_text_add(&number, "/proc/self/fd/");
	hst_text_add(&number, attempt->fd < 0 ? "-" : "");
	hst_text_add_number(
		&number, attempt->fd < 0 ? 0 - (uint64_t)attempt->fd : (uint64_t)attempt->fd);
	got = hst_sys_readlink(path, buffer, NAME_BYTES - 1);
	if (got > 0 && got < NAME_BYTES - 1) {
		name.length = (size_t)got;
		buffer[got] = '\0';
	} else {
		name.length = 0;
		hst_text_add(&name, path);
	}
	if (file[0] != '\0') {
		hst_text_add(&name, "/");
		hst_text_add(&name, file);
	}
	return buffer;
}

/* In a function of its own, so that its stack is free again for the real function. */
static HST_NOINLINE void record_exec(const struct attempt *attempt, bool vforked, uint32_t flags)
{
	char cwd[CWD_BYTES];
	char name[NAME_BYTES];
	struct hst_journal_exec record = {
		.call = attempt->call,
		.flags = flags,
		.ppid = hst_sys_getppid(),
	};
	struct hst_journal_piece pieces[] = {
		hst_piece_text(HST_TEXT_FILE, name_of(attempt, name)),
		hst_piece_list(HST_TEXT_ARGV, attempt->argv),
		hst_piece_text(HST_TEXT_PATH, attempt->path),
		hst_piece_text(HST_TEXT_CWD, NULL),
		hst_piece_list(HST_TEXT_ORIGINAL, attempt->original),
	};

	if (vforked) {
		/* "(unreachable)" is of another root. */
		bool known = hst_sys_getcwd(cwd, sizeof cwd) > 0 && cwd[0] == '/';

		record.flags |= HST_JOURNAL_VFORKED | (known ? 0 : HST_JOURNAL_CUT);
		pieces[3] = hst_piece_text(HST_TEXT_CWD, known ? cwd : NULL);
		/* The image that ends is its parent's, and goes on. */
		memset(&record.usage, 0xff, sizeof record.usage);
	} else {
		hst_journal_usage(&record.usage, true);
	}
	hst_journal_append(&record.record, sizeof record, HST_JOURNAL_EXEC, pieces,
		sizeof pieces / sizeof pieces[0]);
}

static HST_NOINLINE void record_failed(const struct attempt *attempt, int error)
{
	struct hst_journal_exec_failed record = { .call = attempt->call, .error = error };

	hst_journal_append(&record.record, sizeof record, HST_JOURNAL_EXEC_FAILED, NULL, 0);
}

static void add_flags(struct attempt *attempt, void *room, size_t bytes)
{
	char **edited = hst_build_make(attempt->file, attempt->argv, attempt->path, room, bytes);

	if (edited != NULL) {
		attempt->original = attempt->argv;
		attempt->argv = edited;
	}
}

/* What cannot be read is left out of the record; returns whether that is nothing. */
static bool take_readable(struct attempt *attempt)
{
	struct hst_readable known = { 0 };
	bool file = hst_readable_text(&known, attempt->file);
	bool argv = hst_readable_list(&known, attempt->argv);

	attempt->file = file ? attempt->file : NULL;
	attempt->argv = argv ? attempt->argv : NULL;
	return hst_readable_list(&known, attempt->environment) && file && argv;
}

/* The kernel will say so: the call goes as it came. */
static HST_NOINLINE int try_unreadable(
	const struct attempt *attempt, const struct attempt *readable, bool vforked)
{
	bool whole = readable->file == attempt->file && readable->argv == attempt->argv;
	int result;

	record_exec(readable, vforked, whole ? 0 : HST_JOURNAL_CUT);
	result = attempt->go(attempt);
	record_failed(attempt, errno);
	return result;
}

static int try(struct attempt attempt)
{
	struct hst_environment repair;
	struct attempt readable = attempt;
	void *mapping = NULL;
	void *room = NULL;
	enum hst_journal_who who = hst_journal_who();
	bool vforked = who == HST_WHO_VFORKED;
	size_t bytes;
	int result;

	if (who == HST_WHO_NOBODY) {
		return attempt.go(&attempt);
	}
	if (!take_readable(&readable)) {
		return try_unreadable(&attempt, &readable, vforked);
	}
	attempt.path = attempt.searched ? hst_environment_path(attempt.file) : NULL;
	bytes = hst_build_needs(attempt.file, attempt.argv);
	if (bytes > 0) {
		add_flags(&attempt, __builtin_alloca(bytes), bytes);
	}
	bytes = hst_environment_needs(&repair, attempt.environment);
	if (bytes > HST_ENVIRONMENT_STACK && !vforked) {
		/* It goes with the exec; in a child of vfork it would stay with the parent. */
		mapping = hst_sys_mmap(NULL, hst_sys_whole_pages(bytes), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		room = mapping;
	} else if (bytes > 0 && bytes <= HST_ENVIRONMENT_STACK) {
		room = __builtin_alloca(bytes);
	}
	if (room != NULL) {
		attempt.environment = hst_environment_make(&repair, room);
	}
	record_exec(&attempt, vforked,
		(room != NULL ? HST_JOURNAL_REPAIRED : 0) |
			(attempt.original != NULL ? HST_JOURNAL_ADDED : 0));
	result = attempt.go(&attempt);
	record_failed(&attempt, errno);
	if (mapping != NULL) {
		(void)hst_sys_munmap(mapping, hst_sys_whole_pages(bytes));
	}
	return result;
}

#define BY_NAME(CALL, PLAIN, REAL, ...)         \
 try((struct attempt){ .go = go_by_name,        \
	 .call = HST_CALL_##CALL,               \
	 .plain = HST_REAL_##PLAIN,             \
	 .real = HST_REAL_##REAL,               \
	 .caller = __builtin_return_address(0), \
	 .file = file,                          \
	 .fd = AT_FDCWD,                        \
	 __VA_ARGS__ })

int hst_hook_execve(const char *file, char *const *argv, char *const *environment) __asm__(
	"execve");
HST_EXPORT int hst_hook_execve(const char *file, char *const *argv, char *const *environment)
{
	return BY_NAME(EXECVE, execve, execve, .argv = argv, .environment = environment);
}

int hst_hook_execv(const char *file, char *const *argv) __asm__("execv");
HST_EXPORT int hst_hook_execv(const char *file, char *const *argv)
{
	return BY_NAME(EXECV, execv, execve, .argv = argv, .environment = environ);
}

int hst_hook_execvp(const char *file, char *const *argv) __asm__("execvp");
HST_EXPORT int hst_hook_execvp(const char *file, char *const *argv)
{
	return BY_NAME(
		EXECVP, execvp, execvpe, .argv = argv, .environment = environ, .searched = true);
}

int hst_hook_execvpe(const char *file, char *const *argv, char *const *environment) __asm__(
	"execvpe");
HST_EXPORT int hst_hook_execvpe(const char *file, char *const *argv, char *const *environment)
{
	return BY_NAME(EXECVPE, execvpe, execvpe, .argv = argv, .environment = environment,
		.searched = true);
}

/* Arguments behind the first up to the NULL, counted with the first. */
static size_t count_arguments(const char *first, va_list rest)
{
	size_t count = 0;

	for (; first != NULL; first = va_arg(rest, const char *)) {
		count++;
	}
	return count;
}

/* Returns what stands behind the NULL if it is asked for. */
static char *const *list_arguments(char **argv, const char *first, va_list rest, bool environment)
{
	size_t count = 0;

	for (; first != NULL; first = va_arg(rest, const char *)) {
		argv[count++] = (char *)(uintptr_t)first;
	}
	argv[count] = NULL;
	return environment ? va_arg(rest, char *const *) : NULL;
}

int hst_hook_execl(const char *file, const char *first, ...) __asm__("execl");
HST_EXPORT int hst_hook_execl(const char *file, const char *first, ...)
{
	va_list rest;
	char **argv;

	va_start(rest, first);
	argv = __builtin_alloca((count_arguments(first, rest) + 1) * sizeof *argv);
	va_end(rest);
	va_start(rest, first);
	(void)list_arguments(argv, first, rest, false);
	va_end(rest);
	return BY_NAME(EXECL, execv, execve, .argv = argv, .environment = environ);
}

int hst_hook_execlp(const char *file, const char *first, ...) __asm__("execlp");
HST_EXPORT int hst_hook_execlp(const char *file, const char *first, ...)
{
	va_list rest;
	char **argv;

	va_start(rest, first);
	argv = __builtin_alloca((count_arguments(first, rest) + 1) * sizeof *argv);
	va_end(rest);
	va_start(rest, first);
	(void)list_arguments(argv, first, rest, false);
	va_end(rest);
	return BY_NAME(
		EXECLP, execvp, execvpe, .argv = argv, .environment = environ, .searched = true);
}

int hst_hook_execle(const char *file, const char *first, ...) __asm__("execle");
HST_EXPORT int hst_hook_execle(const char *file, const char *first, ...)
{
	char *const *environment;
	va_list rest;
	char **argv;

	va_start(rest, first);
	argv = __builtin_alloca((count_arguments(first, rest) + 1) * sizeof *argv);
	va_end(rest);
	va_start(rest, first);
	environment = list_arguments(argv, first, rest, true);
	va_end(rest);
	return BY_NAME(EXECLE, execve, execve, .argv = argv, .environment = environment);
}

int hst_hook_fexecve(int fd, char *const *argv, char *const *environment) __asm__("fexecve");
HST_EXPORT int hst_hook_fexecve(int fd, char *const *argv, char *const *environment)
{
	return try((struct attempt){ .go = go_by_descriptor,
		.call = HST_CALL_FEXECVE,
		.caller = __builtin_return_address(0),
		.fd = fd,
		.argv = argv,
		.environment = environment });
}

int hst_hook_execveat(int fd, const char *file, char *const *argv, char *const *environment,
	int flags) __asm__("execveat");
HST_EXPORT int hst_hook_execveat(
	int fd, const char *file, char *const *argv, char *const *environment, int flags)
{
	return try((struct attempt){ .go = go_at,
		.call = HST_CALL_EXECVEAT,
		.caller = __builtin_return_address(0),
		.fd = fd,
		.file = file,
		.argv = argv,
		.environment = environment,
		.flags = flags });
}

long hst_syscall_exec(long number, long a, long b, long c, long d, long e);
/* From syscall_x86_64.S: SYS_execve and SYS_execveat. */
long hst_syscall_exec(long number, long a, long b, long c, long d, long e)
{
	struct attempt attempt = {
		.go = go_by_number,
		.call = HST_CALL_SYSCALL,
		.caller = __builtin_return_address(0),
		.number = number,
		.fd = AT_FDCWD,
		.file = (const char *)a,
		.argv = (char *const *)b,
		.environment = (char *const *)c,
	};

	if (number == SYS_execveat) {
		attempt.fd = (int)a;
		attempt.file = (const char *)b;
		attempt.argv = (char *const *)c;
		attempt.environment = (char *const *)d;
		attempt.flags = (int)e;
	}
	return try(attempt);
}
