/* SPDX-License-Identifier: Apache-2.0 */
/* Small readers of /proc. Everything is text of the kernel, read whole and checked. */
#include "cmd/run_process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_BYTES  16384
#define ANCESTORS_MAX 256

ssize_t hst_process_read_file(int directory, const char *path, char *buffer, size_t size)
{
	/* O_NONBLOCK: a FIFO in the place of the file shall not hold us up. */
	int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t length = 0;

	if (fd < 0) {
		return -1;
	}
	while (length < size - 1) {
		ssize_t got = read(fd, buffer + length, size - 1 - length);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			close(fd);
			return -1;
		}
		if (got == 0) {
			break;
		}
		length += (size_t)got;
	}
	close(fd);
	buffer[length] = '\0';
	return (ssize_t)length;
}

bool hst_process_stat(pid_t pid, struct hst_process_stat *ret_stat)
{
	struct hst_process_stat stat = { 0 };
	char path[64];
	char text[2048];
	const char *p;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (hst_process_read_file(AT_FDCWD, path, text, sizeof text) <= 0) {
		return false;
	}
	/* The name in parentheses may hold anything, parentheses too: its end is the last one. */
	p = strrchr(text, ')');
	if (p == NULL || p[1] != ' ' || p[2] == '\0') {
		return false;
	}
	stat.state = p[2];
	p += 3;
	stat.parent = (pid_t)strtol(p, NULL, 10);
	/* p stands before field 4; the start time is field 22. */
	for (int field = 4; field < 22 && p != NULL; field++) {
		p = strchr(p + 1, ' ');
	}
	if (p == NULL) {
		return false;
	}
	stat.start = strtoull(p, NULL, 10);
	*ret_stat = stat;
	return true;
}

bool hst_process_alive(pid_t pid, uint64_t start)
{
	struct hst_process_stat stat;

	return pid > 0 && hst_process_stat(pid, &stat) && stat.state != 'Z' && stat.state != 'X' &&
	       (start == 0 || stat.start <= start);
}

bool hst_process_descends(pid_t pid, pid_t ancestor)
{
	struct hst_process_stat stat;

	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		if (pid == ancestor) {
			return true;
		}
		if (!hst_process_stat(pid, &stat)) {
			return false;
		}
		pid = stat.parent;
	}
	return false;
}

unsigned hst_process_seccomp_filters(void)
{
	char text[STATUS_BYTES];
	const char *line;

	if (hst_process_read_file(AT_FDCWD, "/proc/self/status", text, sizeof text) <= 0) {
		return 0;
	}
	line = strstr(text, "\nSeccomp_filters:");
	if (line != NULL) {
		return (unsigned)strtoul(line + strlen("\nSeccomp_filters:"), NULL, 10);
	}
	/* Kernels before 5.9 say only whether there are filters: mode 2. */
	line = strstr(text, "\nSeccomp:");
	return line != NULL && strtoul(line + strlen("\nSeccomp:"), NULL, 10) == 2 ? 1 : 0;
}

void hst_process_boot_id(char ret_id[HST_BOOT_ID_BYTES])
{
	char text[HST_BOOT_ID_BYTES];

	ret_id[0] = '\0';
	if (hst_process_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof text) <=
		0) {
		return;
	}
	text[strspn(text, "0123456789abcdef-")] = '\0';
	memcpy(ret_id, text, sizeof text);
}
