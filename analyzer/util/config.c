/* SPDX-License-Identifier: Apache-2.0 */
#include "util/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The user's own file, malloc'd; NULL: there can be none. */
static char *default_path(const struct hst_config *config)
{
	const char *base = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	char *path = NULL;
	int bytes = -1;

	if (base != NULL && base[0] == '/') {
		bytes = asprintf(&path, "%s/hasten/%s", base, config->name);
	} else if (home != NULL && home[0] == '/') {
		bytes = asprintf(&path, "%s/.config/hasten/%s", home, config->name);
	}
	return bytes < 0 ? NULL : path;
}

/* All of an open file into room for HST_CONFIG_BYTES_MAX + 1 bytes. */
static enum hst_status read_all(const struct hst_config *config, int fd, const char *path,
	char *text, size_t *ret_bytes, struct hst_diag *diag)
{
	struct stat info;
	size_t have = 0;
	ssize_t got = 1;

	if (fstat(fd, &info) != 0 || S_ISDIR(info.st_mode)) {
		return hst_diag_set(diag, HST_E_USAGE,
			"%s '%s' is a directory: name a file of text", config->what, path);
	}
	while (have <= HST_CONFIG_BYTES_MAX && got > 0) {
		got = read(fd, text + have, HST_CONFIG_BYTES_MAX + 1 - have);
		if (got < 0 && errno == EINTR) {
			got = 1;
			continue;
		}
		have += got > 0 ? (size_t)got : 0;
	}
	if (got < 0 || have > HST_CONFIG_BYTES_MAX) {
		return hst_diag_set(diag, got < 0 ? HST_E_IO : HST_E_LIMIT,
			"%s '%s' cannot be read, or is larger than 1 MiB: make it shorter",
			config->what, path);
	}
	*ret_bytes = have;
	return HST_OK;
}

enum hst_status hst_config_read(const struct hst_config *config, const char *path, char **ret_text,
	size_t *ret_bytes, char **ret_path, struct hst_diag *diag)
{
	const char *variable = config->variable == NULL ? NULL : getenv(config->variable);
	const char *named = path != NULL                              ? path
			    : variable != NULL && variable[0] != '\0' ? variable
								      : NULL;
	char *own = named == NULL ? default_path(config) : strdup(named);
	char *text = NULL;
	enum hst_status status;
	int fd;

	*ret_text = NULL;
	*ret_path = NULL;
	*ret_bytes = 0;
	if (own == NULL) {
		return named == NULL ? HST_OK : hst_diag_set(diag, HST_E_MEMORY, "out of memory");
	}
	fd = open(own, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		bool absent = named == NULL && (errno == ENOENT || errno == ENOTDIR);

		status = absent ? HST_OK
				: hst_diag_set(diag, errno == ENOENT ? HST_E_NOT_FOUND : HST_E_IO,
					  "%s '%s' cannot be read: %s", config->what, own,
					  strerror(errno));
		free(own);
		return status;
	}
	text = malloc(HST_CONFIG_BYTES_MAX + 1);
	status = text == NULL ? hst_diag_set(diag, HST_E_MEMORY, "out of memory")
			      : read_all(config, fd, own, text, ret_bytes, diag);
	(void)close(fd);
	if (status != HST_OK) {
		free(text);
		free(own);
		return status;
	}
	*ret_text = text;
	*ret_path = own;
	return HST_OK;
}

/* In a pattern a # stands behind a name: a comment begins the line, or has a blank before it. */
static void cut_comment(char *line)
{
	for (char *at = line; (at = strchr(at, '#')) != NULL; at++) {
		if (at == line || at[-1] == ' ' || at[-1] == '\t') {
			*at = '\0';
			return;
		}
	}
}

enum hst_status hst_config_parse(const struct hst_config *config, const char *text, size_t bytes,
	const char *name, void *context, struct hst_diag *diag)
{
	char *copy = malloc(bytes + 1);
	enum hst_status status = HST_OK;
	char *line = copy;

	if (copy == NULL) {
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory");
	}
	memcpy(copy, text, bytes);
	copy[bytes] = '\0';
	if (memchr(text, '\0', bytes) != NULL) {
		status = hst_diag_set(diag, HST_E_USAGE,
			"'%s' is no text: it has a NUL byte in it; name a file of lines %s", name,
			config->lines);
	}
	for (unsigned number = 1; status == HST_OK && line != NULL; number++) {
		char *end = strchr(line, '\n');

		if (number > HST_CONFIG_LINES_MAX) {
			status = hst_diag_set(diag, HST_E_LIMIT,
				"'%s' has more than %u lines: make it shorter", name,
				HST_CONFIG_LINES_MAX);
			break;
		}
		if (end != NULL) {
			*end++ = '\0';
		}
		cut_comment(line);
		status = config->take(context, line, name, number, diag);
		line = end;
	}
	free(copy);
	return status;
}
