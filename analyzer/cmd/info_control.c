/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Talks to programs that are being recorded: through the header of their files only, no signal, no
 * connection. A copy of a live file is sound because it is read from its begin to its end, and a
 * thread appends its chunk at the end before it uses its place at the front again.
 */
#include "cmd/commands.h"
#include "cmd/info.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES 65536u

/* The header of a live process of ours, behind an open descriptor; -1: it is none. */
static int open_live(const char *path)
{
	struct hst_file_header header;
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0) {
		return -1;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
		pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header ||
		memcmp(header.magic, HST_TRACE_MAGIC, sizeof header.magic) != 0 ||
		header.major != HST_TRACE_MAJOR || header.endian != HST_TRACE_ENDIAN ||
		!hst_info_is_alive(&header)) {
		close(fd);
		return -1;
	}
	return fd;
}

int hst_info_control(const struct hst_reading *reading, uint32_t control)
{
	const struct hst_session *session = &reading->session;
	size_t told = 0;

	for (size_t i = 0; i < session->file_count; i++) {
		int fd = open_live(session->files[i].path);

		if (fd < 0) {
			continue;
		}
		if (pwrite(fd, &control, sizeof control,
			    offsetof(struct hst_file_header, control)) == (ssize_t)sizeof control) {
			told++;
		}
		close(fd);
	}
	if (told == 0) {
		return hst_reading_fail(reading,
			"no process of '%s' is running (or its files belong to another user): there "
			"is nothing to start or stop",
			session->dir);
	}
	if (!reading->options.quiet) {
		fprintf(stderr, "hasten: info: %zu process%s told to %s\n", told,
			told == 1 ? "" : "es", control == HST_CONTROL_PAUSE ? "pause" : "record");
	}
	return HST_EXIT_OK;
}

static bool is_zero(const char *data, size_t bytes)
{
	return bytes == 0 || (data[0] == 0 && memcmp(data, data + 1, bytes - 1) == 0);
}

/* All of it. 0, or an errno. */
static int write_bytes(int to, const char *data, ssize_t bytes, off_t at)
{
	for (ssize_t done = 0; done < bytes;) {
		ssize_t wrote = pwrite(to, data + done, (size_t)(bytes - done), at + done);

		if (wrote <= 0 && errno != EINTR) {
			return errno == 0 ? EIO : errno;
		}
		done += wrote > 0 ? wrote : 0;
	}
	return 0;
}

/* From begin to end in this order, see above. Holes stay holes. 0, or an errno. */
static int copy_bytes(int from, int to)
{
	static char buffer[COPY_BYTES];
	off_t at = 0;

	for (;;) {
		ssize_t got = pread(from, buffer, sizeof buffer, at);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			break;
		}
		if (!is_zero(buffer, (size_t)got)) {
			int error = write_bytes(to, buffer, got, at);

			if (error != 0) {
				return error;
			}
		}
		at += got;
	}
	return ftruncate(to, at) == 0 ? 0 : errno;
}

static int copy_file(int from_dir, int to_dir, const char *name)
{
	int from = openat(from_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	int to;
	int error = 0;

	if (from < 0 || fstat(from, &st) != 0) {
		error = errno;
	} else if (S_ISREG(st.st_mode)) {
		to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		error = to < 0 ? errno : copy_bytes(from, to);
		if (to >= 0 && close(to) != 0 && error == 0) {
			error = errno;
		}
	}
	if (from >= 0) {
		close(from);
	}
	return error;
}

/* Our own files only: the directory may hold what others put there. */
static bool is_ours(const char *name)
{
	return strcmp(name, "session") == 0 || fnmatch("[0-9]*.[0-9]*.hst", name, 0) == 0 ||
	       fnmatch("*.hsj", name, FNM_PERIOD) == 0 ||
	       fnmatch("*.plan", name, FNM_PERIOD) == 0;
}

static int copy_directory(DIR *from, int to_dir)
{
	struct dirent *entry;
	int error = 0;

	while (error == 0 && (entry = readdir(from)) != NULL) {
		/* What a process removed while we read is not missing. */
		if (is_ours(entry->d_name)) {
			error = copy_file(dirfd(from), to_dir, entry->d_name);
			error = error == ENOENT ? 0 : error;
		}
	}
	return error;
}

int hst_info_snapshot(const struct hst_reading *reading, const char *out)
{
	DIR *from = opendir(reading->session.dir);
	int to_dir;
	int error;

	if (from == NULL) {
		return hst_reading_fail(
			reading, "'%s' cannot be read: %s", reading->session.dir, strerror(errno));
	}
	if (mkdir(out, 0700) != 0) {
		error = errno;
		closedir(from);
		return hst_reading_fail(reading, "'%s' cannot be made: %s%s", out, strerror(error),
			error == EEXIST ? "; name a directory that is not there yet" : "");
	}
	to_dir = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	error = to_dir < 0 ? errno : copy_directory(from, to_dir);
	if (to_dir >= 0) {
		close(to_dir);
	}
	closedir(from);
	if (error != 0) {
		return hst_reading_fail(reading, "'%s' could not be copied to '%s': %s",
			reading->session.dir, out, strerror(error));
	}
	if (!reading->options.quiet) {
		fprintf(stderr, "hasten: info: copied to %s; next: hasten report %s\n", out, out);
	}
	return HST_EXIT_OK;
}
