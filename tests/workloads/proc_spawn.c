/* SPDX-License-Identifier: Apache-2.0 */
/* Children by posix_spawn and vfork: `proc_spawn MODE`. */
#include "proc.h"

#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>

#define MANY 20000

static char *arguments[] = { (char *)"leaf", (char *)"spawned", NULL };

/* Said when the child has ended, so that its output comes first. */
static void started(const char *call, int error, const pid_t *pid)
{
	reap(*pid);
	say("%s: %d", call, error);
}

static void mode_spawn(void)
{
	pid_t pid = -1;

	started("spawn", posix_spawn(&pid, proc_leaf, NULL, NULL, arguments, environ), &pid);
}

static void mode_spawnp(void)
{
	char path[PATH_MAX + 64];
	pid_t pid = -1;

	snprintf(path, sizeof path, "/nonexistent:%s", proc_folder);
	setenv("PATH", path, 1);
	started("spawnp", posix_spawnp(&pid, "proc_leaf", NULL, NULL, arguments, proc_bare), &pid);
}

static void mode_null_pid(void)
{
	int status = 0;
	int error = posix_spawn(NULL, proc_leaf, NULL, NULL, arguments, proc_bare);

	CHECK(wait(&status) > 0);
	say("spawn: %d", error);
	say_status("child", status);
}

/* The child has its output in a file, no input, other signals and a group of its own. */
static void mode_attributes(void)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char text[256] = "";
	sigset_t set;
	pid_t pid = -1;
	int fd;

	CHECK(posix_spawn_file_actions_init(&actions) == 0 &&
		posix_spawnattr_init(&attributes) == 0);
	sigfillset(&set);
	CHECK(posix_spawn_file_actions_addclose(&actions, 0) == 0);
	CHECK(posix_spawn_file_actions_addopen(&actions, 1, "output", O_WRONLY | O_CREAT, 0600) ==
		0);
	CHECK(posix_spawnattr_setsigmask(&attributes, &set) == 0);
	CHECK(posix_spawnattr_setflags(
		      &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP) == 0);
	say("spawn: %d", posix_spawn(&pid, proc_leaf, &actions, &attributes, arguments, proc_bare));
	CHECK(getpgid(pid) == pid);
	reap(pid);
	fd = open("output", O_RDONLY);
	CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
	say("it said: %s", text);
}

static void mode_failing(void)
{
	pid_t pid = 12345;

	errno = EDOM;
	say("spawn: %d",
		posix_spawn(&pid, "/nonexistent/program", NULL, NULL, arguments, proc_bare));
	say("pid %d, errno %d", pid, errno == EDOM);
	setenv("PATH", "/nonexistent", 1);
	say("spawnp: %d", posix_spawnp(&pid, "no_such_program", NULL, NULL, arguments, environ));
	say("wait: %d, %s", wait(NULL), strerrorname_np(errno));
}

/* Addresses that are none are refused, not read; libc itself reads the list of arguments. */
static void mode_no_pointer(void)
{
	struct proc_bad bad = proc_make_bad();
	char *list[] = { (char *)"leaf", bad.text, NULL };
	char *open_list[] = { (char *)"leaf", bad.open_text, NULL };
	pid_t pid;

	say("name: %d", posix_spawn(NULL, bad.text, NULL, NULL, arguments, proc_bare));
	say("argument: %d", posix_spawn(NULL, proc_leaf, NULL, NULL, list, proc_bare));
	say("argument: %d", posix_spawn(NULL, proc_leaf, NULL, NULL, open_list, proc_bare));
	say("environment: %d", posix_spawn(NULL, proc_leaf, NULL, NULL, arguments, bad.list));
	say("variable: %d", posix_spawn(NULL, proc_leaf, NULL, NULL, arguments, open_list));
	say("environment: %d", posix_spawnp(NULL, "true", NULL, NULL, arguments, bad.open_list));
	pid = vfork();
	if (pid == 0) {
		execve(proc_leaf, open_list, proc_bare);
		_exit(errno == EFAULT ? 66 : 67);
	}
	reap(pid);
	say("goes on");
}

static void mode_null_environment(void)
{
	pid_t pid = -1;

	started("spawn", posix_spawn(&pid, proc_leaf, NULL, NULL, arguments, NULL), &pid);
}

/* A handler may ask for the child as soon as it ends. */
static pid_t handled_pid;
static volatile sig_atomic_t handled;

static void on_child(int number)
{
	(void)number;
	handled += waitpid(handled_pid, NULL, WNOHANG) == handled_pid && handled_pid > 0;
}

static void mode_handler(void)
{
	struct sigaction action = { .sa_handler = on_child };
	sigset_t set;
	sigset_t old;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
	CHECK(posix_spawn(&handled_pid, proc_leaf, NULL, NULL, arguments, environ) == 0);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	while (handled == 0) {
		sigsuspend(&old);
	}
	say("handled %d", (int)handled);
}

/* Many threads start and wait at once, in both ways. */
#define THREADS 8
#define ROUNDS  20

static void *starter(void *arg)
{
	char *none[] = { (char *)"leaf", NULL };

	for (int i = 0; i < ROUNDS; i++) {
		int status = 0;
		pid_t pid = -1;

		if (i % 2 == 0) {
			CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, none, proc_bare) == 0);
		} else {
			pid = vfork();
			if (pid == 0) {
				execve("/bin/true", none, proc_bare);
				_exit(127);
			}
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	return arg;
}

static void mode_threads(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		CHECK(pthread_create(&threads[i], NULL, starter, NULL) == 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	say("all came and went");
}

static void mode_huge(void)
{
	char **list = calloc(MANY + 2, sizeof *list);
	pid_t pid = -1;

	CHECK(list != NULL);
	for (int i = 0; i < MANY; i++) {
		list[i] = (char *)"E=1";
	}
	list[MANY] = (char *)"MARK=huge";
	started("spawn", posix_spawn(&pid, proc_leaf, NULL, NULL, arguments, list), &pid);
	/* It is seen from its parent only: there is no place that is the child's own for a copy. */
	pid = vfork();
	if (pid == 0) {
		execve(proc_leaf, arguments, list);
		_exit(127);
	}
	reap(pid);
}

static void mode_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execv(proc_leaf, arguments);
		_exit(127);
	}
	reap(pid);
}

static void mode_vfork_bare(void)
{
	pid_t pid;

	CHECK(mkdir("sub", 0755) == 0 && symlink(proc_leaf, "sub/near") == 0);
	pid = vfork();
	if (pid == 0) {
		execle("near", "leaf", "far", (char *)NULL, proc_bare);
		if (chdir("sub") == 0) {
			execle("./near", "leaf", "near", (char *)NULL, proc_bare);
		}
		_exit(127);
	}
	reap(pid);
}

static void mode_vfork_failing(void)
{
	for (volatile int i = 0; i < 2; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			execlp("/nonexistent/program", "leaf", (char *)NULL);
			_exit(127 - i);
		}
		reap(pid);
	}
	say("goes on");
}

static const struct proc_mode modes[] = {
	{ "spawn", mode_spawn },
	{ "spawnp", mode_spawnp },
	{ "null-pid", mode_null_pid },
	{ "attributes", mode_attributes },
	{ "failing", mode_failing },
	{ "no-pointer", mode_no_pointer },
	{ "null-environment", mode_null_environment },
	{ "handler", mode_handler },
	{ "threads", mode_threads },
	{ "huge", mode_huge },
	{ "vfork", mode_vfork },
	{ "vfork-bare", mode_vfork_bare },
	{ "vfork-failing", mode_vfork_failing },
};

int main(int argc, char **argv)
{
	proc_begin(argv[0]);
	setenv("MARK", "own", 1);
	return proc_run(modes, sizeof modes / sizeof modes[0], argc > 1 ? argv[1] : NULL);
}
