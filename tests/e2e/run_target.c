/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that the launcher's tests run: does one thing per word and says what it sees.
 * Instrumented, so that the launcher has nothing to say about it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/types.h>
#include <unistd.h>

static int copy_input(void)
{
	char buffer[4096];
	ssize_t got;

	while ((got = read(0, buffer, sizeof buffer)) > 0) {
		if (write(1, buffer, (size_t)got) != got) {
			return 1;
		}
	}
	return got < 0;
}

static int print_environment(char **environment)
{
	for (; *environment != NULL; environment++) {
		puts(*environment);
	}
	return 0;
}

/* Which signals are ignored and blocked, as the kernel says it. */
static int print_signals(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];

	while (status != NULL && fgets(line, sizeof line, status) != NULL) {
		if (strncmp(line, "SigBlk:", 7) == 0 || strncmp(line, "SigIgn:", 7) == 0) {
			fputs(line, stdout);
		}
	}
	return status == NULL || fclose(status) != 0;
}

/* "FD" for each open descriptor below 64. */
static int print_descriptors(void)
{
	for (int fd = 0; fd < 64; fd++) {
		char path[64];
		char target[256];
		ssize_t length;

		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		length = readlink(path, target, sizeof target);
		if (length > 0) {
			printf("%d\n", fd);
		}
	}
	return 0;
}

/* Says its pid, then each signal that comes, until the input ends. */
static int wait_for_signals(void)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGCONT };
	struct pollfd events[2] = { { .fd = 0, .events = POLLIN }, { .events = POLLIN } };
	struct signalfd_siginfo info;
	sigset_t set;
	char byte;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		sigaddset(&set, numbers[i]);
	}
	/* Blocked, so that none is missed between two waits. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	events[1].fd = signalfd(-1, &set, SFD_CLOEXEC);
	printf("pid %d\n", (int)getpid());
	fflush(stdout);
	for (;;) {
		if (poll(events, 2, -1) < 0 && errno != EINTR) {
			return 98;
		}
		if ((events[1].revents & POLLIN) != 0 &&
			read(events[1].fd, &info, sizeof info) == (ssize_t)sizeof info) {
			printf("signal %d\n", (int)info.ssi_signo);
			fflush(stdout);
		} else if (events[0].revents != 0 && read(0, &byte, 1) <= 0) {
			return 7;
		}
	}
}

int main(int argc, char **argv, char **environment)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (strcmp(word, "exit") == 0) {
		return atoi(argv[2]);
	}
	if (strcmp(word, "kill") == 0) {
		return kill(getpid(), atoi(argv[2]));
	}
	if (strcmp(word, "args") == 0) {
		for (int i = 0; i < argc; i++) {
			printf("[%s]\n", argv[i]);
		}
		return 0;
	}
	if (strcmp(word, "both") == 0) {
		fputs("to stdout\n", stdout);
		fputs("to stderr\n", stderr);
		return 0;
	}
	if (strcmp(word, "input") == 0) {
		return copy_input();
	}
	if (strcmp(word, "env") == 0) {
		return print_environment(environment);
	}
	if (strcmp(word, "signals") == 0) {
		return print_signals();
	}
	if (strcmp(word, "descriptors") == 0) {
		return print_descriptors();
	}
	return strcmp(word, "wait") == 0 ? wait_for_signals() : 99;
}
