/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the programs proc_*: what they start, how they say what happened. Process numbers are never said: they differ. */
#ifndef PROC_H
#define PROC_H

#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>

extern char **environ;

#define CHECK(x)                        \
 do {                                   \
  if (!(x)) {                           \
   fprintf(stderr, "failed: %s\n", #x); \
   _exit(97);                           \
  }                                     \
 } while (0)

/* The folder of this program, the program that it starts, and an environment that lacks all but a mark. */
static char proc_folder[PATH_MAX];
static char proc_leaf[PATH_MAX + 16];
static char *proc_bare[] UNUSED = { (char *)"MARK=bare", NULL };

NOHOOK UNUSED static void proc_begin(const char *self)
{
	char *slash;

	CHECK(strlen(self) < sizeof proc_folder);
	strcpy(proc_folder, self);
	slash = strrchr(proc_folder, '/');
	CHECK(slash != NULL);
	*slash = '\0';
	snprintf(proc_leaf, sizeof proc_leaf, "%s/proc_leaf", proc_folder);
	setvbuf(stdout, NULL, _IONBF, 0);
}

/* By write, since a stream may be in any state when it is called. */
NOHOOK UNUSED static void say(const char *format, ...)
{
	char line[512];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(line, sizeof line - 1, format, list);
	va_end(list);
	line[length++] = '\n';
	if (write(1, line, (size_t)length) != length) {
		_exit(96);
	}
}

NOHOOK UNUSED static void say_status(const char *what, int status)
{
	if (WIFEXITED(status)) {
		say("%s: exit %d", what, WEXITSTATUS(status));
	} else if (WIFSIGNALED(status)) {
		say("%s: signal %d", what, WTERMSIG(status));
	} else {
		say("%s: %s", what, WIFSTOPPED(status) ? "stopped" : "goes on");
	}
}

NOHOOK UNUSED static void reap(pid_t pid)
{
	int status = 0;

	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	say_status("child", status);
}

/* Addresses at which there is nothing, or too little: what a system call refuses, and nobody may read. */
struct proc_bad {
	char *text;      /* no address at all */
	char *open_text; /* goes on where nothing is mapped */
	char *no_file;   /* mapped, but the file is shorter */
	char **list;
	char **open_list; /* goes on where nothing is mapped */
};

NOHOOK UNUSED static struct proc_bad proc_make_bad(void)
{
	/* The compiler is not to know it. */
	static void *volatile none = (void *)1;
	struct proc_bad bad = { .text = none, .list = none };
	char *pages = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("empty", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	CHECK(pages != MAP_FAILED && munmap(pages + 4096, 4096) == 0 &&
		munmap(pages + 12288, 4096) == 0);
	bad.open_text = pages + 4096 - 3;
	memset(bad.open_text, 'x', 3);
	bad.open_list = (char **)(void *)(pages + 12288) - 2;
	bad.open_list[0] = (char *)"leaf";
	bad.open_list[1] = (char *)"one";
	bad.no_file = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(fd >= 0 && bad.no_file != MAP_FAILED && close(fd) == 0);
	return bad;
}

typedef void (*proc_function)(void);

struct proc_mode {
	const char *name;
	proc_function function;
};

/* Runs the one of that name; 2: there is none. */
NOHOOK UNUSED static int proc_run(const struct proc_mode *modes, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (name != NULL && strcmp(modes[i].name, name) == 0) {
			modes[i].function();
			return 0;
		}
	}
	fprintf(stderr, "no such mode: %s\n", name != NULL ? name : "");
	return 2;
}

#endif
