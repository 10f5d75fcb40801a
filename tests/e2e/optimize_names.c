/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads symbols, a line each, and prints what the list of functions knows of the name that gcc prints for each: the certain part, a
 * tab, and all that it may be, with its line ends as tabs. For optimize_names.py.
 */
#include "plan/instrument.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/demangle.h"

static int answer(struct hst_arena *arena, char *symbol)
{
	struct hst_instrument_function function = { .linkage = symbol, .name = symbol };
	char *full = hst_demangle_full(symbol);

	function.full = full;
	if (full == NULL || hst_instrument_names(arena, &function) != HST_OK) {
		return 1;
	}
	printf("%s\t", function.certain == NULL ? "" : function.certain);
	for (const char *s = function.possible; *s != '\0'; s++) {
		putchar(*s == '\n' ? '\t' : *s);
	}
	putchar('\n');
	free(full);
	return 0;
}

int main(void)
{
	struct hst_arena arena = { 0 };
	char *line = NULL;
	size_t size = 0;
	int failed = 0;

	while (getline(&line, &size, stdin) > 0 && failed == 0) {
		line[strcspn(line, "\n")] = '\0';
		failed = answer(&arena, line);
	}
	free(line);
	hst_arena_finish(&arena);
	return failed;
}
