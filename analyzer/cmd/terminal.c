/* SPDX-License-Identifier: Apache-2.0 */
/* The conventions that other tools taught: NO_COLOR, COLUMNS, PAGER, LESS=FRSX. */
#include "cmd/terminal.h"

#include <errno.h>
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WIDTH_DEFAULT 100u
#define WIDTH_LEAST   60u

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0';
}

bool hst_terminal_color(enum hst_color_choice choice)
{
	const char *term = getenv("TERM");

	if (choice != HST_COLOR_AUTO) {
		return choice == HST_COLOR_ALWAYS;
	}
	if (is_set("NO_COLOR")) {
		return false;
	}
	if (is_set("FORCE_COLOR") || is_set("CLICOLOR_FORCE")) {
		return true;
	}
	return isatty(STDOUT_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
}

size_t hst_terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	unsigned long width = 0;

	if (columns != NULL) {
		width = strtoul(columns, NULL, 10);
	}
	if (width == 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
		width = size.ws_col;
	}
	if (width == 0 || width > 10000) {
		return WIDTH_DEFAULT;
	}
	return width < WIDTH_LEAST ? WIDTH_LEAST : width;
}

bool hst_terminal_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* In the child: the pager that the user chose, else the usual ones. Does not return. */
static _Noreturn void exec_pager(void)
{
	const char *chosen = getenv("HASTEN_PAGER");

	if (chosen == NULL || chosen[0] == '\0') {
		chosen = getenv("PAGER");
	}
	(void)setenv("LESS", "FRSX", 0);
	if (chosen != NULL && chosen[0] != '\0') {
		(void)execl("/bin/sh", "sh", "-c", chosen, (char *)NULL);
	}
	(void)execlp("pager", "pager", (char *)NULL);
	(void)execlp("less", "less", (char *)NULL);
	(void)execlp("cat", "cat", (char *)NULL);
	_exit(127);
}

pid_t hst_terminal_begin_pager(void)
{
	int ends[2];
	pid_t child;

	if (!isatty(STDOUT_FILENO) || pipe(ends) != 0) {
		return 0;
	}
	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		(void)dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		close(ends[1]);
		exec_pager();
	}
	close(ends[0]);
	if (child < 0) {
		close(ends[1]);
		return 0;
	}
	/* The user may leave the pager before the end: that is no error of ours. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	return child;
}

void hst_terminal_end_pager(pid_t pager)
{
	int status;

	if (pager <= 0) {
		return;
	}
	(void)fflush(stdout);
	clearerr(stdout);
	close(STDOUT_FILENO);
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	while (waitpid(pager, &status, 0) < 0 && errno == EINTR) {
		continue;
	}
}

static double seconds_between(const struct timespec *from, const struct timespec *to)
{
	return (double)(to->tv_sec - from->tv_sec) + (double)(to->tv_nsec - from->tv_nsec) / 1e9;
}

void hst_terminal_begin_progress(struct hst_terminal_progress *progress, bool quiet)
{
	*progress = (struct hst_terminal_progress){ .on = !quiet && isatty(STDERR_FILENO) };
	(void)clock_gettime(CLOCK_MONOTONIC, &progress->began);
	progress->last = progress->began;
}

void hst_terminal_progress(void *context, uint64_t done, uint64_t total)
{
	struct hst_terminal_progress *progress = context;
	struct timespec now;

	if (!progress->on) {
		return;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (seconds_between(&progress->began, &now) < 0.5 ||
		seconds_between(&progress->last, &now) < 0.1) {
		return;
	}
	progress->last = now;
	progress->shown = true;
	fprintf(stderr, "\rhasten: %s %3.0f %%",
		progress->doing != NULL ? progress->doing : "reading",
		total == 0 ? 0 : 100 * (double)done / (double)total);
	(void)fflush(stderr);
}

void hst_terminal_end_progress(struct hst_terminal_progress *progress)
{
	if (progress->shown) {
		fputs("\r\x1b[K", stderr);
	}
}
