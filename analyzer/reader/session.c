/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data directories. The session file is text that programs of ours wrote, but anybody may have
 * changed it: lengths are bounded, numbers are checked, unknown lines are left alone.
 */
#include "reader/session.h"

#include "hasten/trace.h"
#include "util/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SESSION_BYTES_MAX (256u << 10)
#define FILES_MAX         (1u << 20)
#define MARK              "hasten-data "

/* A decimal number that is all of the text; false if not, or above `max`. */
static bool parse_number(const char *text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (*text == '\0') {
		return false;
	}
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || value > max / 10 ||
			value * 10 > max - (uint64_t)(*text - '0')) {
			return false;
		}
		value = value * 10 + (uint64_t)(*text - '0');
	}
	*ret_value = value;
	return true;
}

static int hex_digit(char letter)
{
	if (letter >= '0' && letter <= '9') {
		return letter - '0';
	}
	if (letter >= 'a' && letter <= 'f') {
		return letter - 'a' + 10;
	}
	if (letter >= 'A' && letter <= 'F') {
		return letter - 'A' + 10;
	}
	return -1;
}

/* 32 hexadecimal digits, dashes between them allowed; left as it was if it is anything else. */
static void parse_boot_id(const char *text, uint8_t boot_id[16])
{
	uint8_t parsed[16] = { 0 };
	size_t digits = 0;

	for (; *text != '\0'; text++) {
		int digit = hex_digit(*text);

		if (*text == '-') {
			continue;
		}
		if (digit < 0 || digits == 32) {
			return;
		}
		parsed[digits / 2] = (uint8_t)(parsed[digits / 2] << 4 | digit);
		digits++;
	}
	if (digits == 32) {
		memcpy(boot_id, parsed, sizeof parsed);
	}
}

/* One "key value" line. Values that make no sense count as absent. */
static void take_line(struct hst_session *session, const char *key, const char *value)
{
	uint64_t number;

	if (strcmp(key, "command") == 0) {
		session->command = value;
	} else if (strcmp(key, "cwd") == 0) {
		session->cwd = value;
	} else if (strcmp(key, "boot_id") == 0) {
		parse_boot_id(value, session->boot_id);
	} else if (strcmp(key, "root") == 0 && parse_number(value, UINT32_MAX, &number)) {
		session->root_pid = (uint32_t)number;
	} else if (strcmp(key, "root_start") == 0 && parse_number(value, UINT64_MAX, &number)) {
		session->root_start = number;
	} else if (strcmp(key, "started") == 0 && parse_number(value, INT64_MAX, &number)) {
		session->started = number;
	} else if (strcmp(key, "tsc_hz") == 0 && parse_number(value, 1000000000000u, &number)) {
		session->tsc_hz = number;
	} else if (strcmp(key, "status") == 0 && parse_number(value, 255, &number)) {
		session->status = (int32_t)number;
	} else if (strcmp(key, "signal") == 0 && parse_number(value, 127, &number)) {
		session->signal = (int32_t)number;
	} else if (strcmp(key, "finished") == 0 && parse_number(value, 1, &number)) {
		session->finished = number == 1;
	}
}

/* The first line: our mark and its version. `line` ends in NUL. */
static enum hst_status check_mark(const char *line, const char *name, struct hst_diag *diag)
{
	uint64_t version;

	if (strncmp(line, MARK, strlen(MARK)) != 0 ||
		!parse_number(line + strlen(MARK), UINT32_MAX, &version) || version == 0) {
		return hst_diag_set(diag, HST_E_NOT_OURS,
			"'%s' was not recorded by hasten (its file 'session' lacks our mark)",
			name);
	}
	if (version > HST_SESSION_VERSION) {
		return hst_diag_set(diag, HST_E_VERSION,
			"'%s' was recorded by a newer hasten (data version %" PRIu64
			", this one reads %d): update hasten",
			name, version, HST_SESSION_VERSION);
	}
	return HST_OK;
}

/* Ends the line that begins at `line` with a NUL. The next one, NULL if this is the last. */
static char *cut_line(char *line)
{
	char *end = strchr(line, '\n');

	if (end == NULL) {
		return NULL;
	}
	*end = '\0';
	return end + 1;
}

enum hst_status hst_session_parse(const char *text, size_t bytes, const char *name,
	struct hst_session *session, struct hst_diag *diag)
{
	char *copy = hst_arena_string_n(&session->arena, text, bytes);
	char *next;

	if (copy == NULL) {
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory");
	}
	session->status = -1;
	/* Bytes behind a NUL are no text of ours. */
	next = cut_line(copy);
	HST_TRY(check_mark(copy, name, diag));
	while (next != NULL) {
		char *line = next;
		char *space;

		next = cut_line(line);
		space = strchr(line, ' ');
		if (space != NULL) {
			*space = '\0';
			take_line(session, line, space + 1);
		}
	}
	return HST_OK;
}

/* The fields of a trace file's header that say whose it is; false if it is none. */
static bool read_owner(int dir, const char *name, struct hst_file_header *ret_header)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	size_t bytes = offsetof(struct hst_file_header, sync);
	struct stat info;
	bool ours;

	if (fd < 0) {
		return false;
	}
	ours = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
	       pread(fd, ret_header, bytes, 0) == (ssize_t)bytes &&
	       memcmp(ret_header->magic, HST_TRACE_MAGIC, sizeof ret_header->magic) == 0;
	(void)close(fd);
	return ours;
}

/* Without the launcher there is no session file. */
static bool read_mark(struct hst_session *session, int dir)
{
	struct hst_file_header header;

	if (!read_owner(dir, HST_SESSION_MARK_FILE, &header)) {
		return false;
	}
	session->status = -1;
	session->root_pid = header.pid;
	session->root_start = header.pid_start;
	session->started = header.start_real_ns / 1000000000u;
	memcpy(session->boot_id, header.boot_id, sizeof session->boot_id);
	return true;
}

/* The session file as text in the arena. */
static enum hst_status read_session(
	struct hst_session *session, int dir, const char *name, struct hst_diag *diag)
{
	int fd = openat(dir, "session", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	size_t have = 0;
	ssize_t got = 0;
	char *text;
	struct stat info;

	if (fd < 0 && errno == ENOENT && read_mark(session, dir)) {
		return HST_OK;
	}
	if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
		enum hst_status status =
			fd < 0 && errno == EACCES ? HST_E_PERMISSION : HST_E_NOT_OURS;

		if (fd >= 0) {
			(void)close(fd);
		}
		return hst_diag_set(diag, status,
			status == HST_E_PERMISSION
				? "'%s' may not be read: it belongs to another user"
				: "'%s' was not recorded by hasten (it has no file 'session')",
			name);
	}
	text = hst_arena_alloc(&session->arena, SESSION_BYTES_MAX);
	while (text != NULL && have < SESSION_BYTES_MAX) {
		got = read(fd, text + have, SESSION_BYTES_MAX - have);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			break;
		}
		have += (size_t)got;
	}
	(void)close(fd);
	if (text == NULL || got < 0) {
		return hst_diag_set(diag, text == NULL ? HST_E_MEMORY : HST_E_IO,
			"'%s/session' cannot be read", name);
	}
	return hst_session_parse(text, have, name, session, diag);
}

/* PID.N.hst; false for all other names. */
static bool parse_file_name(const char *name, uint32_t *ret_pid, uint32_t *ret_number)
{
	char text[32];
	char *dot;
	uint64_t pid;
	uint64_t number;
	size_t length = strlen(name);

	if (length < 5 || length >= sizeof text + 4 || strcmp(name + length - 4, ".hst") != 0) {
		return false;
	}
	memcpy(text, name, length - 4);
	text[length - 4] = '\0';
	dot = strchr(text, '.');
	if (dot == NULL) {
		return false;
	}
	*dot = '\0';
	if (!parse_number(text, UINT32_MAX, &pid) || !parse_number(dot + 1, UINT32_MAX, &number)) {
		return false;
	}
	*ret_pid = (uint32_t)pid;
	*ret_number = (uint32_t)number;
	return true;
}

static int compare_files(const void *left, const void *right)
{
	const struct hst_session_file *a = left;
	const struct hst_session_file *b = right;

	if (a->pid != b->pid) {
		return a->pid < b->pid ? -1 : 1;
	}
	if (a->number != b->number) {
		return a->number < b->number ? -1 : 1;
	}
	return strcmp(
		a->path, b->path); /* the mark, 0.0.hst, before a later image of its process */
}

static char *join_path(struct hst_arena *arena, const char *dir, const char *name)
{
	size_t dir_length = strlen(dir);
	size_t name_length = strlen(name);
	char *path = hst_arena_alloc(arena, dir_length + name_length + 2);

	if (path == NULL) {
		return NULL;
	}
	memcpy(path, dir, dir_length);
	if (dir_length != 0 && dir[dir_length - 1] != '/') {
		path[dir_length++] = '/';
	}
	memcpy(path + dir_length, name, name_length + 1);
	return path;
}

/* Lists the trace files; takes the descriptor over. */
static enum hst_status list_files(struct hst_session *session, int fd)
{
	HST_VEC(struct hst_session_file) files = { 0 };
	struct hst_session_file file;
	struct hst_file_header header;
	enum hst_status status = HST_OK;
	struct dirent *entry;
	DIR *dir = fdopendir(fd);

	if (dir == NULL) {
		(void)close(fd);
		return HST_E_IO;
	}
	while (status == HST_OK && (entry = readdir(dir)) != NULL) {
		if (!parse_file_name(entry->d_name, &file.pid, &file.number)) {
			continue;
		}
		if (files.count >= FILES_MAX) {
			session->files_left_out++;
			continue;
		}
		if (file.pid == 0 && read_owner(dirfd(dir), entry->d_name, &header)) {
			file.pid = header.pid;
		}
		file.path = join_path(&session->arena, session->dir, entry->d_name);
		if (file.path == NULL || !hst_vec_push(&files, file)) {
			status = HST_E_MEMORY;
		}
	}
	(void)closedir(dir);
	if (files.count != 0 && status == HST_OK) {
		qsort(files.items, files.count, sizeof *files.items, compare_files);
		session->files = hst_arena_copy(
			&session->arena, files.items, files.count * sizeof *files.items);
		session->file_count = files.count;
		status = session->files == NULL ? HST_E_MEMORY : HST_OK;
	}
	hst_vec_finish(&files);
	return status;
}

static enum hst_status open_failed(const char *dir, int error, struct hst_diag *diag)
{
	switch (error) {
	case ENOENT:
		return hst_diag_set(diag, HST_E_NOT_FOUND,
			"there is no data directory '%s': record a program with 'hasten run -- PROGRAM'",
			dir);
	case ENOTDIR:
		return hst_diag_set(diag, HST_E_NOT_OURS,
			"'%s' is not a directory: name the data directory that 'hasten run' made",
			dir);
	case EACCES:
	case EPERM:
		return hst_diag_set(diag, HST_E_PERMISSION,
			"'%s' may not be read: it belongs to another user", dir);
	default:
		return hst_diag_set(
			diag, HST_E_IO, "'%s' cannot be opened: %s", dir, strerror(error));
	}
}

enum hst_status hst_session_open(
	const char *dir, struct hst_session *ret_session, struct hst_diag *diag)
{
	struct hst_session session = { .status = -1 };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum hst_status status;

	*ret_session = session;
	if (fd < 0) {
		return open_failed(dir, errno, diag);
	}
	session.dir = hst_arena_string(&session.arena, dir);
	if (session.dir == NULL) {
		status = HST_E_MEMORY;
		(void)hst_diag_set(diag, status, "out of memory");
	} else {
		status = read_session(&session, fd, dir, diag);
	}
	if (status != HST_OK) {
		(void)close(fd);
		hst_session_close(&session);
		return status;
	}
	status = list_files(&session, fd);
	if (status != HST_OK) {
		hst_session_close(&session);
		return hst_diag_set(
			diag, status, "'%s' cannot be listed: %s", dir, hst_status_text(status));
	}
	*ret_session = session;
	return HST_OK;
}

void hst_session_close(struct hst_session *session)
{
	if (session == NULL) {
		return;
	}
	hst_arena_finish(&session->arena);
	*session = (struct hst_session){ .status = -1 };
}

/* When a data directory was begun, seconds since 1970; false if it is none of ours. */
static bool begun_at(const char *dir, uint64_t *ret_seconds)
{
	struct hst_session session = { 0 };
	struct stat info;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ours;

	if (fd < 0) {
		return false;
	}
	ours = read_session(&session, fd, dir, NULL) == HST_OK &&
	       (session.started != 0 || fstatat(fd, "session", &info, AT_SYMLINK_NOFOLLOW) == 0 ||
		       fstatat(fd, HST_SESSION_MARK_FILE, &info, AT_SYMLINK_NOFOLLOW) == 0);
	(void)close(fd);
	if (ours) {
		*ret_seconds = session.started != 0 ? session.started : (uint64_t)info.st_mtime;
	}
	hst_session_close(&session);
	return ours;
}

/* hasten.data is number 1, hasten.data.N number N; 0 for all other names. */
static uint64_t directory_number(const char *name)
{
	static const char stem[] = "hasten.data";
	uint64_t number;

	if (strncmp(name, stem, sizeof stem - 1) != 0) {
		return 0;
	}
	name += sizeof stem - 1;
	if (*name == '\0') {
		return 1;
	}
	if (*name != '.' || !parse_number(name + 1, UINT32_MAX, &number) || number < 2) {
		return 0;
	}
	return number;
}

struct candidate {
	char *dir;
	uint64_t number;
	uint64_t seconds;
};

/* Takes `name` if it is a data directory and newer than what is there. */
static void consider(const char *where, const char *name, struct candidate *best)
{
	struct candidate next = { .number = directory_number(name) };

	if (next.number == 0 || asprintf(&next.dir, "%s/%s", where, name) < 0) {
		return;
	}
	if (begun_at(next.dir, &next.seconds) &&
		(best->dir == NULL || next.seconds > best->seconds ||
			(next.seconds == best->seconds && next.number > best->number))) {
		free(best->dir);
		*best = next;
		return;
	}
	free(next.dir);
}

/*
 * No sound data directory was found: one that cannot be used is named all the same, so that opening
 * it says what is wrong with it. NULL: there is none (or no memory).
 */
static char *second_best(const char *where)
{
	static const char *const names[] = { "hasten.data.old", "hasten.data" };
	uint64_t seconds;
	size_t i;

	for (i = 0; i < 2; i++) {
		char *dir;

		if (asprintf(&dir, "%s/%s", where, names[i]) < 0) {
			return NULL;
		}
		if (i == 0 ? begun_at(dir, &seconds) : access(dir, F_OK) == 0) {
			return dir;
		}
		free(dir);
	}
	return NULL;
}

enum hst_status hst_session_find(const char *where, char **ret_dir, struct hst_diag *diag)
{
	struct candidate best = { 0 };
	struct dirent *entry;
	const char *plain;
	DIR *dir = opendir(where);

	if (dir == NULL) {
		return open_failed(where, errno, diag);
	}
	while ((entry = readdir(dir)) != NULL) {
		consider(where, entry->d_name, &best);
	}
	(void)closedir(dir);
	if (best.dir == NULL) {
		best.dir = second_best(where);
	}
	if (best.dir == NULL) {
		return hst_diag_set(diag, HST_E_NOT_FOUND,
			"no hasten.data here: record a program with 'hasten run -- PROGRAM', or name a data directory");
	}
	/* In the working directory, the plain name is what the user knows. */
	plain = strncmp(best.dir, "./", 2) == 0 ? best.dir + 2 : best.dir;
	*ret_dir = strdup(plain);
	free(best.dir);
	return *ret_dir == NULL ? hst_diag_set(diag, HST_E_MEMORY, "out of memory") : HST_OK;
}
