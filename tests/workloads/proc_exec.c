/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exec family: `proc_exec MODE`. Those that are given an environment get one that lacks everything, the others the own one.
 * Modes that begin with "no-" fail, and say why.
 */
#include "proc.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MANY 20000

static char *arguments[] = { (char *)"leaf", (char *)"one", (char *)"two words", NULL };

/* What an exec that came back says. */
static void came_back(const char *call)
{
	say("%s: %s", call, strerrorname_np(errno));
}

static void set_path(void)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof path, "/nonexistent:%s", proc_folder);
	setenv("PATH", path, 1);
}

static void mode_execve(void)
{
	execve(proc_leaf, arguments, proc_bare);
}

static void mode_execv(void)
{
	execv(proc_leaf, arguments);
}

static void mode_execvp(void)
{
	set_path();
	execvp("proc_leaf", arguments);
}

static void mode_execvp_path(void)
{
	execvp(proc_leaf, arguments);
}

static void mode_execvpe(void)
{
	set_path();
	execvpe("proc_leaf", arguments, proc_bare);
}

static void mode_execl(void)
{
	execl(proc_leaf, "leaf", "1", "2", "3", "4", "5", "6", "7", "8", "9", (char *)NULL);
}

static void mode_execl_short(void)
{
	execl(proc_leaf, "leaf", (char *)NULL);
}

static void mode_execlp(void)
{
	set_path();
	execlp("proc_leaf", "leaf", "1", "2", "3", "4", "5", "6", "7", (char *)NULL);
}

static void mode_execle(void)
{
	execle(proc_leaf, "leaf", "1", "2", "3", "4", "5", "6", "7", (char *)NULL, proc_bare);
}

static void mode_fexecve(void)
{
	int fd = open(proc_leaf, O_RDONLY | O_CLOEXEC);

	fexecve(fd, arguments, proc_bare);
}

static void mode_execveat(void)
{
	int folder = open(proc_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	execveat(folder, "proc_leaf", arguments, proc_bare, 0);
}

static void mode_execveat_empty(void)
{
	int fd = open(proc_leaf, O_RDONLY | O_CLOEXEC);

	execveat(fd, "", arguments, proc_bare, AT_EMPTY_PATH);
}

static void mode_syscall_execve(void)
{
	syscall(SYS_execve, proc_leaf, arguments, proc_bare);
}

static void mode_syscall_execveat(void)
{
	syscall(SYS_execveat, AT_FDCWD, proc_leaf, arguments, proc_bare, 0);
}

/* As env -i does. */
static void mode_cleared(void)
{
	clearenv();
	execv(proc_leaf, arguments);
}

static void mode_cleared_search(void)
{
	CHECK(chdir("/bin") == 0);
	clearenv();
	execlp("true", "true", (char *)NULL);
}

static void mode_null_environment(void)
{
	execve(proc_leaf, arguments, NULL);
}

/* Somebody else's library, and a setting that the program wants to be another one. */
static void mode_foreign(void)
{
	char *environment[] = { (char *)"A=1", (char *)"LD_PRELOAD=libm.so.6", (char *)"MARK=f",
		(char *)"ASAN_OPTIONS=a=b", (char *)"HASTEN_LIMIT=5M", (char *)"B=2", NULL };

	execve(proc_leaf, arguments, environment);
}

static void mode_empty_preload(void)
{
	char *environment[] = { (char *)"LD_PRELOAD=", (char *)"MARK=e", NULL };

	execve(proc_leaf, arguments, environment);
}

/* A program that looks whether its run time is the first of all libraries, and ends if not. */
static void mode_sanitized(void)
{
	char program[sizeof proc_leaf + 8];

	snprintf(program, sizeof program, "%s_asan", proc_leaf);
	if (access(program, X_OK) != 0) {
		skip("the compiler has no library of its sanitizer");
	}
	execve(program, arguments, proc_bare);
}

/* A program that asks not to be recorded, and one of another recording: as they are. */
static void mode_disabled(void)
{
	char *environment[] = { (char *)"HASTEN_DISABLE=1", (char *)"MARK=d", NULL };

	execve(proc_leaf, arguments, environment);
}

static void mode_other(void)
{
	char *environment[] = { (char *)"HASTEN_DATA=/nonexistent/data", (char *)"MARK=o", NULL };

	execve(proc_leaf, arguments, environment);
}

/* More than goes onto the stack. */
static char **huge_environment(void)
{
	char **list = calloc(MANY + 2, sizeof *list);

	CHECK(list != NULL);
	for (int i = 0; i < MANY; i++) {
		list[i] = (char *)"E=1";
	}
	list[MANY] = (char *)"MARK=huge";
	return list;
}

static void mode_huge(void)
{
	execve(proc_leaf, arguments, huge_environment());
}

static unsigned long mapped_pages(void)
{
	char text[128] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
	close(fd);
	return strtoul(text, NULL, 10);
}

/* What was mapped for a copy does not stay. */
static void mode_no_huge(void)
{
	char **environment = huge_environment();
	unsigned long before = 0;

	for (int i = 0; i < 20; i++) {
		execve("/nonexistent/program", arguments, environment);
		before = i == 4 ? mapped_pages() : before;
	}
	came_back("execve");
	say("more pages: %ld", (long)(mapped_pages() - before));
}

/* The library has been removed meanwhile: its name would only make the loader complain. */
static void mode_gone(void)
{
	(void)unlink("lib.so");
	execve(proc_leaf, arguments, proc_bare);
}

static void mode_elsewhere(void)
{
	CHECK(mkdir("sub", 0755) == 0 && chdir("sub") == 0);
	execve(proc_leaf, arguments, proc_bare);
}

static void mode_closed(void)
{
	for (int fd = 0; fd < 256; fd++) {
		close(fd);
	}
	execve(proc_leaf, arguments, proc_bare);
}

static char handler_stack[8192];

static void handler(int number)
{
	(void)number;
	execve(proc_leaf, arguments, proc_bare);
}

static void mode_handler(void)
{
	stack_t stack = { .ss_sp = handler_stack, .ss_size = sizeof handler_stack };
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };

	CHECK(sigaltstack(&stack, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
	raise(SIGUSR1);
}

static void *body(void *arg)
{
	execv(proc_leaf, arguments);
	return arg;
}

static void mode_thread(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, body, NULL) == 0);
	pthread_join(thread, NULL);
}

/* A filter that ends the process for what only our hook would ask. It stays for the next image. */
static void mode_sandbox(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrusage, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_faccessat, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL),
	};
	struct sock_fprog program = { sizeof code / sizeof code[0], code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		skip("no filter of system calls allowed here");
	}
	execve(proc_leaf, arguments, proc_bare);
}

/* A file of text without a first line: execv refuses it, execvp gives it to a shell. */
static void make_script(mode_t mode)
{
	int fd = open("script", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	CHECK(fd >= 0 && write(fd, "echo from a shell $1\nexit 9\n", 28) == 28);
	close(fd);
}

static void mode_script(void)
{
	make_script(0755);
	execlp("./script", "script", "argument", (char *)NULL);
}

static void mode_no_format(void)
{
	make_script(0755);
	execv("./script", arguments);
	came_back("execv");
}

static void mode_no_access(void)
{
	make_script(0644);
	execv("./script", arguments);
	came_back("execv");
	execvpe("./script", arguments, proc_bare);
	came_back("execvpe");
}

static void mode_no_entry(void)
{
	execve("/nonexistent/program", arguments, proc_bare);
	came_back("execve");
	execl("/nonexistent/program", "leaf", "one", (char *)NULL);
	came_back("execl");
	execle("/nonexistent/program", "leaf", (char *)NULL, proc_bare);
	came_back("execle");
	set_path();
	execvp("no_such_program", arguments);
	came_back("execvp");
	execlp("no_such_program", "leaf", (char *)NULL);
	came_back("execlp");
	execvp("", arguments);
	came_back("execvp");
	fexecve(-1, arguments, proc_bare);
	came_back("fexecve");
	execveat(AT_FDCWD, "nothing", arguments, proc_bare, 0);
	came_back("execveat");
	CHECK(syscall(SYS_execve, "/nonexistent/program", arguments, proc_bare) == -1);
	came_back("syscall");
	CHECK(syscall(SYS_execveat, -1, "nothing", arguments, proc_bare, 0) == -1);
	came_back("syscall");
}

static void mode_no_room(void)
{
	size_t bytes = 200000;
	char *text = malloc(bytes);
	char *list[] = { (char *)"leaf", text, NULL };

	CHECK(text != NULL);
	memset(text, 'x', bytes - 1);
	text[bytes - 1] = '\0';
	execv(proc_leaf, list);
	came_back("execv");
}

static char *volatile nothing;

/* Addresses that are none are refused, not read. */
static void mode_no_address(void)
{
	char *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	execve(none, arguments, proc_bare);
	came_back("execve");
	execve(proc_leaf, (char **)(void *)none, proc_bare);
	came_back("execve");
	execve(proc_leaf, arguments, (char **)(void *)none);
	came_back("execve");
	execve(nothing, arguments, proc_bare);
	came_back("execve");
}

/* As they stand in lists, the same. */
static void mode_no_pointer(void)
{
	struct proc_bad bad = proc_make_bad();
	char *texts[] = { bad.text, bad.open_text, bad.no_file };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		char *list[] = { (char *)"leaf", texts[i], NULL };

		execve(texts[i], arguments, proc_bare);
		came_back("execve of a bad name");
		execve(proc_leaf, list, proc_bare);
		came_back("execve with a bad argument");
		execve(proc_leaf, arguments, list);
		came_back("execve with a bad variable");
	}
	execve(proc_leaf, bad.list, proc_bare);
	came_back("execve with bad arguments");
	execve(proc_leaf, bad.open_list, proc_bare);
	came_back("execve with arguments without end");
	execve(proc_leaf, arguments, bad.list);
	came_back("execve with a bad environment");
	execve(proc_leaf, arguments, bad.open_list);
	came_back("execve with an environment without end");
	execl(proc_leaf, "leaf", bad.text, (char *)NULL);
	came_back("execl");
	execvpe("true", bad.open_list, proc_bare);
	came_back("execvpe");
	execveat(AT_FDCWD, proc_leaf, bad.list, proc_bare, 0);
	came_back("execveat");
	CHECK(syscall(SYS_execve, bad.text, bad.list, bad.list) == -1);
	came_back("syscall");
	environ[0] = bad.open_text;
	execv(proc_leaf, arguments);
	came_back("execv with a bad variable");
}

/* A string that ends where its page does, and is shorter than a word. */
static void mode_edge(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED && mprotect(page + 4096, 4096, PROT_NONE) == 0);
	CHECK(symlink(proc_leaf, "./l") == 0);
	memcpy(page + 4096 - sizeof "./l", "./l", sizeof "./l");
	execv(page + 4096 - sizeof "./l", arguments);
}

/* Before any constructor has run, libc's and ours too: nothing is known yet, and all works. */
static void early(int argc, char **argv, char **environment)
{
	char *none[] = { (char *)"true", NULL };
	int status = -1;
	pid_t pid = -1;

	if (argc < 2 || strcmp(argv[1], "early") != 0) {
		return;
	}
	proc_begin(argv[0]);
	say("none: %d %s", waitpid(-1, NULL, 0), strerrorname_np(errno));
	CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, none, environment) == 0);
	CHECK(wait4(pid, &status, 0, NULL) == pid);
	say_status("spawned", status);
	pid = vfork();
	if (pid == 0) {
		execve("/nonexistent/program", none, environment);
		_exit(8);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	say_status("vforked", status);
	execle(proc_leaf, "leaf", "early", (char *)NULL, environment);
}

typedef void (*early_function)(int argc, char **argv, char **environment);
static early_function run_early __attribute__((section(".preinit_array"), used)) = early;

static const struct proc_mode modes[] = {
	{ "execve", mode_execve },
	{ "execv", mode_execv },
	{ "execvp", mode_execvp },
	{ "execvp-path", mode_execvp_path },
	{ "execvpe", mode_execvpe },
	{ "execl", mode_execl },
	{ "execl-short", mode_execl_short },
	{ "execlp", mode_execlp },
	{ "execle", mode_execle },
	{ "fexecve", mode_fexecve },
	{ "execveat", mode_execveat },
	{ "execveat-empty", mode_execveat_empty },
	{ "syscall-execve", mode_syscall_execve },
	{ "syscall-execveat", mode_syscall_execveat },
	{ "cleared", mode_cleared },
	{ "cleared-search", mode_cleared_search },
	{ "null-environment", mode_null_environment },
	{ "foreign", mode_foreign },
	{ "empty-preload", mode_empty_preload },
	{ "sanitized", mode_sanitized },
	{ "disabled", mode_disabled },
	{ "other", mode_other },
	{ "huge", mode_huge },
	{ "no-huge", mode_no_huge },
	{ "gone", mode_gone },
	{ "elsewhere", mode_elsewhere },
	{ "closed", mode_closed },
	{ "handler", mode_handler },
	{ "thread", mode_thread },
	{ "sandbox", mode_sandbox },
	{ "script", mode_script },
	{ "no-format", mode_no_format },
	{ "no-access", mode_no_access },
	{ "no-entry", mode_no_entry },
	{ "no-room", mode_no_room },
	{ "no-address", mode_no_address },
	{ "no-pointer", mode_no_pointer },
	{ "edge", mode_edge },
};

int main(int argc, char **argv)
{
	int found;

	proc_begin(argv[0]);
	setenv("MARK", "own", 1);
	found = proc_run(modes, sizeof modes / sizeof modes[0], argc > 1 ? argv[1] : NULL);
	return found == 0 ? 3 : found;
}
