/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten optimize --auto -o PLAN -- COMMAND`: record, plan, verify; a plan that is not accepted is put aside. Each step is the command that a user would type. */
#include "cmd/optimize_plan.h"

#include "cmd/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 4096

struct words {
	char *items[WORDS_MAX + 1];
	size_t count;
};

static void add(struct words *words, const char *word)
{
	if (words->count < WORDS_MAX) {
		/* posix_spawn takes them as they came, and changes none. */
		words->items[words->count++] = (char *)(uintptr_t)word;
		words->items[words->count] = NULL;
	}
}

static void add_all(struct words *words, const char *const *more)
{
	for (size_t i = 0; more[i] != NULL; i++) {
		add(words, more[i]);
	}
}

/* Runs this program with other words; its exit status, -1: it could not be started. Standard input begins anew. */
static int step(const struct hst_reading *reading, const struct words *words)
{
	posix_spawn_file_actions_t actions;
	bool anew = lseek(STDIN_FILENO, 0, SEEK_SET) == 0;
	int status = 0;
	int error;
	pid_t pid;

	if (!reading->options.quiet) {
		fputs("hasten: optimize:", stderr);
		for (size_t i = 0; i < words->count; i++) {
			fprintf(stderr, " %.200s", i == 0 ? "hasten" : words->items[i]);
		}
		fputc('\n', stderr);
	}
	(void)fflush(NULL);
	(void)posix_spawn_file_actions_init(&actions);
	if (!anew) {
		(void)posix_spawn_file_actions_addopen(
			&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	}
	error = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, words->items, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	while (error == 0 && waitpid(pid, &status, 0) < 0) {
		error = errno == EINTR ? 0 : errno;
	}
	if (error != 0) {
		(void)hst_reading_fail(
			reading, "--auto: hasten cannot be started: %s", strerror(error));
		return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The plan stays for who wants to see it, but under a name that nobody runs with. */
static void put_aside(const struct hst_reading *reading)
{
	const char *plan = reading->options.output;
	char *aside = NULL;

	if (asprintf(&aside, "%s.rejected", plan) >= 0 && rename(plan, aside) == 0) {
		fprintf(stderr, "hasten: optimize: the plan was not accepted; it is in %s\n",
			aside);
	} else {
		(void)hst_reading_fail(
			reading, "--auto: the plan was not accepted, and is still in %s", plan);
	}
	free(aside);
}

/* `options`: those of optimize that stand before the command, without --auto. */
static int run(const struct hst_reading *reading, char *const *options, char *const *command)
{
	struct words words = { 0 };
	char *data = NULL;
	int status;

	if (asprintf(&data, "%s.data", reading->options.output) < 0) {
		return hst_reading_fail(reading, "out of memory");
	}
	add_all(&words,
		(const char *[]){ "hasten", "run", "-q", "--args", "-o", data, "--", NULL });
	add_all(&words, (const char *const *)command);
	/* A program that fails by itself fails in all runs alike. */
	status = step(reading, &words);
	if (status == 125 || status == 126 || status == 127 || status < 0) {
		free(data);
		return HST_EXIT_USAGE;
	}
	words.count = 0;
	add_all(&words, (const char *[]){ "hasten", "optimize", NULL });
	add_all(&words, (const char *const *)options);
	add(&words, data);
	status = step(reading, &words);
	free(data);
	if (status != HST_EXIT_OK) {
		return status < 0 ? HST_EXIT_USAGE : status;
	}
	words.count = 0;
	add_all(&words,
		(const char *[]){ "hasten", "verify", reading->options.output, "--", NULL });
	add_all(&words, (const char *const *)command);
	status = step(reading, &words);
	if (status != HST_EXIT_OK) {
		put_aside(reading);
	}
	return status < 0 ? HST_EXIT_USAGE : status;
}

bool hst_optimize_is_auto(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--auto") == 0) {
			return true;
		}
	}
	return false;
}

int hst_optimize_auto(
	struct hst_reading *reading, int argc, char **argv, const struct hst_option *table)
{
	char **options = calloc((size_t)argc + 1, sizeof *options);
	struct hst_diag diag = { "" };
	int count = 0;
	int at = 1;
	int status;

	if (options == NULL) {
		return hst_reading_fail(reading, "out of memory");
	}
	options[count++] = argv[0];
	for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
		if (strcmp(argv[at], "--auto") != 0) {
			options[count++] = argv[at];
		}
	}
	if (hst_options_parse(count, options, table, &reading->options, &diag) != HST_OK) {
		status = hst_reading_fail(reading, "%s", diag.text);
	} else if (at + 1 >= argc || reading->options.dir != NULL ||
		   reading->options.instrumentation) {
		status = hst_reading_fail(reading,
			"--auto needs a command: hasten optimize --auto -o app.plan -- ./app args");
	} else if (reading->options.output == NULL) {
		status = hst_reading_fail(reading, "--auto needs -o FILE for the plan");
	} else {
		status = hst_optimize_plan_place(reading);
		if (status == HST_EXIT_OK) {
			status = run(reading, options + 1, argv + at + 1);
		}
	}
	free(options);
	return status;
}
