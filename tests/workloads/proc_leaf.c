/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs proc_* start: says what it was given, and ends with 7. Its environment goes into the file leaf.env. */
#include "proc.h"

int main(int argc, char **argv)
{
	const char *mark = getenv("MARK");
	FILE *file = fopen("leaf.env", "w");

	for (char **entry = environ; file != NULL && *entry != NULL; entry++) {
		fprintf(file, "%s\n", *entry);
	}
	if (file != NULL) {
		fclose(file);
	}
	printf("leaf %s:", mark != NULL ? mark : "unmarked");
	for (int i = 1; i < argc; i++) {
		printf(" %s", argv[i]);
	}
	printf("\n");
	return 7;
}
