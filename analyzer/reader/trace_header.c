/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a trace file, without an index of what is behind it. */
#include "reader/trace_header.h"

#include "reader/scan.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool hst_trace_header_read(const char *path, struct hst_file_header *ret_header)
{
	static const uint8_t magic[8] = HST_TRACE_MAGIC;
	struct hst_file_header header;
	struct stat info;
	bool good;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		return false;
	}
	good = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
	       hst_scan_read(fd, 0, &header, sizeof header) == (int64_t)sizeof header &&
	       memcmp(header.magic, magic, sizeof magic) == 0 && header.major == HST_TRACE_MAJOR &&
	       header.endian == HST_TRACE_ENDIAN;
	(void)close(fd);
	if (good) {
		*ret_header = header;
	}
	return good;
}
