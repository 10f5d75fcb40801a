/* SPDX-License-Identifier: Apache-2.0 */
/* Shells, and children that libc makes in its own ways: `proc_shell MODE`. */
#include "proc.h"

#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>

static char *arguments[] = { (char *)"leaf", (char *)"child", NULL };

static void mode_system(void)
{
	say_status("system", system("exit 3"));
	say_status("system", system("kill -9 $$"));
	say_status("system", system("echo said"));
	say("shell: %d", system(NULL) != 0);
}

static void mode_system_failing(void)
{
	struct rlimit none = { 1, RLIM_INFINITY };
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int status;

	signal(SIGCHLD, SIG_IGN);
	status = system("exit 3");
	say("nobody to wait for: %d %s", status, strerrorname_np(errno));
	signal(SIGCHLD, SIG_DFL);
	CHECK(setrlimit(RLIMIT_AS, &none) == 0);
	status = system("exit 3");
	CHECK(setrlimit(RLIMIT_AS, &all) == 0);
	say("no memory: %d %s", status, strerrorname_np(errno));
}

/* Addresses that are none are refused, not read. */
static void mode_no_pointer(void)
{
	struct proc_bad bad = proc_make_bad();

	say_status("system", system(bad.text));
	say_status("system", system(bad.open_text));
	say("popen: %d %s", popen(bad.text, "r") == NULL, strerrorname_np(errno));
}

static void mode_popen(void)
{
	char line[64] = "";
	FILE *pipe = popen("echo through a pipe; exit 4", "r");

	CHECK(pipe != NULL && fgets(line, sizeof line, pipe) != NULL);
	say("popen: %s", line);
	say_status("pclose", pclose(pipe));
	pipe = popen("read a; echo got $a", "we");
	CHECK(pipe != NULL && fputs("word\n", pipe) >= 0);
	say_status("pclose", pclose(pipe));
	say("popen: %d %s", popen("true", "z") == NULL, strerrorname_np(errno));
}

/* libc hands on the environment as it is: the shell is not seen, but that it was there. */
static void mode_cleared(void)
{
	clearenv();
	say_status("system", system("exit 3"));
}

static void mode_daemon(void)
{
	CHECK(daemon(1, 1) == 0);
	say("away");
	execv(proc_leaf, arguments);
}

static void mode_forkpty(void)
{
	char text[256];
	int terminal = -1;
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
	size_t length = 0;
	ssize_t got;

	CHECK(pid >= 0);
	if (pid == 0) {
		execv(proc_leaf, arguments);
		_exit(127);
	}
	/* At its end a terminal has an error. */
	while ((got = read(terminal, text + length, sizeof text - 1 - length)) > 0) {
		length += (size_t)got;
	}
	text[length] = '\0';
	say("it said: %s", text);
	reap(pid);
}

static volatile int stop;

static void *worker(void *arg)
{
	while (!stop) {
		free(malloc(100 + (size_t)next_random(arg) % 1000));
	}
	return NULL;
}

/* Children of a process whose other threads are in the middle of something. */
static void mode_threads(void)
{
	uint32_t states[3] = { 1, 2, 3 };
	pthread_t threads[3];

	for (int i = 0; i < 3; i++) {
		CHECK(pthread_create(&threads[i], NULL, worker, &states[i]) == 0);
	}
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			execle(proc_leaf, "leaf", "of threads", (char *)NULL, proc_bare);
			_exit(127);
		}
		reap(pid);
	}
	stop = 1;
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
	}
}

/* As daemons and language run times do. */
static void mode_closed(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (int fd = 0; fd < 256; fd++) {
			close(fd);
		}
		execv(proc_leaf, arguments);
		_exit(127);
	}
	reap(pid);
}

/* A bit of everything, for surroundings in which not all of it works. */
static void mode_all(void)
{
	siginfo_t info;
	pid_t pid;

	say("system: %x", system("exit 3"));
	pid = fork();
	if (pid == 0) {
		execv("/nonexistent/program", arguments);
		execle(proc_leaf, "leaf", "one", (char *)NULL, proc_bare);
		_exit(126);
	}
	if (pid < 0) {
		say("fork: %s", strerrorname_np(errno));
	} else {
		reap(pid);
	}
	pid = vfork();
	if (pid == 0) {
		execl("/nonexistent/program", "leaf", (char *)NULL);
		execve(proc_leaf, arguments, proc_bare);
		_exit(126);
	}
	if (pid > 0) {
		CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED) == 0);
		say("waitid: %d %d", info.si_code, info.si_status);
	}
}

/* Children until there may be no more, which stay until all is tried. */
static void mode_crowd(void)
{
	pid_t pids[64];
	char *list[] = { (char *)"leaf", NULL };
	size_t count = 0;
	int ready[2];
	int ends[2];
	char byte;

	CHECK(pipe(ends) == 0 && pipe(ready) == 0);
	for (; count < sizeof pids / sizeof pids[0]; count++) {
		pids[count] = fork();
		if (pids[count] == 0) {
			close(ends[1]);
			CHECK(write(ready[1], "r", 1) == 1);
			_exit(read(ends[0], &byte, 1) == 0 ? 5 : 6);
		}
		if (pids[count] < 0) {
			break;
		}
		CHECK(read(ready[0], &byte, 1) == 1);
	}
	say("fork: %s after %zu", strerrorname_np(errno), count);
	say("spawn: %d", posix_spawn(NULL, proc_leaf, NULL, NULL, list, environ));
	errno = 0;
	say("system: %d %s", system("exit 3"), strerrorname_np(errno));
	say("popen: %d %s", popen("exit 3", "r") == NULL, strerrorname_np(errno));
	close(ends[1]);
	for (size_t i = 0; i < count; i++) {
		reap(pids[i]);
	}
	pids[0] = fork();
	if (pids[0] == 0) {
		_exit(4);
	}
	reap(pids[0]);
}

/* While there is no descriptor, and while no file may grow, nothing can be noted; behind it all can. */
static void mode_starved(void)
{
	static const int limits[] = { RLIMIT_NOFILE, RLIMIT_FSIZE };

	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		struct rlimit before;
		struct rlimit none;
		pid_t pid;

		CHECK(getrlimit(limits[i], &before) == 0);
		none = (struct rlimit){ 0, before.rlim_max };
		CHECK(setrlimit(limits[i], &none) == 0);
		execv("/nonexistent/program", arguments);
		CHECK(errno == ENOENT && setrlimit(limits[i], &before) == 0);
		pid = fork();
		if (pid == 0) {
			_exit(4);
		}
		reap(pid);
	}
}

static const struct proc_mode modes[] = {
	{ "system", mode_system },
	{ "system-failing", mode_system_failing },
	{ "no-pointer", mode_no_pointer },
	{ "popen", mode_popen },
	{ "cleared", mode_cleared },
	{ "daemon", mode_daemon },
	{ "forkpty", mode_forkpty },
	{ "threads", mode_threads },
	{ "closed", mode_closed },
	{ "all", mode_all },
	{ "crowd", mode_crowd },
	{ "starved", mode_starved },
};

int main(int argc, char **argv)
{
	proc_begin(argv[0]);
	setenv("MARK", "own", 1);
	return proc_run(modes, sizeof modes / sizeof modes[0], argc > 1 ? argv[1] : NULL);
}
