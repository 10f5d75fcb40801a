/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program and makes system calls of one of its libraries fail.
 *
 *     faultrun --library libhasten.so --log FILE -- PROGRAM ARGS...
 *     faultrun --library libhasten.so --call 257 --error 28 --nth 3 [--onward] -- PROGRAM ARGS...
 *     faultrun --library libhasten.so --call 18 --kill --nth 3 -- PROGRAM ARGS...
 *
 * A system call belongs to the library if the instruction that makes it lies in a mapping of a
 * file of that name: calls of the program itself and of libc never fail. All processes and threads
 * of the program are followed. --log counts the library's calls: one line "number count" each, and
 * "failed count" for those that were made to fail.
 * The `nth` one fails (counted over all processes), with --onward all later ones too. With --kill it is not made, and its
 * process dies of SIGKILL instead.
 *
 * Exits as the program does, or kills itself with the same signal; 125 when the tool itself fails.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS_MAX 4096
#define CALLS_MAX 512
#define OPTIONS                                                                            \
 (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
	 PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

struct task {
	pid_t tid;
	bool inside;   /* between the entry and the exit of a system call */
	bool injected; /* this one fails */
	uint64_t low;  /* the library's code in this task's address space */
	uint64_t high;
};

static struct task tasks[TASKS_MAX];
static size_t tasks_used;
static const char *library;
static const char *log_path;
static long fail_call = -1;
static long fail_error;
static unsigned long fail_nth = 1;
static bool fail_onward;
static bool fail_kills;
static unsigned long counts[CALLS_MAX];
static unsigned long failures;

static struct task *find_task(pid_t tid)
{
	for (size_t i = 0; i < tasks_used; i++) {
		if (tasks[i].tid == tid) {
			return &tasks[i];
		}
	}
	if (tasks_used == TASKS_MAX) {
		fprintf(stderr, "faultrun: too many tasks\n");
		exit(125);
	}
	tasks[tasks_used] = (struct task){ .tid = tid };
	return &tasks[tasks_used++];
}

static void forget_task(pid_t tid)
{
	for (size_t i = 0; i < tasks_used; i++) {
		if (tasks[i].tid == tid) {
			tasks[i] = tasks[--tasks_used];
			return;
		}
	}
}

/* Where the library's code is mapped; the library is never unloaded and maps it once. */
static void find_library(struct task *task)
{
	char path[64];
	char line[4400];
	FILE *maps;

	snprintf(path, sizeof path, "/proc/%d/maps", task->tid);
	maps = fopen(path, "re");
	if (maps == NULL) {
		return;
	}
	while (fgets(line, sizeof line, maps) != NULL) {
		unsigned long low;
		unsigned long high;
		char flags[8];
		char *name;

		line[strcspn(line, "\n")] = '\0';
		name = strrchr(line, '/');
		if (name != NULL && strcmp(name + 1, library) == 0 &&
			sscanf(line, "%lx-%lx %7s", &low, &high, flags) == 3 && flags[2] == 'x') {
			task->low = low;
			task->high = high;
		}
	}
	fclose(maps);
}

static bool is_ours(struct task *task, uint64_t ip)
{
	if (task->high == 0) {
		find_library(task);
	}
	return ip >= task->low && ip < task->high;
}

static void at_entry(struct task *task, const struct __ptrace_syscall_info *info)
{
	uint64_t number = info->entry.nr;

	if (number >= CALLS_MAX || !is_ours(task, info->instruction_pointer)) {
		return;
	}
	counts[number]++;
	if ((long)number == fail_call &&
		(counts[number] == fail_nth || (fail_onward && counts[number] > fail_nth))) {
		struct user_regs_struct regs;

		if (fail_kills) {
			failures++;
			kill(task->tid, SIGKILL); /* the tid names its process */
		} else if (ptrace(PTRACE_GETREGS, task->tid, NULL, &regs) == 0) {
			regs.orig_rax = (unsigned long long)-1;
			ptrace(PTRACE_SETREGS, task->tid, NULL, &regs);
			task->injected = true;
			failures++;
		}
	}
}

static void at_exit(struct task *task)
{
	struct user_regs_struct regs;

	if (task->injected && ptrace(PTRACE_GETREGS, task->tid, NULL, &regs) == 0) {
		regs.rax = (unsigned long long)-fail_error;
		ptrace(PTRACE_SETREGS, task->tid, NULL, &regs);
	}
	task->injected = false;
}

static void at_syscall(struct task *task)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, sizeof info, &info) <= 0) {
		return;
	}
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		at_entry(task, &info);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
		at_exit(task);
	}
}

/* What to hand on to the stopped task: a signal of its own, or none. */
static int handle_stop(pid_t tid, int status)
{
	struct task *task = find_task(tid);
	int signal_number = WSTOPSIG(status);
	int event = status >> 16;

	if (signal_number == (SIGTRAP | 0x80)) {
		at_syscall(task);
		return 0;
	}
	if (event == PTRACE_EVENT_EXEC) {
		task->low = 0;
		task->high = 0;
		return 0;
	}
	if (event != 0) {
		return 0;
	}
	if (!task->inside) {
		/* The first stop of a new task is the tracer's. */
		task->inside = true;
		if (signal_number == SIGSTOP) {
			return 0;
		}
	}
	return signal_number;
}

/* Until the first process ends; the others are waited for too. */
static int follow(pid_t first)
{
	int result = 0;

	for (;;) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL);

		if (tid < 0) {
			if (errno == EINTR) {
				continue;
			}
			return result;
		}
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			forget_task(tid);
			if (tid == first) {
				result = status;
			}
			continue;
		}
		ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(long)handle_stop(tid, status));
	}
}

static pid_t start(char **args)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		const char *preload = getenv("FAULTRUN_PRELOAD");

		if (preload != NULL) {
			setenv("LD_PRELOAD", preload, 1);
			unsetenv("FAULTRUN_PRELOAD");
		}
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execv(args[0], args);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
		ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)OPTIONS) != 0) {
		perror("faultrun");
		exit(125);
	}
	find_task(pid)->inside = true;
	ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	return pid;
}

static void write_log(void)
{
	FILE *file = log_path == NULL ? NULL : fopen(log_path, "we");

	if (file == NULL) {
		return;
	}
	for (size_t i = 0; i < CALLS_MAX; i++) {
		if (counts[i] != 0) {
			fprintf(file, "%zu %lu\n", i, counts[i]);
		}
	}
	fprintf(file, "failed %lu\n", failures);
	fclose(file);
}

static char **parse(char **argv)
{
	for (argv++; *argv != NULL; argv++) {
		if (strcmp(*argv, "--") == 0) {
			return argv + 1;
		}
		if (strcmp(*argv, "--onward") == 0) {
			fail_onward = true;
			continue;
		}
		if (strcmp(*argv, "--kill") == 0) {
			fail_kills = true;
			continue;
		}
		if (argv[1] == NULL) {
			break;
		}
		if (strcmp(*argv, "--library") == 0) {
			library = argv[1];
		} else if (strcmp(*argv, "--log") == 0) {
			log_path = argv[1];
		} else if (strcmp(*argv, "--call") == 0) {
			fail_call = strtol(argv[1], NULL, 10);
		} else if (strcmp(*argv, "--error") == 0) {
			fail_error = strtol(argv[1], NULL, 10);
		} else if (strcmp(*argv, "--nth") == 0) {
			fail_nth = strtoul(argv[1], NULL, 10);
		}
		argv++;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct rlimit no_core = { 0, 0 };
	char **args = parse(argv);
	int status;

	if (argc < 2 || args == NULL || args[0] == NULL || library == NULL) {
		fprintf(stderr, "usage: faultrun --library NAME [...] -- PROGRAM ARGS...\n");
		return 125;
	}
	status = follow(start(args));
	write_log();
	if (WIFSIGNALED(status)) {
		setrlimit(RLIMIT_CORE, &no_core);
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	return WEXITSTATUS(status);
}
