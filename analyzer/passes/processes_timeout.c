/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Did a `timeout` run out? It says so by its status 124. When it sends SIGKILL it ends with 137, or kills its whole group and so
 * itself; both also happen when somebody else kills, so the time that it ran must be the one that it was given.
 */
#include "passes/processes_pass.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define TIMED_OUT 124
#define KILLED    (128 + SIGKILL)
#define NEARLY    0.9 /* of the time that was given */
#define NS_PER_S  1e9

/* Does the option stand for itself, and its argument behind it? */
static bool takes_next(const char *option)
{
	if (option[1] == '-') {
		return (option[2] == 's' || option[2] == 'k') && strchr(option, '=') == NULL;
	}
	for (option++; *option != '\0'; option++) {
		if (*option == 's' || *option == 'k') {
			return option[1] == '\0';
		}
	}
	return false;
}

/* The argument that is the time; NULL: there is none. */
static const char *find_duration(const struct hst_process_image *image)
{
	for (uint32_t i = 1; i < image->argc; i++) {
		const char *word = image->argv[i];

		if (strcmp(word, "--") == 0) {
			return i + 1 < image->argc ? image->argv[i + 1] : NULL;
		}
		if (word[0] != '-') {
			return word;
		}
		i += takes_next(word);
	}
	return NULL;
}

/* Seconds; 0: no limit, or not a time. */
static double seconds_of(const char *text)
{
	static const struct {
		char suffix;
		double seconds;
	} units[] = { { '\0', 1 }, { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char *end;
	double value = strtod(text, &end);

	if (end == text || !(value > 0)) {
		return 0;
	}
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (*end == units[i].suffix && (*end == '\0' || end[1] == '\0')) {
			return value * units[i].seconds;
		}
	}
	return 0;
}

bool hst_proc_ran_out(const struct hst_process_image *image)
{
	const char *duration;
	double seconds;

	if (strcmp(image->tool, "timeout") != 0 || image->next != HST_PROCESS_NONE) {
		return false;
	}
	if (image->exit_status == TIMED_OUT) {
		return true;
	}
	if ((image->exit_status != KILLED && image->signal != SIGKILL) ||
		image->wall_ns == HST_PROCESS_UNKNOWN) {
		return false;
	}
	duration = find_duration(image);
	seconds = duration == NULL ? 0 : seconds_of(duration);
	return seconds > 0 && (double)image->wall_ns >= NEARLY * NS_PER_S * seconds;
}
