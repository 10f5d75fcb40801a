/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels with CONFIG_PROC_CHILDREN list the children of a thread: PID/task/TID/children. Elsewhere
 * all of /proc is read and the parents are compared. Either list may miss a process that begins or
 * loses its parent at that moment, so one more look follows.
 */
#include "cmd/run_tree.h"

#include "cmd/run_process.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STAT_BYTES 2048
#define LIST_BYTES (64u << 10)
#define PID_LIMIT  (1l << 30)

bool hst_tree_figures(struct hst_run_sampler *sampler, pid_t pid, struct hst_figures *ret_figures)
{
	char path[64];
	char text[STAT_BYTES];

	(void)snprintf(path, sizeof path, "%d/stat", (int)pid);
	return hst_process_read_file(sampler->proc, path, text, sizeof text) > 0 &&
	       hst_figures_stat(text, ret_figures) && ret_figures->pid == pid;
}

static void take_in(struct hst_run_sampler *sampler, const struct hst_figures *figures)
{
	const struct hst_sampled process = { .figures = *figures };

	if (sampler->processes.count >= HST_SAMPLE_PROCESSES_MAX ||
		!hst_vec_push(&sampler->processes, process)) {
		return;
	}
	if (hst_map_put(&sampler->places, (uint64_t)figures->pid,
		    (uint32_t)(sampler->processes.count - 1)) != HST_OK) {
		sampler->processes.count--;
	}
}

static bool is_known(const struct hst_run_sampler *sampler, pid_t pid)
{
	uint32_t place;

	return hst_map_get(&sampler->places, (uint64_t)pid, &place);
}

/* The children of one thread. Those that the launcher had before it became the launcher are not the program's. */
static void take_list(struct hst_run_sampler *sampler, pid_t pid, long tid)
{
	struct hst_figures figures;
	char path[64];
	char *at;

	(void)snprintf(path, sizeof path, "%d/task/%ld/children", (int)pid, tid);
	if (hst_process_read_file(sampler->proc, path, sampler->text, LIST_BYTES) <= 0) {
		return;
	}
	at = sampler->text;
	for (;;) {
		char *end;
		long child = strtol(at, &end, 10);

		if (end == at || child <= 0 || child > PID_LIMIT) {
			return;
		}
		at = end;
		if (!is_known(sampler, (pid_t)child) &&
			hst_tree_figures(sampler, (pid_t)child, &figures) &&
			(pid != sampler->launcher || figures.start >= sampler->since)) {
			take_in(sampler, &figures);
		}
	}
}

/* The names of `path` that are numbers, one after another; 0 at the end. */
static long next_number(DIR *names)
{
	struct dirent *entry;

	while ((entry = readdir(names)) != NULL) {
		char *end;
		long number = strtol(entry->d_name, &end, 10);

		if (isdigit((unsigned char)entry->d_name[0]) && *end == '\0' && number > 0 &&
			number <= PID_LIMIT) {
			return number;
		}
	}
	return 0;
}

static DIR *open_numbers(const struct hst_run_sampler *sampler, const char *path)
{
	int fd = openat(sampler->proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = fd < 0 ? NULL : fdopendir(fd);

	if (names == NULL && fd >= 0) {
		close(fd);
	}
	return names;
}

static void take_children(struct hst_run_sampler *sampler, const struct hst_figures *figures)
{
	char path[64];
	DIR *threads;
	long tid;

	if (figures->threads <= 1) {
		take_list(sampler, figures->pid, figures->pid);
		return;
	}
	/* A child belongs to the thread that started it. */
	(void)snprintf(path, sizeof path, "%d/task", (int)figures->pid);
	threads = open_numbers(sampler, path);
	while (threads != NULL && (tid = next_number(threads)) != 0) {
		take_list(sampler, figures->pid, tid);
	}
	if (threads != NULL) {
		closedir(threads);
	}
}

static void look_by_lists(struct hst_run_sampler *sampler)
{
	take_list(sampler, sampler->launcher, sampler->launcher);
	/* Grows while it is gone through. */
	for (size_t i = 0; i < sampler->processes.count; i++) {
		const struct hst_figures figures = sampler->processes.items[i].figures;

		take_children(sampler, &figures);
	}
}

static bool belongs(const struct hst_run_sampler *sampler, const struct hst_figures *figures)
{
	return is_known(sampler, figures->parent) ||
	       (figures->parent == sampler->launcher && figures->start >= sampler->since);
}

static void look_by_parents(struct hst_run_sampler *sampler)
{
	HST_VEC(struct hst_figures) others = { 0 };
	DIR *names = open_numbers(sampler, ".");
	bool found = names != NULL;
	long pid;

	while (names != NULL && (pid = next_number(names)) != 0) {
		struct hst_figures figures;

		if (!is_known(sampler, (pid_t)pid) &&
			hst_tree_figures(sampler, (pid_t)pid, &figures)) {
			(void)hst_vec_push(&others, figures);
		}
	}
	/* A child may stand before its parent, when pids began anew. */
	while (found) {
		found = false;
		for (size_t i = 0; i < others.count; i++) {
			if (!is_known(sampler, others.items[i].pid) &&
				belongs(sampler, &others.items[i])) {
				size_t before = sampler->processes.count;

				take_in(sampler, &others.items[i]);
				found = found || sampler->processes.count > before;
			}
		}
	}
	if (names != NULL) {
		closedir(names);
	}
	hst_vec_finish(&others);
}

/* Was a pid given since the latest look, or shall we look in any case? */
static bool is_time(struct hst_run_sampler *sampler)
{
	uint64_t last = 0;
	bool again = sampler->again;

	if (hst_process_read_file(sampler->proc, "loadavg", sampler->text, STAT_BYTES) > 0) {
		last = hst_figures_last_pid(sampler->text);
	}
	sampler->again = last == 0 || last != sampler->last_pid;
	sampler->last_pid = last;
	return again || sampler->again;
}

/* Where each process stands: some have gone since. */
static bool place_all(struct hst_run_sampler *sampler)
{
	hst_map_clear(&sampler->places);
	for (size_t i = 0; i < sampler->processes.count; i++) {
		if (hst_map_put(&sampler->places, (uint64_t)sampler->processes.items[i].figures.pid,
			    (uint32_t)i) != HST_OK) {
			return false;
		}
	}
	return true;
}

void hst_tree_look(struct hst_run_sampler *sampler)
{
	if (!is_time(sampler) || !place_all(sampler)) {
		return;
	}
	if (sampler->listed) {
		look_by_lists(sampler);
	} else {
		look_by_parents(sampler);
	}
}

void hst_tree_start(struct hst_run_sampler *sampler)
{
	struct hst_figures figures;
	char path[64];

	(void)snprintf(path, sizeof path, "%d/task/%d/children", (int)sampler->launcher,
		(int)sampler->launcher);
	sampler->listed = faccessat(sampler->proc, path, R_OK, 0) == 0;
	sampler->again = true;
	if (hst_tree_figures(sampler, sampler->root, &figures)) {
		take_in(sampler, &figures);
	}
}
