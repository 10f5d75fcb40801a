/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `session` is text, one "key value" per line (docs/trace-format.md). It is written three times:
 * when the directory is claimed, when the program's pid is known, and at the end.
 */
#include "cmd/run_session.h"

#include "reader/session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SESSION_BYTES_MAX 65536
/* A command line may be megabytes long; this much tells which it was. */
#define COMMAND_BYTES_MAX 4096
#define TEXT_BYTES_MAX    16384

struct text {
	char bytes[TEXT_BYTES_MAX];
	size_t length;
};

static void add(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *fmt, ...)
{
	size_t room = sizeof text->bytes - text->length;
	va_list args;
	int wrote;

	va_start(args, fmt);
	wrote = vsnprintf(text->bytes + text->length, room, fmt, args);
	va_end(args);
	if (wrote > 0) {
		text->length += (size_t)wrote < room ? (size_t)wrote : room - 1;
	}
}

/* One word of a command line so that a shell reads it back; control bytes as \ooo in $'...'. */
static void add_word(struct text *text, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-+=./:,@%^";
	bool control = false;

	if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
		add(text, "%.*s", COMMAND_BYTES_MAX, word);
		return;
	}
	for (const char *p = word; *p != '\0'; p++) {
		control = control || (unsigned char)*p < 0x20 || *p == 0x7f;
	}
	add(text, control ? "$'" : "'");
	for (const char *p = word; *p != '\0' && text->length < COMMAND_BYTES_MAX; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			add(text, "\\%03o", (unsigned)(unsigned char)*p);
		} else if (*p == '\'') {
			add(text, control ? "\\'" : "'\\''");
		} else if (*p == '\\' && control) {
			add(text, "\\\\");
		} else {
			add(text, "%c", *p);
		}
	}
	add(text, "'");
}

static char *command_line(char *const argv[])
{
	struct text text = { .length = 0 };

	for (size_t i = 0; argv[i] != NULL; i++) {
		if (text.length >= COMMAND_BYTES_MAX) {
			add(&text, " ...");
			break;
		}
		add(&text, i > 0 ? " " : "");
		add_word(&text, argv[i]);
	}
	return strdup(text.bytes);
}

/* A path as one line of text. */
static char *one_line(char *text)
{
	for (char *p = text; p != NULL && *p != '\0'; p++) {
		if (*p == '\n' || *p == '\r') {
			*p = '?';
		}
	}
	return text;
}

enum hst_status hst_run_session_init(
	struct hst_run_session *ret_session, char *const argv[], struct hst_diag *diag)
{
	struct hst_run_session session = { .status = -1 };

	session.command = command_line(argv);
	/* NULL if the working directory was removed: the program may not mind. */
	session.cwd = one_line(getcwd(NULL, 0));
	if (session.command == NULL) {
		hst_run_session_finish(&session);
		return hst_diag_set(diag, HST_E_MEMORY, "run: out of memory");
	}
	session.started = (int64_t)time(NULL);
	hst_process_boot_id(session.boot_id);
	*ret_session = session;
	return HST_OK;
}

void hst_run_session_finish(struct hst_run_session *session)
{
	free(session->command);
	free(session->cwd);
	*session = (struct hst_run_session){ 0 };
}

static void read_line(struct hst_run_session *session, const char *line)
{
	char *end;

	if (strncmp(line, "root ", 5) == 0) {
		unsigned long value = strtoul(line + 5, &end, 10);

		session->root = value <= INT32_MAX ? (pid_t)value : 0;
	} else if (strncmp(line, "root_start ", 11) == 0) {
		session->root_start = strtoull(line + 11, &end, 10);
	} else if (strncmp(line, "finished 1", 10) == 0) {
		session->finished = true;
	}
}

enum hst_status hst_run_header_read(int fd, const char *name, struct hst_file_header *ret_header)
{
	int file = openat(fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t got;

	if (file < 0) {
		return errno == ENOENT ? HST_E_NOT_FOUND : HST_E_NOT_OURS;
	}
	got = pread(file, ret_header, sizeof *ret_header, 0);
	close(file);
	return got == (ssize_t)sizeof *ret_header && memcmp(ret_header->magic, HST_TRACE_MAGIC,
							     sizeof ret_header->magic) == 0
		       ? HST_OK
		       : HST_E_NOT_OURS;
}

/* A recording that was begun without us. */
static enum hst_status read_mark(int fd, struct hst_run_session *ret_session)
{
	struct hst_run_session session = { .status = -1 };
	struct hst_file_header header;

	HST_TRY(hst_run_header_read(fd, HST_SESSION_MARK_FILE, &header));
	if (header.pid <= INT32_MAX && header.pid_start != 0) {
		session.root = (pid_t)header.pid;
		session.root_start = header.pid_start;
	}
	*ret_session = session;
	return HST_OK;
}

enum hst_status hst_run_session_read(int fd, struct hst_run_session *ret_session)
{
	struct hst_run_session session = { .status = -1 };
	struct stat stat;
	char *text;
	char *rest = NULL;

	if (fstatat(fd, "session", &stat, AT_SYMLINK_NOFOLLOW) != 0) {
		return errno == ENOENT ? read_mark(fd, ret_session) : HST_E_NOT_OURS;
	}
	text = malloc(SESSION_BYTES_MAX);
	if (text == NULL) {
		return HST_E_MEMORY;
	}
	if (!S_ISREG(stat.st_mode) ||
		hst_process_read_file(fd, "session", text, SESSION_BYTES_MAX) < 0 ||
		strncmp(text, HST_SESSION_MARK "\n", strlen(HST_SESSION_MARK "\n")) != 0) {
		free(text);
		return HST_E_NOT_OURS;
	}
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
		line = strtok_r(NULL, "\n", &rest)) {
		read_line(&session, line);
	}
	free(text);
	*ret_session = session;
	return HST_OK;
}

static void compose(struct text *text, const struct hst_run_session *session)
{
	add(text, "%s\nroot %d\nroot_start %" PRIu64 "\n", HST_SESSION_MARK, (int)session->root,
		session->root_start);
	if (session->command != NULL) {
		add(text, "command %s\n", session->command);
	}
	if (session->cwd != NULL) {
		add(text, "cwd %s\n", session->cwd);
	}
	add(text, "started %" PRId64 "\n", session->started);
	if (session->tsc_hz != 0) {
		add(text, "tsc_hz %" PRIu64 "\n", session->tsc_hz);
	}
	if (session->boot_id[0] != '\0') {
		add(text, "boot_id %s\n", session->boot_id);
	}
	if (session->finished) {
		add(text, "status %d\n", session->status);
		if (session->signal != 0) {
			add(text, "signal %d\n", session->signal);
		}
		add(text, "finished 1\n");
	}
}

static bool write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t wrote = write(fd, bytes, length);

		if (wrote < 0 && errno == EINTR) {
			continue;
		}
		if (wrote <= 0) {
			return false;
		}
		bytes += wrote;
		length -= (size_t)wrote;
	}
	return true;
}

/* 0, or errno. */
static int write_file(int directory, const char *name, const struct text *text)
{
	int fd =
		openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int error = 0;

	if (fd < 0) {
		return errno;
	}
	if (fchmod(fd, 0600) != 0 || !write_all(fd, text->bytes, text->length)) {
		error = errno;
	}
	if (close(fd) != 0 && error == 0) {
		error = errno;
	}
	if (error != 0) {
		(void)unlinkat(directory, name, 0);
	}
	return error;
}

enum hst_status hst_run_session_write(int fd, const struct hst_run_session *session, bool claim)
{
	struct text text = { .length = 0 };
	char name[64];
	int error;

	compose(&text, session);
	snprintf(name, sizeof name, "session.%d.tmp", (int)getpid());
	/* Left by an earlier process of this pid that was killed here. */
	(void)unlinkat(fd, name, 0);
	error = write_file(fd, name, &text);
	if (error == 0 && renameat2(fd, name, fd, "session", claim ? RENAME_NOREPLACE : 0) != 0) {
		error = errno;
		(void)unlinkat(fd, name, 0);
		if (claim && (error == EINVAL || error == ENOSYS)) {
			/* A file system without RENAME_NOREPLACE: O_EXCL decides who was first. */
			error = write_file(fd, "session", &text);
		}
	}
	errno = error;
	if (error == EEXIST && claim) {
		return HST_E_USAGE;
	}
	return error == 0 ? HST_OK : HST_E_IO;
}
