/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting: `proc_wait MODE`. */
#include "proc.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

/* A child that ends with this status. */
static pid_t child(int status)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		_exit(status);
	}
	return pid;
}

/* A child that has begun, and waits until it is told to end. */
static int doors[2];

static pid_t waiting_child(int status)
{
	int begun[2];
	pid_t pid;
	char byte = 0;

	CHECK(pipe(doors) == 0 && pipe(begun) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(doors[1]);
		CHECK(write(begun[1], &byte, 1) == 1);
		_exit(read(doors[0], &byte, 1) >= 0 ? status : 95);
	}
	close(doors[0]);
	CHECK(read(begun[0], &byte, 1) == 1);
	close(begun[0]);
	close(begun[1]);
	return pid;
}

static void let_go(void)
{
	close(doors[1]);
}

static void mode_wait(void)
{
	pid_t pid = child(5);
	int status = 0;

	say("wait: %d", wait(&status) == pid);
	say_status("child", status);
	child(6);
	say("wait: %d", wait(NULL) > 0);
	say("wait: %d %s", wait(NULL), strerrorname_np(errno));
}

static void mode_waitpid(void)
{
	pid_t pid = child(0);
	int status = -1;

	say("waitpid: %d", waitpid(pid, &status, 0) == pid);
	say_status("child", status);
	pid = child(1);
	say("waitpid: %d", waitpid(-1, NULL, 0) == pid);
	pid = child(2);
	say("waitpid: %d", waitpid(0, &status, __WALL) == pid);
	say("waitpid: %d %s", waitpid(-1, NULL, 0), strerrorname_np(errno));
	say("waitpid: %d %s", waitpid(-1, NULL, 1 << 20), strerrorname_np(errno));
}

static void mode_nohang(void)
{
	pid_t pid = waiting_child(4);
	siginfo_t info = { .si_pid = 77 };
	int status = 99;

	say("waitpid: %d, status %d", waitpid(pid, &status, WNOHANG), status);
	say("wait3: %d", wait3(&status, WNOHANG, NULL));
	say("waitid: %d, pid %d", waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG), info.si_pid);
	let_go();
	say("waitid: %d, pid %d", waitid(P_PID, (id_t)pid, &info, WEXITED), info.si_pid == pid);
}

/* What the kernel said that the children used, for comparison. */
static void say_usage(const struct rusage *usage, const char *name)
{
	char line[64];

	snprintf(line, sizeof line, "%s.user", name);
	truth(line, (unsigned long)(usage->ru_utime.tv_sec * 1000000 + usage->ru_utime.tv_usec));
	snprintf(line, sizeof line, "%s.maxrss", name);
	truth(line, (unsigned long)usage->ru_maxrss);
	snprintf(line, sizeof line, "%s.faults", name);
	truth(line, (unsigned long)usage->ru_minflt);
}

static pid_t busy_child(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		for (unsigned i = 0; i < 3000000; i++) {
			sink += i;
		}
		_exit(0);
	}
	return pid;
}

static void mode_usage(void)
{
	struct rusage usage = { 0 };
	pid_t pid = busy_child();
	int status = -1;

	say("wait4: %d", wait4(pid, &status, 0, &usage) == pid);
	say_status("child", status);
	say_usage(&usage, "first");
	pid = busy_child();
	say("wait3: %d", wait3(NULL, 0, &usage) == pid);
	say_usage(&usage, "second");
	pid = child(0);
	say("wait4: %d", wait4(pid, NULL, 0, NULL) == pid);
}

static void mode_waitid(void)
{
	siginfo_t info = { 0 };
	pid_t pid = child(300 & 0xff);

	say("left: %d", waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	say("%d %d %d", info.si_pid == pid, info.si_code, info.si_status);
	memset(&info, 0, sizeof info);
	say("taken: %d", waitid(P_ALL, 0, &info, WEXITED));
	say("%d %d %d", info.si_pid == pid, info.si_code, info.si_status);
	say("none: %d %s", waitid(P_ALL, 0, &info, WEXITED), strerrorname_np(errno));
	pid = waiting_child(0);
	CHECK(kill(pid, SIGTERM) == 0);
	say("killed: %d", waitid(P_PID, (id_t)pid, &info, WEXITED | WSTOPPED));
	say("%d %d %d", info.si_pid == pid, info.si_code, info.si_status);
	let_go();
	child(8);
	say("unasked: %d", waitid(P_ALL, 0, NULL, WEXITED));
	say("none: %d %s", waitid(P_ALL, 0, NULL, WEXITED), strerrorname_np(errno));
	say("wrong: %d %s", waitid(P_ALL, 0, &info, 0), strerrorname_np(errno));
}

/* Stopping and going on is no end. */
static void mode_stopped(void)
{
	siginfo_t info = { 0 };
	pid_t pid = waiting_child(11);
	int status = 0;

	CHECK(kill(pid, SIGSTOP) == 0);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid);
	say_status("waitpid", status);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitpid(pid, &status, WCONTINUED) == pid);
	say_status("waitpid", status);
	CHECK(kill(pid, SIGSTOP) == 0);
	say("waitid: %d, %d", waitid(P_PID, (id_t)pid, &info, WEXITED | WSTOPPED), info.si_code);
	CHECK(kill(pid, SIGCONT) == 0);
	say("waitid: %d, %d", waitid(P_PID, (id_t)pid, &info, WCONTINUED), info.si_code);
	let_go();
	reap(pid);
}

static void mode_killed(void)
{
	pid_t pid = waiting_child(0);

	CHECK(kill(pid, SIGKILL) == 0);
	reap(pid);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
	(void)number;
	alarms++;
}

/* The child ends when all calls were interrupted. */
static void mode_interrupted(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } };
	struct itimerval never = { 0 };
	pid_t pid = waiting_child(12);
	siginfo_t info;

	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
	say("wait: %d %s", wait(NULL), strerrorname_np(errno));
	say("waitpid: %d %s", waitpid(pid, NULL, 0), strerrorname_np(errno));
	say("wait4: %d %s", wait4(pid, NULL, 0, NULL), strerrorname_np(errno));
	say("waitid: %d %s", waitid(P_PID, (id_t)pid, &info, WEXITED), strerrorname_np(errno));
	CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
	say("alarms: %d", alarms >= 4);
	let_go();
	reap(pid);
}

/* A thread that waits can be cancelled, and the child is there afterwards. */
static pid_t cancelled_pid;
static int cancelled_way;

static void cleanup(void *arg)
{
	say("cleanup %s", (const char *)arg);
}

static void *waiter(void *arg)
{
	siginfo_t info;

	pthread_cleanup_push(cleanup, (void *)"runs");
	if (cancelled_way == 0) {
		waitpid(cancelled_pid, NULL, 0);
	} else if (cancelled_way == 1) {
		wait4(cancelled_pid, NULL, 0, NULL);
	} else {
		waitid(P_PID, (id_t)cancelled_pid, &info, WEXITED);
	}
	pthread_cleanup_pop(0);
	return arg;
}

static void mode_cancelled(void)
{
	for (cancelled_way = 0; cancelled_way < 3; cancelled_way++) {
		pthread_t thread;
		void *result = NULL;

		cancelled_pid = waiting_child(13);
		CHECK(pthread_create(&thread, NULL, waiter, NULL) == 0);
		CHECK(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0);
		say("cancelled: %d", result == PTHREAD_CANCELED);
		let_go();
		reap(cancelled_pid);
	}
}

/* Several threads wait for whom they get: each child is had once. */
#define CHILDREN 24
static int counted;

static void *taker(void *arg)
{
	siginfo_t info;

	while (arg != NULL ? waitid(P_ALL, 0, &info, WEXITED) == 0 : waitpid(-1, NULL, 0) > 0) {
		__atomic_fetch_add(&counted, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void mode_threads(void)
{
	pthread_t threads[4];

	for (int i = 0; i < CHILDREN; i++) {
		child(i);
	}
	for (int i = 0; i < 4; i++) {
		CHECK(pthread_create(&threads[i], NULL, taker, i % 2 == 0 ? &counted : NULL) == 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	say("children: %d", counted);
}

static const struct proc_mode modes[] = {
	{ "wait", mode_wait },
	{ "waitpid", mode_waitpid },
	{ "nohang", mode_nohang },
	{ "usage", mode_usage },
	{ "waitid", mode_waitid },
	{ "stopped", mode_stopped },
	{ "killed", mode_killed },
	{ "interrupted", mode_interrupted },
	{ "cancelled", mode_cancelled },
	{ "threads", mode_threads },
};

int main(int argc, char **argv)
{
	proc_begin(argv[0]);
	return proc_run(modes, sizeof modes / sizeof modes[0], argc > 1 ? argv[1] : NULL);
}
