/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the kernel counts what it killed for lack of memory. The nearer count is the better one: of the
 * machine's own, others may be the cause.
 */
#include "cmd/run_process.h"
#include "cmd/run_sample.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 16384
#define PATH_BYTES 4096

/* "path" of the line of /proc/self/cgroup for the memory controller (version 1) or all of them (2). */
static bool own_cgroup(const char *text, bool second, char *ret_path, size_t size)
{
	for (const char *line = text; line != NULL && *line != '\0';) {
		const char *controllers = strchr(line, ':');
		const char *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');
		bool found = second && strncmp(line, "0::", 3) == 0;
		size_t length;

		if (path == NULL) {
			return false;
		}
		for (const char *name = controllers + 1; !second && name < path;) {
			length = strcspn(name, ",:");
			found = found || (length == 6 && strncmp(name, "memory", 6) == 0);
			name += length + 1;
		}
		length = strcspn(path + 1, "\n");
		if (found && length < size) {
			memcpy(ret_path, path + 1, length);
			ret_path[length] = '\0';
			return true;
		}
		line = strchr(path, '\n');
		line = line == NULL ? NULL : line + 1;
	}
	return false;
}

static uint64_t count_in(const char *root, const char *folder, const char *cgroup, const char *file)
{
	char path[PATH_BYTES + 256];
	char text[TEXT_BYTES];

	(void)snprintf(path, sizeof path, "%s%s%s/%s", root, folder, cgroup, file);
	if (hst_process_read_file(AT_FDCWD, path, text, sizeof text) <= 0) {
		return HST_JOURNAL_UNKNOWN;
	}
	return hst_figures_value(text, "oom_kill");
}

/* In its own folder, or, where the path is not of this mount (a container), at the top of it. */
static uint64_t of_cgroup(const char *root, const char *text, bool second)
{
	const char *folder = second ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
	const char *file = second ? "memory.events" : "memory.oom_control";
	char path[PATH_BYTES];
	uint64_t count;

	if (!own_cgroup(text, second, path, sizeof path)) {
		return HST_JOURNAL_UNKNOWN;
	}
	count = count_in(root, folder, path, file);
	return count != HST_JOURNAL_UNKNOWN ? count : count_in(root, folder, "", file);
}

uint64_t hst_run_oom_kills(const char *root)
{
	char path[PATH_BYTES];
	char text[TEXT_BYTES];
	uint64_t count = HST_JOURNAL_UNKNOWN;

	(void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
	if (hst_process_read_file(AT_FDCWD, path, text, sizeof text) > 0) {
		count = of_cgroup(root, text, false);
		if (count == HST_JOURNAL_UNKNOWN) {
			count = of_cgroup(root, text, true);
		}
	}
	return count != HST_JOURNAL_UNKNOWN ? count : count_in(root, "/proc", "", "vmstat");
}
