/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run begins when exec is called in the child, which tells us the time, and ends when we learn of its end. It is a session of
 * its own: without a terminal, and all that it leaves behind can be ended with it. fork, not vfork: the peak memory that
 * the kernel tells of would begin with our own peak.
 */
#include "plan/verify_run.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How often is looked whether it wrote too much. */
#define LOOK_NS UINT64_C(100000000)
#define SECOND  UINT64_C(1000000000)

static const int ending[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

/* From the child: when it called exec, what it occupied until then, and, if exec came back, why. */
struct word {
	uint64_t began_ns, floor_bytes;
	int error;
};

struct running {
	pid_t pid;
	uint64_t began_ns, ended_ns, until_ns;
	const struct hst_verify_output *output;
	struct hst_verify_run *run;
};

uint64_t hst_verify_now_ns(void)
{
	struct timespec time = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static void waited_for(sigset_t *ret_set)
{
	sigemptyset(ret_set);
	sigaddset(ret_set, SIGCHLD);
	for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++) {
		sigaddset(ret_set, ending[i]);
	}
}

void hst_verify_signals_take(struct hst_verify_signals *ret_signals)
{
	/* An inherited SIG_IGN would make the kernel forget how a run ended. */
	const struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t set;

	waited_for(&set);
	sigprocmask(SIG_BLOCK, &set, &ret_signals->mask);
	sigaction(SIGCHLD, &standard, &ret_signals->child);
}

void hst_verify_signals_give(const struct hst_verify_signals *signals)
{
	sigaction(SIGCHLD, &signals->child, NULL);
	sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}

/* Returns only on failure, with errno. */
static void exec_arm(const struct hst_verify_arm *arm)
{
	static char shell[] = "sh";
	size_t count = 0;
	char **arguments;

	execve(arm->path, arm->argv, arm->environment);
	if (errno != ENOEXEC || !arm->shell) {
		return;
	}
	while (arm->argv[count] != NULL) {
		count++;
	}
	arguments = calloc(count + 2, sizeof *arguments);
	if (arguments != NULL) {
		arguments[0] = shell;
		arguments[1] = strdup(arm->path);
		for (size_t i = 1; i <= count; i++) {
			arguments[i + 1] = arm->argv[i];
		}
		execve("/bin/sh", arguments, arm->environment);
	}
}

/* Its input, from where ours stands: a description of its own where the system gives one. */
static int open_input(int input)
{
	off_t start = lseek(input, 0, SEEK_CUR);
	char name[32];
	int fd;

	(void)snprintf(name, sizeof name, "/proc/self/fd/%d", input);
	fd = open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		fd = fcntl(input, F_DUPFD_CLOEXEC, 3);
	}
	if (fd >= 0 && start > 0) {
		(void)lseek(fd, start, SEEK_SET);
	}
	return fd;
}

static _Noreturn void become_arm(const struct hst_verify_arm *arm, int input,
	const struct hst_verify_output *output, const struct hst_verify_signals *signals, int tell)
{
	struct word word = { 0 };
	struct rusage usage = { 0 };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setsid();
	if (dup2(input, STDIN_FILENO) < 0 ||
		dup2(output->fds[HST_VERIFY_STDOUT], STDOUT_FILENO) < 0 ||
		dup2(output->fds[HST_VERIFY_STDERR], STDERR_FILENO) < 0) {
		word.error = errno;
	} else {
		hst_verify_signals_give(signals);
		(void)getrusage(RUSAGE_SELF, &usage);
		word.floor_bytes = (uint64_t)usage.ru_maxrss * 1024;
		word.began_ns = hst_verify_now_ns();
		if (write(tell, &word, sizeof word) == (ssize_t)sizeof word) {
			exec_arm(arm);
		}
		word.error = errno;
	}
	if (write(tell, &word, sizeof word) != (ssize_t)sizeof word) {
		_exit(126);
	}
	_exit(127);
}

/* Reads until the child's end of the pipe is closed: exec does that. */
static int hear(int fd, struct word *ret_word)
{
	struct word word = { 0 };
	int error = EIO;
	ssize_t got;

	for (;;) {
		got = read(fd, &word, sizeof word);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got != (ssize_t)sizeof word) {
			return error;
		}
		if (word.error != 0) {
			return word.error;
		}
		*ret_word = word;
		error = 0;
	}
}

static enum hst_status start(
	const struct hst_verify_start *begin, struct running *running, struct hst_diag *diag)
{
	const struct hst_verify_arm *arm = &begin->task->arms[begin->arm];
	int input = open_input(begin->task->input);
	struct word word;
	int tell[2] = { -1, -1 };
	int error;

	if (input < 0 || pipe2(tell, O_CLOEXEC) != 0) {
		error = errno;
		running->pid = -1;
	} else {
		running->pid = fork();
		error = errno;
	}
	if (running->pid == 0) {
		close(tell[0]);
		become_arm(arm, input, running->output, begin->signals, tell[1]);
	}
	if (input >= 0) {
		close(input);
	}
	if (tell[0] >= 0) {
		close(tell[1]);
	}
	if (running->pid < 0) {
		if (tell[0] >= 0) {
			close(tell[0]);
		}
		return hst_diag_set(diag, HST_E_IO, "verify: %s cannot be started: %s", arm->path,
			strerror(error));
	}
	error = hear(tell[0], &word);
	close(tell[0]);
	if (error == 0) {
		running->began_ns = word.began_ns;
		running->run->floor_bytes = word.floor_bytes;
		return HST_OK;
	}
	while (waitpid(running->pid, NULL, 0) < 0 && errno == EINTR) {
	}
	return hst_diag_set(diag, HST_E_NOT_FOUND, "verify: %s cannot be executed: %s", arm->path,
		strerror(error));
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };
	int got = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);

	/* An error means that there is nothing to wait for: cannot happen, but must not be waited for. */
	return (got < 0 && errno != EINTR) || (got == 0 && info.si_pid == pid);
}

static bool wrote_too_much(const struct hst_verify_output *output)
{
	for (size_t i = 0; i <= HST_VERIFY_STDERR; i++) {
		struct stat status;

		if (fstat(output->fds[i], &status) == 0 &&
			(uint64_t)status.st_size > HST_VERIFY_OUTPUT_MAX) {
			return true;
		}
	}
	return false;
}

/* One wait. true: it is to be ended. */
static bool watch(struct running *running)
{
	uint64_t now = hst_verify_now_ns();
	uint64_t left = running->until_ns > now ? running->until_ns - now : 0;
	uint64_t nap = left < LOOK_NS ? left : LOOK_NS;
	const struct timespec time = { .tv_sec = 0, .tv_nsec = (long)nap };
	sigset_t set;
	int signal;

	waited_for(&set);
	signal = sigtimedwait(&set, NULL, &time);
	if (signal > 0 && signal != SIGCHLD) {
		running->run->interrupted = signal;
		return true;
	}
	if (has_ended(running->pid)) {
		return false;
	}
	running->run->too_large = wrote_too_much(running->output);
	running->run->timed_out = hst_verify_now_ns() >= running->until_ns;
	return running->run->too_large || running->run->timed_out;
}

/* CPU time of the first thread and how long it waited for a CPU; it has ended, but is not yet reaped. */
static void read_schedule(pid_t pid, struct hst_verify_sample *sample)
{
	char name[48];
	char text[96] = "";
	char *end = text;
	double ran;
	int fd;

	sample->thread_cpu_ns = sample->queued_ns = NAN;
	(void)snprintf(name, sizeof name, "/proc/%d/schedstat", (int)pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return;
	}
	if (read(fd, text, sizeof text - 1) > 0) {
		ran = strtod(text, &end);
		if (end != text && *end == ' ') {
			sample->queued_ns = strtod(end, NULL);
			sample->thread_cpu_ns = ran;
		}
	}
	close(fd);
}

static double seconds_ns(struct timeval time)
{
	return (double)time.tv_sec * 1e9 + (double)time.tv_usec * 1e3;
}

static void finish(struct running *running)
{
	struct hst_verify_run *run = running->run;
	struct rusage usage = { 0 };

	read_schedule(running->pid, &run->sample);
	/* Its number is still taken, so its session is no other one. */
	kill(-running->pid, SIGKILL);
	while (wait4(running->pid, &run->wait_status, 0, &usage) < 0 && errno == EINTR) {
	}
	run->sample.wall_ns = (double)(running->ended_ns - running->began_ns);
	run->sample.cpu_ns = seconds_ns(usage.ru_utime) + seconds_ns(usage.ru_stime);
	run->peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
}

static enum hst_status make_output(struct hst_verify_output *output, struct hst_diag *diag)
{
	static const char *const names[] = { "hasten stdout", "hasten stderr" };

	for (size_t i = 0; i <= HST_VERIFY_STDERR; i++) {
		output->fds[i] = memfd_create(names[i], MFD_CLOEXEC);
		if (output->fds[i] < 0) {
			return hst_diag_set(diag, HST_E_IO,
				"verify: no memory for what the program writes: %s",
				strerror(errno));
		}
		output->count = i + 1;
	}
	return HST_OK;
}

static enum hst_status copy(int from, int to)
{
	char buffer[1 << 16];
	ssize_t got;

	while ((got = read(from, buffer, sizeof buffer)) != 0) {
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0 || write(to, buffer, (size_t)got) != got) {
			return HST_E_IO;
		}
	}
	return HST_OK;
}

/*
 * Makes the file a second older, so that afterwards is seen whether the run wrote it, or left that of the run before.
 * { 0 } where there is none.
 */
static struct timespec make_older(const char *name)
{
	struct stat status;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 0 } };

	if (stat(name, &status) != 0 || !S_ISREG(status.st_mode)) {
		return (struct timespec){ 0 };
	}
	times[1] = status.st_mtim;
	times[1].tv_sec--;
	return utimensat(AT_FDCWD, name, times, 0) == 0 ? times[1] : (struct timespec){ 0 };
}

static bool is_as_old(const struct stat *status, struct timespec time)
{
	return time.tv_sec != 0 && status->st_mtim.tv_sec == time.tv_sec &&
	       status->st_mtim.tv_nsec == time.tv_nsec;
}

/* A file that the run should have written, as it is now: the next run writes it anew. One that is `old` counts as not there. */
static enum hst_status keep_file(const char *name, struct timespec old,
	struct hst_verify_output *output, struct hst_verify_run *run, struct hst_diag *diag)
{
	struct stat status;
	enum hst_status result = HST_OK;
	int from = open(name, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	int to = -1;

	if (from < 0 && errno != ENOENT) {
		return hst_diag_set(
			diag, HST_E_IO, "verify: %s cannot be read: %s", name, strerror(errno));
	}
	if (from >= 0 && (fstat(from, &status) != 0 || !S_ISREG(status.st_mode))) {
		close(from);
		return hst_diag_set(diag, HST_E_USAGE,
			"verify: %s is no regular file, so it cannot be compared; name a file that the program writes",
			name);
	}
	if (from >= 0 && (uint64_t)status.st_size > HST_VERIFY_OUTPUT_MAX) {
		run->too_large = true;
	} else if (from >= 0 && !is_as_old(&status, old)) {
		to = memfd_create("hasten file", MFD_CLOEXEC);
		if (to < 0 || copy(from, to) != HST_OK) {
			result = hst_diag_set(diag, HST_E_IO, "verify: %s cannot be kept: %s", name,
				strerror(errno));
		}
	}
	if (from >= 0) {
		close(from);
	}
	output->fds[output->count++] = to;
	return result;
}

enum hst_status hst_verify_run(const struct hst_verify_start *begin,
	struct hst_verify_output *ret_output, struct hst_verify_run *ret_run, struct hst_diag *diag)
{
	const struct hst_verify_task *task = begin->task;
	const struct hst_verify_arm *arm = &task->arms[begin->arm];
	struct hst_verify_run run = { .wait_status = 0 };
	struct running running = { .output = ret_output, .run = &run };
	struct timespec old[HST_VERIFY_FILES_MAX] = { { 0 } };

	*ret_output = (struct hst_verify_output){ .count = 0 };
	HST_TRY(make_output(ret_output, diag));
	for (size_t i = 0; i < task->file_count; i++) {
		old[i] = make_older(task->files[i]);
	}
	HST_TRY(start(begin, &running, diag));
	running.until_ns = begin->timeout_ns < UINT64_MAX - running.began_ns
				   ? running.began_ns + begin->timeout_ns
				   : UINT64_MAX;
	while (!has_ended(running.pid)) {
		if (watch(&running)) {
			kill(-running.pid, SIGKILL);
			break;
		}
	}
	running.ended_ns = hst_verify_now_ns();
	finish(&running);
	run.too_large |= wrote_too_much(ret_output);
	for (size_t i = 0; i < task->file_count; i++) {
		HST_TRY(keep_file(task->files[i], old[i], ret_output, &run, diag));
	}
	if (arm->after != NULL) {
		arm->after(arm->context);
	}
	*ret_run = run;
	return HST_OK;
}

void hst_verify_output_finish(struct hst_verify_output *output)
{
	for (size_t i = 0; i < output->count; i++) {
		if (output->fds[i] >= 0) {
			close(output->fds[i]);
		}
	}
	output->count = 0;
}
