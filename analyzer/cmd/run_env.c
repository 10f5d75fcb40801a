/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program sees its own environment, in order, and behind it what the preload needs. LD_PRELOAD
 * keeps the user's entries, behind ours: an allocator among them then has its calls recorded. Only the run time
 * of a sanitizer has to stay first.
 */
#include "cmd/run_env.h"

#include "cmd/run_process.h"
#include "cmd/version.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "libhasten.so"
/* More than all variables that we add. */
#define ADDED_MAX 24

/* Variables that this file gives or deliberately does not give. */
static const char *const ours[] = { "LD_PRELOAD", "HASTEN_DATA", "HASTEN_MODE", "HASTEN_LIMIT",
	"HASTEN_LAST", "HASTEN_PAUSED", "HASTEN_PLAN", "HASTEN_FILTER", "HASTEN_TSC_HZ",
	"HASTEN_LAUNCHER", "HASTEN_SECCOMP", "HASTEN_CHILDREN", "HASTEN_MEMORY",
	"HASTEN_MEMORY_ALL", "HASTEN_OVERHEAD", "HASTEN_PATCH", "HASTEN_CPU", "HASTEN_ARGS",
	"HASTEN_VALUES", "HASTEN_REVOKED", "HASTEN_RECORD" };

/* Relative to the folder of the hasten binary. */
static const char *const places[] = { "../preload/" LIBRARY, "../lib/*/hasten/" LIBRARY,
	"../lib/hasten/" LIBRARY, "../lib64/hasten/" LIBRARY };

/* The first readable file that matches, as malloc'd real path; NULL none. */
static char *find_match(const char *pattern)
{
	glob_t matches = { 0 };
	char *path = NULL;

	if (glob(pattern, 0, NULL, &matches) == 0) {
		for (size_t i = 0; i < matches.gl_pathc && path == NULL; i++) {
			if (access(matches.gl_pathv[i], R_OK) == 0) {
				path = realpath(matches.gl_pathv[i], NULL);
			}
		}
	}
	globfree(&matches);
	return path;
}

/* Writes the folder of our own binary, its special characters escaped for glob(). */
static bool own_folder(char *buffer, size_t size)
{
	char exe[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
	char *slash;
	size_t used = 0;

	if (length <= 0) {
		return false;
	}
	exe[length] = '\0';
	slash = strrchr(exe, '/');
	if (slash == NULL) {
		return false;
	}
	*slash = '\0';
	for (const char *p = exe; *p != '\0' && used + 3 < size; p++) {
		if (strchr("*?[\\", *p) != NULL) {
			buffer[used++] = '\\';
		}
		buffer[used++] = *p;
	}
	buffer[used] = '\0';
	return true;
}

static char *find_installed(void)
{
	char folder[2 * PATH_MAX];
	char pattern[2 * PATH_MAX + 64];
	char *path = NULL;

	if (own_folder(folder, sizeof folder)) {
		for (size_t i = 0; i < sizeof places / sizeof places[0] && path == NULL; i++) {
			snprintf(pattern, sizeof pattern, "%s/%s", folder, places[i]);
			path = find_match(pattern);
		}
	}
	if (path == NULL && access(HST_LIBDIR "/" LIBRARY, R_OK) == 0) {
		path = realpath(HST_LIBDIR "/" LIBRARY, NULL);
	}
	return path;
}

enum hst_status hst_run_find_library(char **ret_path, struct hst_diag *diag)
{
	const char *named = getenv("HASTEN_PRELOAD_LIB");
	char *path;

	if (named != NULL && named[0] != '\0') {
		path = access(named, R_OK) == 0 ? realpath(named, NULL) : NULL;
		if (path == NULL) {
			return hst_diag_set(diag, HST_E_NOT_FOUND,
				"run: HASTEN_PRELOAD_LIB names %s, which cannot be read: %s", named,
				strerror(errno));
		}
	} else {
		path = find_installed();
	}
	if (path == NULL) {
		return hst_diag_set(diag, HST_E_NOT_FOUND,
			"run: " LIBRARY
			" is not where this hasten looks for it (beside its own folder "
			"and in " HST_LIBDIR "): install hasten again, or name the library in "
			"HASTEN_PRELOAD_LIB");
	}
	if (strpbrk(path, ": \t\n") != NULL) {
		enum hst_status status = hst_diag_set(diag, HST_E_UNSUPPORTED,
			"run: LD_PRELOAD cannot name %s, because of the space or colon in it: move "
			"hasten to another folder, or name a copy in HASTEN_PRELOAD_LIB",
			path);

		free(path);
		return status;
	}
	*ret_path = path;
	return HST_OK;
}

static bool is_ours(const char *entry)
{
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
		size_t length = strlen(ours[i]);

		if (strncmp(entry, ours[i], length) == 0 && entry[length] == '=') {
			return true;
		}
	}
	return false;
}

struct list {
	char **items;
	size_t count;
	bool failed;
};

static void add(struct list *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct list *list, const char *fmt, ...)
{
	va_list args;
	char *entry = NULL;

	va_start(args, fmt);
	if (vasprintf(&entry, fmt, args) < 0) {
		entry = NULL;
		list->failed = true;
	}
	va_end(args);
	if (entry != NULL) {
		list->items[list->count++] = entry;
	}
}

/* Is `path` one of the entries of an LD_PRELOAD value? */
static bool names_library(const char *value, const char *path)
{
	size_t length = strlen(path);

	for (const char *p = strstr(value, path); p != NULL; p = strstr(p + 1, path)) {
		if ((p == value || strchr(": ", p[-1]) != NULL) &&
			strchr(": ", p[length]) != NULL) {
			return true;
		}
	}
	return false;
}

/* The length of the entries at the head of an LD_PRELOAD value that must stay there, with the sign behind them. */
static size_t sanitizers(const char *value)
{
	static const char *const names[] = { "libasan.", "liblsan.", "libtsan.", "libhwasan.",
		"libclang_rt." };
	size_t end = 0;

	for (;;) {
		size_t length = strcspn(value + end, ": ");
		const char *file = value + end;
		bool first = false;

		for (size_t i = 0; i < length; i++) {
			file = value[end + i] == '/' ? value + end + i + 1 : file;
		}
		for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
			first |= strncmp(file, names[i], strlen(names[i])) == 0;
		}
		if (!first) {
			return end;
		}
		end += length;
		if (value[end] == '\0') {
			return end;
		}
		end++;
	}
}

static void add_preload(struct list *list, const char *library)
{
	const char *present = getenv("LD_PRELOAD");
	size_t head = present == NULL ? 0 : sanitizers(present);

	if (present == NULL || present[0] == '\0') {
		add(list, "LD_PRELOAD=%s", library);
	} else if (names_library(present, library)) {
		add(list, "LD_PRELOAD=%s", present);
	} else {
		bool all = present[head] == '\0';

		add(list, "LD_PRELOAD=%.*s%s%s%s%s", (int)head, present, all ? ":" : "", library,
			all ? "" : ":", present + head);
	}
}

static void add_ours(
	struct list *list, const struct hst_run_env *env, const struct hst_run_options *options)
{
	add_preload(list, env->library);
	add(list, "HASTEN_LAUNCHER=1");
	add(list, "HASTEN_DATA=%s", env->directory);
	add(list, "HASTEN_MODE=%s", options->mode);
	add(list, "HASTEN_SECCOMP=%u", hst_process_seccomp_filters());
	if (options->limit_bytes != 0) {
		add(list, "HASTEN_LIMIT=%" PRIu64, options->limit_bytes);
	}
	if (options->last_ns != 0) {
		add(list, "HASTEN_LAST=%" PRIu64, options->last_ns);
	}
	if (options->paused) {
		add(list, "HASTEN_PAUSED=1");
	}
	if (options->no_children) {
		add(list, "HASTEN_CHILDREN=0");
	}
	if (options->no_memory) {
		add(list, "HASTEN_MEMORY=0");
	} else if (options->overhead != NULL) {
		add(list, "HASTEN_MEMORY=1");
	}
	if (options->no_cpu) {
		add(list, "HASTEN_CPU=0");
	}
	if (options->memory_all) {
		add(list, "HASTEN_MEMORY_ALL=1");
	}
	if (options->overhead != NULL) {
		add(list, "HASTEN_OVERHEAD=%s", options->overhead);
	}
	if (options->no_patch) {
		add(list, "HASTEN_PATCH=0");
	}
	if (options->values) {
		add(list, "HASTEN_VALUES=1");
	}
	if (env->plan != NULL) {
		add(list, "HASTEN_PLAN=%s", env->plan);
	}
	if (env->revoked != NULL) {
		add(list, "HASTEN_REVOKED=%s", env->revoked);
	}
	if (options->no_record) {
		add(list, "HASTEN_RECORD=0");
	}
	if (env->tsc_hz != 0) {
		add(list, "HASTEN_TSC_HZ=%" PRIu64, env->tsc_hz);
	}
}

char **hst_run_env_make(const struct hst_run_env *env, const struct hst_run_options *options)
{
	struct list list = { 0 };
	size_t count = 0;
	bool asan_seen = false;

	while (environ[count] != NULL) {
		count++;
	}
	list.items = calloc(count + ADDED_MAX + 1, sizeof *list.items);
	if (list.items == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		if (is_ours(environ[i])) {
			continue;
		}
		if (env->asan && strncmp(environ[i], "ASAN_OPTIONS=", 13) == 0) {
			asan_seen = true;
			add(&list, "%s:verify_asan_link_order=0", environ[i]);
		} else {
			add(&list, "%s", environ[i]);
		}
	}
	if (env->asan && !asan_seen) {
		add(&list, "ASAN_OPTIONS=verify_asan_link_order=0");
	}
	add_ours(&list, env, options);
	if (list.failed) {
		hst_run_env_free(list.items);
		return NULL;
	}
	return list.items;
}

void hst_run_env_free(char **environment)
{
	for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
		free(environment[i]);
	}
	free(environment);
}
