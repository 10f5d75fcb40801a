/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only the dynamic linker knows what it will load; it has a mode that says so and runs nothing.
 * Its answer is text: "\tname => /path (0xaddress)" or "\t/path (0xaddress)".
 */
#include "cmd/run_needed.h"

#include "cmd/elf_advice.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX (1u << 20)
#define LIBRARIES_MAX    4096u

/* Starts the linker with its output in a pipe; returns the reading end, -1 on failure. */
static int ask(const char *interpreter, const char *program, pid_t *ret_pid)
{
	char *arguments[] = { strdup(interpreter), strdup("--list"), strdup(program), NULL };
	posix_spawn_file_actions_t actions;
	int fds[2] = { -1, -1 };
	int error = ENOMEM;

	if (arguments[0] != NULL && arguments[1] != NULL && arguments[2] != NULL &&
		pipe2(fds, O_CLOEXEC) == 0) {
		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
		posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
		posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
		error = posix_spawn(ret_pid, interpreter, &actions, NULL, arguments, environ);
		posix_spawn_file_actions_destroy(&actions);
		close(fds[1]);
	}
	if (error != 0 && fds[0] >= 0) {
		close(fds[0]);
	}
	for (size_t i = 0; i < 3; i++) {
		free(arguments[i]);
	}
	return error == 0 ? fds[0] : -1;
}

/* Reads until the end; the text is malloc'd. */
static char *read_answer(int fd)
{
	char *text = malloc(ANSWER_BYTES_MAX);
	size_t length = 0;
	ssize_t got = 1;

	while (text != NULL && length < ANSWER_BYTES_MAX - 1) {
		got = read(fd, text + length, ANSWER_BYTES_MAX - 1 - length);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			break;
		}
		length += (size_t)got;
	}
	if (text != NULL) {
		text[length] = '\0';
	}
	return text;
}

static bool take_line(struct hst_needed *needed, char *line)
{
	char *path = strstr(line, "=> ");
	char *end = strstr(line, " (0x");

	path = path != NULL ? path + 3 : line + strspn(line, "\t ");
	/* "not found" and the vDSO have no path. */
	if (end == NULL || path[0] != '/' || needed->count >= LIBRARIES_MAX) {
		return true;
	}
	*end = '\0';
	needed->paths[needed->count] = strdup(path);
	return needed->paths[needed->count++] != NULL;
}

bool hst_run_needed(const char *interpreter, const char *program, struct hst_needed *ret_needed)
{
	struct hst_needed needed = { .paths = calloc(LIBRARIES_MAX, sizeof *needed.paths) };
	char *rest = NULL;
	char *text = NULL;
	pid_t pid = 0;
	bool whole;
	int fd = -1;

	*ret_needed = (struct hst_needed){ 0 };
	if (needed.paths != NULL) {
		fd = ask(interpreter, program, &pid);
	}
	if (fd >= 0) {
		text = read_answer(fd);
		close(fd);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
		}
	}
	whole = text != NULL;
	for (char *line = whole ? strtok_r(text, "\n", &rest) : NULL; line != NULL && whole;
		line = strtok_r(NULL, "\n", &rest)) {
		whole = take_line(&needed, line);
	}
	free(text);
	if (!whole) {
		hst_needed_finish(&needed);
		return false;
	}
	*ret_needed = needed;
	return true;
}

void hst_needed_finish(struct hst_needed *needed)
{
	for (size_t i = 0; i < needed->count; i++) {
		free(needed->paths[i]);
	}
	free(needed->paths);
	*needed = (struct hst_needed){ 0 };
}

void hst_run_each_file(const struct hst_elf_advice *advice,
	void (*each)(void *context, const char *path), void *context)
{
	struct hst_needed needed = { 0 };

	each(context, advice->image);
	if (advice->interpreter != NULL &&
		hst_run_needed(advice->interpreter, advice->image, &needed)) {
		for (size_t i = 0; i < needed.count; i++) {
			each(context, needed.paths[i]);
		}
	}
	hst_needed_finish(&needed);
}
