/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flags as an @file, which gcc, clang and through them `hasten build --flags @FILE` read. Such a file knows no comments, so what
 * makes it ours is that it holds nothing but flags of hooks: only such a file is overwritten without --force.
 */
#include "cmd/commands.h"
#include "cmd/optimize.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOKED_AT (64u << 10)

static bool write_flags(struct hst_optimize *optimize, FILE *out)
{
	const char *const *flags = hst_optimize_flags(optimize, optimize->compiler);

	for (; *flags != NULL; flags++) {
		const char *text =
			hst_instrument_quote(&optimize->set.arena, *flags, HST_QUOTING_RESPONSE);

		if (text == NULL || fprintf(out, "%s\n", text) < 0) {
			return false;
		}
	}
	return fflush(out) == 0;
}

static bool is_flag(const char *line, size_t length)
{
	static const char hooks[] = "-finstrument-functions";

	return length == 0 || (length == 2 && strncmp(line, "-g", 2) == 0) ||
	       (length >= sizeof hooks - 1 && strncmp(line, hooks, sizeof hooks - 1) == 0);
}

/* Does the text, cut off where `whole` is false, hold only flags of ours? */
static bool is_ours(const char *text, bool whole)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");

		if (!is_flag(text, length) && (whole || text[length] == '\n')) {
			return false;
		}
		text += length + (text[length] == '\n');
	}
	return true;
}

/* May what lies there be replaced? Says why not. */
static int check_place(const struct hst_optimize *optimize, const char *path)
{
	struct stat st;
	char *text;
	ssize_t got = 0;
	bool ours;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT) {
		return HST_EXIT_OK;
	}
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		const char *why =
			fd < 0 && errno != ELOOP ? strerror(errno) : "it is no regular file";

		if (fd >= 0) {
			close(fd);
		}
		return hst_reading_fail(optimize->reading,
			"'%s' cannot be written: %s; name another file with -o", path, why);
	}
	text = calloc(1, LOOKED_AT + 1);
	got = text == NULL ? -1 : read(fd, text, LOOKED_AT);
	close(fd);
	ours = got >= 0 && strlen(text) == (size_t)got && is_ours(text, (size_t)got < LOOKED_AT);
	free(text);
	if (ours || optimize->reading->options.force) {
		return HST_EXIT_OK;
	}
	return hst_reading_fail(optimize->reading,
		"'%s' is there and is no list of flags of ours: name another file, or say --force",
		path);
}

/* All or nothing: the name appears when the file is whole. */
static int replace_file(struct hst_optimize *optimize, const char *path)
{
	mode_t mask = umask(0);
	char *temporary = NULL;
	FILE *out;
	int fd;
	bool good;

	(void)umask(mask);
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		return hst_reading_fail(optimize->reading, "out of memory");
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (out == NULL) {
		int error = errno;

		if (fd >= 0) {
			close(fd);
			(void)unlink(temporary);
		}
		free(temporary);
		return hst_reading_fail(optimize->reading,
			"'%s' cannot be written: %s; name another file with -o", path,
			strerror(error));
	}
	(void)fchmod(fd, 0666 & ~mask);
	good = write_flags(optimize, out);
	good &= fclose(out) == 0;
	if (!good || rename(temporary, path) != 0) {
		int error = errno;

		(void)unlink(temporary);
		free(temporary);
		return hst_reading_fail(
			optimize->reading, "'%s' cannot be written: %s", path, strerror(error));
	}
	free(temporary);
	return HST_EXIT_OK;
}

int hst_optimize_write(struct hst_optimize *optimize)
{
	const char *path = optimize->reading->options.output;
	int status;

	if (strcmp(path, "-") == 0) {
		return write_flags(optimize, stdout)
			       ? HST_EXIT_OK
			       : hst_reading_fail(optimize->reading,
					 "the flags cannot be written: %s", strerror(errno));
	}
	status = check_place(optimize, path);
	return status == HST_EXIT_OK ? replace_file(optimize, path) : status;
}
