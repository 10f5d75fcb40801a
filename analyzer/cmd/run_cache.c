/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/run_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

void hst_run_cache_dir(char *buffer, size_t size, bool make)
{
	const char *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	int length;

	buffer[0] = '\0';
	if (cache != NULL && cache[0] == '/') {
		length = snprintf(buffer, size, "%s/hasten", cache);
	} else if (home != NULL && home[0] == '/') {
		length = snprintf(buffer, size, "%s/.cache", home);
		if (make && length > 0 && (size_t)length < size) {
			(void)mkdir(buffer, 0700);
		}
		length = snprintf(buffer, size, "%s/.cache/hasten", home);
	} else {
		return;
	}
	if (length < 0 || (size_t)length + sizeof "/tsc.0123456789.tmp" > size) {
		buffer[0] = '\0';
		return;
	}
	if (make) {
		(void)mkdir(buffer, 0700);
	}
}
