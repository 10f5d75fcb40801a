/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document is composed in a process of its own: reading a recording may take more time or memory
 * than the limits under which the program and we run allow. If that process fails, a document without what takes long is written.
 */
#include "cmd/run_summary.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	WROTE,
	NOT_COMPOSED,
	NOT_WRITTEN
};

struct target {
	const char *path;
	pid_t launcher; /* names the temporary file: another attempt removes it */
};

static bool write_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t wrote = write(fd, bytes, count);

		if (wrote < 0 && errno == EINTR) {
			continue;
		}
		if (wrote <= 0) {
			errno = wrote == 0 ? EIO : errno;
			return false;
		}
		bytes += wrote;
		count -= (size_t)wrote;
	}
	return true;
}

/* Writes and closes. 0, or errno. */
static int fill(int fd, const char *bytes, size_t count)
{
	int error = fd < 0 || !write_all(fd, bytes, count) ? errno : 0;

	if (fd >= 0 && close(fd) != 0 && error == 0) {
		error = errno;
	}
	return error;
}

/* By way of a temporary file beside it. 0, or errno. */
static int replace(const char *path, pid_t launcher, const char *bytes, size_t count)
{
	char *temporary = NULL;
	int error;

	if (asprintf(&temporary, "%s.%d.tmp", path, (int)launcher) < 0) {
		return ENOMEM;
	}
	/* Left by an earlier attempt that was killed here. */
	(void)unlink(temporary);
	error = fill(open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644),
		bytes, count);
	if (error == 0 && rename(temporary, path) != 0) {
		error = errno;
	}
	if (error != 0) {
		(void)unlink(temporary);
	}
	free(temporary);
	return error;
}

/* A file is replaced; a symbolic link stays, and so does what is no file: a device, a pipe. 0, or errno. */
static int put(const struct target *target, const char *bytes, size_t count)
{
	const char *path = target->path;
	struct stat stat_of;
	char *real;
	int error;

	if (stat(path, &stat_of) == 0 && !S_ISREG(stat_of.st_mode)) {
		return fill(open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), bytes, count);
	}
	real = realpath(path, NULL);
	error = replace(real != NULL ? real : path, target->launcher, bytes, count);
	free(real);
	return error;
}

/* Composes and writes. One of the words above; errno goes with NOT_WRITTEN. */
static int attempt(const struct target *target, const struct hst_run_outcome *outcome, bool whole,
	const char *left_out)
{
	char *bytes = NULL;
	size_t count = 0;
	FILE *out = open_memstream(&bytes, &count);
	bool failed;
	int error;

	if (out == NULL) {
		return NOT_COMPOSED;
	}
	hst_run_summary_compose(out, outcome, whole, left_out);
	failed = ferror(out) != 0;
	failed |= fclose(out) != 0;
	if (failed) {
		free(bytes);
		return NOT_COMPOSED;
	}
	error = put(target, bytes, count);
	free(bytes);
	errno = error;
	return error == 0 ? WROTE : NOT_WRITTEN;
}

/* The whole document, by a child. true: nothing more is to be done; else `reason` says why not. */
static bool attempt_apart(const struct target *target, const struct hst_run_outcome *outcome,
	char *reason, size_t reason_bytes)
{
	int status = 0;
	pid_t got;
	pid_t pid = fork();

	if (pid < 0) {
		(void)snprintf(reason, reason_bytes, "no process could be started for it: %s",
			strerror(errno));
		return false;
	}
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };

		(void)setrlimit(RLIMIT_CORE, &none);
		_exit(attempt(target, outcome, true, NULL) == WROTE ? 0 : 1);
	}
	do {
		got = waitpid(pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	if (got == pid && WIFSIGNALED(status)) {
		(void)snprintf(reason, reason_bytes,
			"reading the recording was ended by signal %d (a limit that the program had, too?)",
			WTERMSIG(status));
	} else if (got != pid || WEXITSTATUS(status) != 0) {
		(void)snprintf(reason, reason_bytes, "the recording could not be read");
	}
	return got == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void hst_run_summary_write(
	const char *path, const struct hst_run_outcome *outcome, const struct hst_say *say)
{
	const struct target target = { path, getpid() };
	char reason[256] = "";
	int done;

	if (outcome->directory != NULL && attempt_apart(&target, outcome, reason, sizeof reason)) {
		return;
	}
	done = attempt(&target, outcome, false, outcome->directory != NULL ? reason : NULL);
	if (done == NOT_COMPOSED) {
		hst_say_note(say, "the summary %s is not written: out of memory", path);
	} else if (done == NOT_WRITTEN) {
		hst_say_note(say, "the summary %s cannot be written: %s", path, strerror(errno));
	}
}
