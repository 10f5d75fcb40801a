/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals are taken by sigtimedwait() and never by a handler, so nothing here is interrupted, and no
 * signal is passed on to a pid that is no longer the program's.
 */
#include "cmd/run_child.h"

#include "cmd/run_process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_OURS       125
#define GENERATIONS_MAX 256

static const int passed_on[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };

void hst_child_signals_take(struct hst_child_signals *ret_signals)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	const struct sigaction standard = { .sa_handler = SIG_DFL };
	int subreaper = 0;

	(void)prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0);
	ret_signals->subreaper = subreaper != 0;
	sigprocmask(SIG_SETMASK, NULL, &ret_signals->mask);
	sigaction(SIGPIPE, &ignore, &ret_signals->pipe);
	sigaction(SIGXFSZ, &ignore, &ret_signals->file_size);
	/* An inherited SIG_IGN would make the kernel forget how the program ended. */
	sigaction(SIGCHLD, &standard, &ret_signals->child);
}

static void waited_for(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++) {
		sigaddset(set, passed_on[i]);
	}
	sigaddset(set, SIGCHLD);
	/* We stop when the program did, not before: see stop_too(). */
	sigaddset(set, SIGTSTP);
}

/* Returns only on failure, with errno. */
static void exec_shell(const struct hst_program *program)
{
	static char shell[] = "sh";
	size_t count = 0;
	char **arguments;
	int error;

	while (program->argv[count] != NULL) {
		count++;
	}
	arguments = calloc(count + 2, sizeof *arguments);
	if (arguments == NULL) {
		return;
	}
	arguments[0] = shell;
	arguments[1] = strdup(program->path);
	for (size_t i = 1; i <= count; i++) {
		arguments[i + 1] = program->argv[i];
	}
	execve("/bin/sh", arguments, program->environment);
	error = errno;
	free(arguments[1]);
	free(arguments);
	errno = error;
}

/* Returns only on failure, with errno. */
static void exec_program(const struct hst_program *program)
{
	execve(program->path, program->argv, program->environment);
	if (errno == ENOEXEC && program->shell) {
		exec_shell(program);
	}
}

static void give_back(const struct hst_child_signals *signals)
{
	sigaction(SIGPIPE, &signals->pipe, NULL);
	sigaction(SIGXFSZ, &signals->file_size, NULL);
	sigaction(SIGCHLD, &signals->child, NULL);
	sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}

/*
 * No descriptors or no process for a launcher beside the program: the program takes our place. It
 * runs to its own end; nobody is left to note its status.
 */
static enum hst_status start_in_place(const struct hst_child_signals *signals,
	const struct hst_program *program, int reason, struct hst_diag *diag)
{
	give_back(signals);
	(void)prctl(PR_SET_CHILD_SUBREAPER, signals->subreaper ? 1 : 0, 0, 0, 0);
	exec_program(program);
	return hst_diag_set(
		diag, HST_E_IO, "run: the program cannot be started: %s", strerror(reason));
}

static _Noreturn void become_program(const struct hst_child_signals *signals,
	const struct hst_program *program, int go, int error)
{
	char byte;
	ssize_t got;
	int reason;

	do {
		got = read(go, &byte, 1);
	} while (got < 0 && errno == EINTR);
	if (got != 1) {
		_exit(EXIT_OURS);
	}
	give_back(signals);
	exec_program(program);
	reason = errno;
	/* If even this fails, the launcher takes our exit status for the program's. */
	if (write(error, &reason, sizeof reason) != (ssize_t)sizeof reason) {
		_exit(EXIT_OURS);
	}
	_exit(reason == ENOENT ? 127 : 126);
}

static void close_both(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

enum hst_status hst_child_start(const struct hst_child_signals *signals,
	const struct hst_program *program, struct hst_child *ret_child, struct hst_diag *diag)
{
	int go[2];
	int error[2];
	sigset_t set;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) != 0) {
		return start_in_place(signals, program, errno, diag);
	}
	if (pipe2(error, O_CLOEXEC) != 0) {
		close_both(go);
		return start_in_place(signals, program, errno, diag);
	}
	waited_for(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = fork();
	if (pid < 0) {
		int reason = errno;

		close_both(go);
		close_both(error);
		return start_in_place(signals, program, reason, diag);
	}
	if (pid == 0) {
		/* The writing end must be open in the launcher only, or its death goes unseen. */
		close(go[1]);
		close(error[0]);
		become_program(signals, program, go[0], error[1]);
	}
	close(go[0]);
	close(error[1]);
	*ret_child = (struct hst_child){ .pid = pid, .go = go[1], .error = error[0] };
	return HST_OK;
}

int hst_child_release(struct hst_child *child)
{
	int reason = 0;
	ssize_t got;

	do {
		got = write(child->go, "g", 1);
	} while (got < 0 && errno == EINTR);
	close(child->go);
	do {
		got = read(child->error, &reason, sizeof reason);
	} while (got < 0 && errno == EINTR);
	close(child->error);
	if (got != (ssize_t)sizeof reason) {
		return 0;
	}
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
	}
	return reason;
}

static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd >= 0) {
		close(fd);
	}
	return fd >= 0;
}

/*
 * Is the stop that was already waited for still in force? The state first: a stop that is newer than
 * what the state tells of has yet to be waited for, and is seen then.
 */
static bool still_stopped(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };
	struct hst_process_stat stat;

	if (!hst_process_stat(pid, &stat) || stat.state != 'T') {
		return false;
	}
	return waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

/*
 * The program stopped: stop in the same way, so that the shell sees a stopped job. Returns when
 * continued, and continues the program. A SIGSTOP is followed only where a shell may be waiting:
 * elsewhere (a resource limiter) nobody would continue us.
 */
static void stop_too(pid_t pid, int signal)
{
	sigset_t set;
	sigset_t old;

	if (signal == SIGSTOP) {
		if (!has_terminal()) {
			return;
		}
		kill(getpid(), SIGSTOP);
	} else if (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) {
		sigemptyset(&set);
		sigaddset(&set, signal);
		raise(signal);
		sigprocmask(SIG_UNBLOCK, &set, &old);
		sigprocmask(SIG_SETMASK, &old, NULL);
	} else {
		return;
	}
	/* A shell continues the whole job; if somebody continued us alone, the program must follow. */
	if (still_stopped(pid)) {
		kill(pid, SIGCONT);
	}
}

/* Looks what became of the program; true with *ret_status when it ended. */
static bool reap(pid_t pid, int *ret_status, struct rusage *ret_usage)
{
	for (;;) {
		int status;
		pid_t got = wait4(pid, &status, WNOHANG | WUNTRACED, ret_usage);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			/* Somebody else reaped it: cannot happen, but must not be waited for. */
			*ret_status = EXIT_OURS << 8;
			return true;
		}
		if (got == 0) {
			return false;
		}
		if (!WIFSTOPPED(status)) {
			*ret_status = status;
			return true;
		}
		stop_too(pid, WSTOPSIG(status));
	}
}

/* Is `pid` a process of the program, or below one, whose parent ended, so that we are its parent now? */
static bool is_orphan(pid_t pid, uint64_t since)
{
	struct hst_process_stat stat;

	for (int i = 0; since != 0 && i < GENERATIONS_MAX && pid > 1; i++) {
		if (!hst_process_stat(pid, &stat)) {
			return false;
		}
		if (stat.parent == getpid()) {
			return stat.start >= since;
		}
		pid = stat.parent;
	}
	return false;
}

static bool from_outside(const siginfo_t *info, pid_t pid, const struct hst_child_watch *watch)
{
	/* The kernel's own signals are those of the terminal: the program got them too. */
	return info->si_code <= 0 && !hst_process_descends(info->si_pid, pid) &&
	       (watch == NULL || !is_orphan(info->si_pid, watch->orphans_since));
}

/* Waits for a signal, but not longer than until the next tick. */
static int wait_for_signal(
	const sigset_t *set, siginfo_t *ret_info, const struct hst_child_watch *watch)
{
	uint64_t ns = watch == NULL ? UINT64_MAX : watch->tick(watch->context);
	const struct timespec time = { .tv_sec = (time_t)(ns / 1000000000u),
		.tv_nsec = (long)(ns % 1000000000u) };

	return ns == UINT64_MAX ? sigwaitinfo(set, ret_info) : sigtimedwait(set, ret_info, &time);
}

int hst_child_wait(const struct hst_child *child, const struct hst_child_watch *watch,
	struct rusage *ret_usage)
{
	struct rusage usage = { 0 };
	int status = 0;
	sigset_t set;

	waited_for(&set);
	while (!reap(child->pid, &status, &usage)) {
		siginfo_t info;
		int signal = wait_for_signal(&set, &info, watch);

		if (signal == SIGCHLD && watch != NULL) {
			watch->children(watch->context);
		}
		/* Not reaped yet, so the pid is still the program's. */
		if (signal > 0 && signal != SIGCHLD && signal != SIGTSTP &&
			from_outside(&info, child->pid, watch)) {
			kill(child->pid, signal);
		}
	}
	*ret_usage = usage;
	return status;
}

bool hst_child_adopt(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
}
