/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the data directory. Several launchers may do so at once: a directory belongs to whoever
 * put `session` into it first, and an empty one belongs to nobody. Nothing is removed but regular
 * files with our kinds of names, by name within an opened directory that carries our mark.
 */
#include "cmd/run_dir.h"

#include "hasten/trace.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NUMBERS_MAX 1000
/* Losing a race makes us look again; this often means that something else is wrong. */
#define ATTEMPTS_MAX 32

enum dir_kind {
	DIR_ABSENT,
	DIR_EMPTY,
	DIR_FINISHED, /* ours, nobody writes to it */
	DIR_LIVE,     /* ours, in use */
	DIR_FOREIGN,
	DIR_OTHER_USER,
};

struct found {
	enum dir_kind kind;
	int fd;    /* -1 unless EMPTY, FINISHED or LIVE */
	pid_t pid; /* LIVE: who writes */
	uid_t uid; /* OTHER_USER: whose */
	int error; /* FOREIGN: errno of what failed last */
};

static bool ends_with(const char *name, const char *suffix)
{
	size_t length = strlen(name);
	size_t tail = strlen(suffix);

	return length > tail && strcmp(name + length - tail, suffix) == 0;
}

static bool is_claim(const char *name)
{
	return strncmp(name, "session.", 8) == 0 && ends_with(name, ".tmp");
}

static bool is_ours(int fd, const char *name)
{
	struct stat stat;

	return (strcmp(name, "session") == 0 || is_claim(name) || ends_with(name, ".hst") ||
		       ends_with(name, ".hsj") || ends_with(name, ".plan")) &&
	       fstatat(fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(stat.st_mode);
}

/* A stream of names that leaves `fd` open; NULL on failure. */
static DIR *open_names(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = copy < 0 ? NULL : fdopendir(copy);

	if (names == NULL && copy >= 0) {
		close(copy);
	}
	return names;
}

static const char *next_name(DIR *names)
{
	struct dirent *entry;

	do {
		entry = readdir(names);
	} while (entry != NULL &&
		 (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
	return entry == NULL ? NULL : entry->d_name;
}

/* Nothing in it but, perhaps, claims that are being written. */
static bool is_empty(int fd)
{
	DIR *names = open_names(fd);
	const char *name;

	if (names == NULL) {
		return false;
	}
	do {
		name = next_name(names);
	} while (name != NULL && is_claim(name));
	closedir(names);
	return name == NULL;
}

/* The process that the trace file `name` ("PID.N.hst") belongs to, if it still runs, else 0. */
static pid_t live_writer(int fd, const char *name)
{
	struct hst_file_header header;
	char *end;
	unsigned long pid = strtoul(name, &end, 10);

	/* 0.0.hst: whose it is says the header alone. */
	if (end == name || *end != '.' || pid > INT32_MAX || !ends_with(name, ".hst") ||
		(pid != 0 && !hst_process_alive((pid_t)pid, 0)) ||
		hst_run_header_read(fd, name, &header) != HST_OK) {
		return 0;
	}
	pid = pid == 0 && header.pid <= INT32_MAX ? header.pid : pid;
	if (header.pid != pid || header.pid_start == 0 || header.end_kind != HST_END_NONE) {
		return 0;
	}
	return hst_process_alive((pid_t)pid, header.pid_start) ? (pid_t)pid : 0;
}

/* A process that still records into our directory, 0 none. */
static pid_t live_process(int fd, const struct hst_run_session *session)
{
	DIR *names;
	const char *name;
	pid_t pid = 0;

	if (!session->finished && hst_process_alive(session->root, session->root_start)) {
		return session->root;
	}
	names = open_names(fd);
	if (names == NULL) {
		return 0;
	}
	/* The program may have left processes in the background. */
	while (pid == 0 && (name = next_name(names)) != NULL) {
		pid = live_writer(fd, name);
	}
	closedir(names);
	return pid;
}

static void look_inside(struct found *found)
{
	struct hst_run_session session;
	enum hst_status status = hst_run_session_read(found->fd, &session);

	if (status == HST_OK) {
		found->pid = live_process(found->fd, &session);
		found->kind = found->pid != 0 ? DIR_LIVE : DIR_FINISHED;
	} else if (status == HST_E_NOT_FOUND && is_empty(found->fd)) {
		found->kind = DIR_EMPTY;
	} else {
		found->kind = DIR_FOREIGN;
	}
}

static struct found look(const char *path)
{
	struct found found = { .kind = DIR_FOREIGN, .fd = -1 };
	struct stat stat;

	if (lstat(path, &stat) != 0) {
		found.kind = errno == ENOENT ? DIR_ABSENT : DIR_FOREIGN;
		return found;
	}
	if (!S_ISDIR(stat.st_mode)) {
		return found;
	}
	found.fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	found.error = errno;
	if (found.fd >= 0 && fstat(found.fd, &stat) == 0 && stat.st_uid == geteuid()) {
		look_inside(&found);
		found.error = errno;
	} else if (stat.st_uid != geteuid()) {
		found.kind = DIR_OTHER_USER;
		found.uid = stat.st_uid;
	}
	if (found.fd >= 0 && (found.kind == DIR_FOREIGN || found.kind == DIR_OTHER_USER)) {
		close(found.fd);
		found.fd = -1;
	}
	return found;
}

static void forget(struct found *found)
{
	if (found->fd >= 0) {
		close(found->fd);
		found->fd = -1;
	}
}

/* Which sentence and status an errno of making or renaming a directory deserves. */
static enum hst_status fail(const char *shown, const char *what, int error, struct hst_diag *diag)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
	case ELOOP:
		return hst_diag_set(diag, HST_E_NOT_FOUND,
			"run: the data directory %s cannot be %s: %s; name another one with -o DIR",
			shown, what, strerror(error));
	default:
		return hst_diag_set(diag, HST_E_PERMISSION,
			"run: the data directory %s cannot be %s: %s; name another one with -o DIR",
			shown, what, strerror(error));
	}
}

/* The first name in the directory that is not one of our files; false if there is none. */
static bool foreign_name(int fd, char *buffer, size_t size)
{
	DIR *names = open_names(fd);
	const char *name;

	if (names == NULL) {
		snprintf(buffer, size, ".");
		return true;
	}
	do {
		name = next_name(names);
	} while (name != NULL && is_ours(fd, name));
	if (name != NULL) {
		snprintf(buffer, size, "%s", name);
	}
	closedir(names);
	return name != NULL;
}

/* Unlinks our files, the mark last, and the directory: false with errno if something stays. */
static bool remove_ours(int fd, const char *path)
{
	DIR *names = open_names(fd);
	const char *name;

	if (names == NULL) {
		return false;
	}
	while ((name = next_name(names)) != NULL) {
		if (strcmp(name, "session") != 0 && is_ours(fd, name)) {
			(void)unlinkat(fd, name, 0);
		}
	}
	closedir(names);
	if (unlinkat(fd, "session", 0) != 0 && errno != ENOENT) {
		return false;
	}
	return rmdir(path) == 0 || errno == ENOENT;
}

/* Makes NAME.old free. HST_E_USAGE without a sentence: *ret_live uses it, leave NAME where it is. */
static enum hst_status clear_old(
	const char *old, const char *shown, pid_t *ret_live, struct hst_diag *diag)
{
	struct found found = look(old);
	enum hst_status status = HST_OK;
	char name[256];

	switch (found.kind) {
	case DIR_ABSENT:
		break;
	case DIR_LIVE:
		*ret_live = found.pid;
		status = HST_E_USAGE;
		break;
	case DIR_EMPTY:
	case DIR_FINISHED:
		if (foreign_name(found.fd, name, sizeof name)) {
			status = hst_diag_set(diag, HST_E_NOT_OURS,
				"run: %s.old has a file that is not hasten's (%s): move it away, or name "
				"another data directory with -o DIR",
				shown, name);
		} else if (!remove_ours(found.fd, old)) {
			status = fail(shown, "renamed (its .old cannot be removed)", errno, diag);
		}
		break;
	case DIR_FOREIGN:
		status = hst_diag_set(diag, HST_E_NOT_OURS,
			"run: %s would become %s.old, but that is not hasten's data: move it away, or "
			"name another data directory with -o DIR",
			shown, shown);
		break;
	case DIR_OTHER_USER:
		status = hst_diag_set(diag, HST_E_PERMISSION,
			"run: %s.old belongs to another user (uid %u); name another data directory "
			"with -o DIR",
			shown, (unsigned)found.uid);
		break;
	}
	forget(&found);
	return status;
}

/* Moves a finished directory to NAME.old. HST_E_USAGE: as clear_old(). */
static enum hst_status rotate(
	const char *path, const char *shown, pid_t *ret_live, struct hst_diag *diag)
{
	char *old = NULL;
	enum hst_status status;

	if (asprintf(&old, "%s.old", path) < 0) {
		return hst_diag_set(diag, HST_E_MEMORY, "run: out of memory");
	}
	status = clear_old(old, shown, ret_live, diag);
	if (status == HST_OK && renameat2(AT_FDCWD, path, AT_FDCWD, old, RENAME_NOREPLACE) != 0 &&
		errno != ENOENT && errno != EEXIST) {
		/* Not every file system knows NOREPLACE; rename() replaces nothing but an empty one. */
		bool unknown = errno == EINVAL || errno == ENOSYS;

		if (!unknown || rename(path, old) != 0) {
			status = fail(shown, "renamed to .old", errno, diag);
		}
	}
	free(old);
	return status;
}

static enum hst_status refuse(const struct found *found, const char *shown, struct hst_diag *diag)
{
	if (found->kind == DIR_OTHER_USER) {
		return hst_diag_set(diag, HST_E_PERMISSION,
			"run: %s belongs to another user (uid %u); name another data directory with "
			"-o DIR",
			shown, (unsigned)found->uid);
	}
	return hst_diag_set(diag, HST_E_NOT_OURS,
		"run: %s exists and is not hasten's data, so it is left alone: name another data "
		"directory with -o DIR",
		shown);
}

/* Puts our mark into an empty directory. HST_E_USAGE: another launcher was first. */
static enum hst_status claim(
	int fd, const char *shown, const struct hst_run_session *session, struct hst_diag *diag)
{
	enum hst_status status;

	if (fchmod(fd, 0700) != 0) {
		return fail(shown, "made private", errno, diag);
	}
	status = hst_run_session_write(fd, session, true);
	if (status == HST_E_IO) {
		return fail(shown, "written", errno, diag);
	}
	return status;
}

/*
 * One look at one name. HST_OK with *ret_fd: it is ours now. HST_E_USAGE without a sentence: look
 * again, things have changed, or, with *ret_live, try the next name.
 */
static enum hst_status try_name(const char *path, const char *shown,
	const struct hst_run_session *session, int *ret_fd, pid_t *ret_live, struct hst_diag *diag)
{
	struct found found;
	enum hst_status status = HST_E_USAGE;
	bool made = mkdir(path, 0700) == 0;

	if (!made && errno != EEXIST) {
		return fail(shown, "made", errno, diag);
	}
	found = look(path);
	switch (found.kind) {
	case DIR_ABSENT:
		break;
	case DIR_EMPTY:
		status = claim(found.fd, shown, session, diag);
		if (status == HST_OK) {
			*ret_fd = found.fd;
			return HST_OK;
		}
		/* An empty directory of the user's own stays. */
		if (made && status != HST_E_USAGE) {
			(void)rmdir(path);
		}
		break;
	case DIR_FINISHED:
		status = rotate(path, shown, ret_live, diag);
		status = status == HST_OK ? HST_E_USAGE : status;
		break;
	case DIR_LIVE:
		*ret_live = found.pid;
		break;
	case DIR_FOREIGN:
		if (made && (found.error == EMFILE || found.error == ENFILE)) {
			/* Made a moment ago, but it cannot be opened: too few descriptors, say. */
			status = fail(shown, "opened", found.error, diag);
			(void)rmdir(path);
			break;
		}
		status = refuse(&found, shown, diag);
		break;
	case DIR_OTHER_USER:
		status = refuse(&found, shown, diag);
		break;
	}
	forget(&found);
	return status;
}

/* Makes `path` ours. HST_E_USAGE: it is in use, by *ret_live. */
static enum hst_status take(const char *path, const char *shown,
	const struct hst_run_session *session, int *ret_fd, pid_t *ret_live, struct hst_diag *diag)
{
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		enum hst_status status = try_name(path, shown, session, ret_fd, ret_live, diag);

		if (status != HST_E_USAGE || *ret_live != 0) {
			return status;
		}
	}
	return hst_diag_set(diag, HST_E_PERMISSION,
		"run: the data directory %s keeps changing; name another one with -o DIR", shown);
}

static enum hst_status name_paths(
	const char *name, int number, char **ret_path, char **ret_shown, struct hst_diag *diag)
{
	char suffix[16] = "";
	char *cwd = NULL;
	char *path = NULL;
	char *shown = NULL;
	size_t length = strlen(name);

	/* "dir/" would make the kernel follow a symbolic link of that name. */
	while (length > 1 && name[length - 1] == '/') {
		length--;
	}
	if (number > 1) {
		snprintf(suffix, sizeof suffix, ".%d", number);
	}
	if (name[0] != '/') {
		cwd = getcwd(NULL, 0);
		if (cwd == NULL) {
			return fail(name, "made", errno, diag);
		}
	}
	if (asprintf(&shown, "%.*s%s", (int)length, name, suffix) < 0 ||
		asprintf(&path, "%s%s%s", cwd == NULL ? "" : cwd, cwd == NULL ? "" : "/", shown) <
			0) {
		free(cwd);
		free(shown);
		return hst_diag_set(diag, HST_E_MEMORY, "run: out of memory");
	}
	free(cwd);
	*ret_path = path;
	*ret_shown = shown;
	return HST_OK;
}

enum hst_status hst_run_dir_create(const char *name, const struct hst_run_session *session,
	struct hst_run_dir *ret_dir, struct hst_diag *diag)
{
	pid_t first_live = 0;

	name = name == NULL ? HST_RUN_DIR_DEFAULT : name;
	for (int number = 1; number < NUMBERS_MAX; number++) {
		struct hst_run_dir dir = { .fd = -1 };
		pid_t live = 0;
		enum hst_status status;

		HST_TRY(name_paths(name, number, &dir.path, &dir.shown, diag));
		assert(dir.path != NULL);
		status = take(dir.path, dir.shown, session, &dir.fd, &live, diag);
		if (status == HST_OK) {
			dir.live = first_live;
			*ret_dir = dir;
			return HST_OK;
		}
		hst_run_dir_finish(&dir);
		first_live = first_live == 0 ? live : first_live;
		/* A numbered name that is not ours to use is no obstacle: there are more of them. */
		if (live == 0 && (number == 1 || status != HST_E_NOT_OURS)) {
			return status;
		}
	}
	return hst_diag_set(diag, HST_E_PERMISSION,
		"run: %s and all numbered ones are in use; name another data directory with -o DIR",
		name);
}

void hst_run_dir_finish(struct hst_run_dir *dir)
{
	if (dir->fd >= 0) {
		close(dir->fd);
	}
	free(dir->path);
	free(dir->shown);
	*dir = (struct hst_run_dir){ .fd = -1 };
}

void hst_run_dir_discard(const struct hst_run_dir *dir)
{
	(void)remove_ours(dir->fd, dir->path);
}
