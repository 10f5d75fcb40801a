/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files of the directories that are named, without libFuzzer. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_BYTES_MAX (4u << 20)

static int run_file(const char *dir, const char *name)
{
	uint8_t *data = malloc(INPUT_BYTES_MAX);
	uint8_t *exact;
	char path[4096];
	FILE *file;
	size_t bytes;
	size_t i;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	file = fopen(path, "rbe");
	if (file == NULL || data == NULL) {
		(void)fprintf(stderr, "cannot read %s\n", path);
		free(data);
		return 1;
	}
	(void)printf("%s\n", path);
	(void)fflush(stdout);
	bytes = fread(data, 1, INPUT_BYTES_MAX, file);
	(void)fclose(file);
	/* A block of just that size, so that a sanitizer sees the first byte too many. */
	exact = malloc(bytes + (bytes == 0));
	for (i = 0; exact != NULL && i < bytes; i++) {
		exact[i] = data[i];
	}
	free(data);
	if (exact != NULL) {
		(void)LLVMFuzzerTestOneInput(exact, bytes);
	}
	free(exact);
	return 0;
}

/* Number of files that were run, -1 when something went wrong. */
static int run_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int files = 0;

	if (dir == NULL) {
		(void)fprintf(stderr, "cannot list %s\n", path);
		return -1;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.') {
			continue;
		}
		if (run_file(path, entry->d_name) != 0) {
			(void)closedir(dir);
			return -1;
		}
		files++;
	}
	(void)closedir(dir);
	return files;
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 2) {
		(void)fprintf(stderr, "usage: %s DIRECTORY...\n", argv[0]);
		return 1;
	}
	for (i = 1; i < argc; i++) {
		/* An empty corpus would test nothing and pass. */
		if (run_directory(argv[i]) <= 0) {
			return 1;
		}
	}
	return 0;
}
