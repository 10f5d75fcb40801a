/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that does what its file name says, "target+spin+4+say+x", and then what its command line says: spin 4, say x. So copies of
 * it are programs that take the same arguments and do it in more or less time, or not quite. Work is told in CPU time of the
 * thread, not as a count, so that it is the same on every machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define UNIT_NS 4000000LL

static long long cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static long number(const char *text)
{
	return strtol(text, NULL, 10);
}

static void spin(long long ns)
{
	long long until = cpu_ns() + ns;

	while (cpu_ns() < until) {
	}
}

static void echo_input(void)
{
	char buffer[4096];
	size_t got;

	while ((got = fread(buffer, 1, sizeof buffer, stdin)) > 0) {
		fwrite(buffer, 1, got, stdout);
	}
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
		exit(9);
	}
}

/* Another number in each run. */
static long count_up(const char *name)
{
	char text[32] = "0";
	FILE *file = fopen(name, "r");
	long count;

	if (file != NULL) {
		if (fgets(text, sizeof text, file) == NULL) {
			text[0] = '\0';
		}
		(void)fclose(file);
	}
	count = number(text) + 1;
	snprintf(text, sizeof text, "%ld", count);
	write_file(name, text);
	return count;
}

static void touch_memory(size_t bytes)
{
	char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		exit(9);
	}
	memset(memory, 1, bytes);
}

/* What the kernel has put above the stack. */
static void print_room(void)
{
	size_t count = 0;
	size_t bytes = strlen((const char *)getauxval(AT_EXECFN)) + 1;

	for (; environ[count] != NULL; count++) {
		bytes += strlen(environ[count]) + 1;
	}
	printf("%zu variables, %zu bytes\n", count, bytes);
}

static void print_variables(void)
{
	const char *preload = getenv("LD_PRELOAD");
	const char *plan = getenv("HASTEN_PLAN");

	printf("preload %s plan %s\n", preload == NULL ? "-" : preload, plan == NULL ? "-" : plan);
}

/* One thing of the command line, or of the name of the program. */
static int act(const char *what, const char *value)
{
	if (strcmp(what, "spin") == 0) {
		spin(number(value) * UNIT_NS);
	} else if (strcmp(what, "say") == 0) {
		printf("%s\n", value);
	} else if (strcmp(what, "err") == 0) {
		fprintf(stderr, "%s\n", value);
	} else if (strcmp(what, "echo") == 0) {
		echo_input();
	} else if (strcmp(what, "exit") == 0) {
		(void)fflush(stdout);
		_exit((int)number(value));
	} else if (strcmp(what, "signal") == 0) {
		(void)fflush(stdout);
		signal((int)number(value), SIG_DFL);
		raise((int)number(value));
	} else if (strcmp(what, "count") == 0) {
		printf("run %ld\n", count_up(value));
	} else if (strcmp(what, "exitcount") == 0) {
		_exit((int)(count_up(value) % 2));
	} else if (strcmp(what, "memory") == 0) {
		touch_memory((size_t)number(value) << 20);
	} else if (strcmp(what, "hang") == 0) {
		for (;;) {
			pause();
		}
	} else if (strcmp(what, "file") == 0) {
		write_file("written", value);
	} else if (strcmp(what, "name") == 0) {
		printf("%s\n", program_invocation_name);
	} else if (strcmp(what, "room") == 0) {
		print_room();
	} else if (strcmp(what, "loaded") == 0) {
		print_variables();
	} else if (strcmp(what, "flood") == 0) {
		for (long i = 0; i < number(value); i++) {
			char block[1 << 16];

			memset(block, 'x', sizeof block);
			fwrite(block, 1, sizeof block, stdout);
		}
	} else if (strcmp(what, "stray") == 0) {
		if (fork() == 0) {
			for (;;) {
				pause();
			}
		}
	} else {
		fprintf(stderr, "unknown: %s\n", what);
		return 9;
	}
	return 0;
}

/* Words of the program's own file name, "target+spin+4+say+x", then those of the command line. */
int main(int argc, char **argv)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
	char *next = NULL;

	path[length > 0 ? length : 0] = '\0';
	next = strchr(strrchr(path, '/') == NULL ? path : strrchr(path, '/'), '+');
	for (char *what = next == NULL ? NULL : strtok(next, "+"); what != NULL;
		what = strtok(NULL, "+")) {
		const char *value = strtok(NULL, "+");

		if (act(what, value == NULL ? "" : value) != 0) {
			return 9;
		}
	}
	for (int i = 1; i + 1 < argc; i += 2) {
		if (act(argv[i], argv[i + 1]) != 0) {
			return 9;
		}
	}
	return 0;
}
