/* SPDX-License-Identifier: Apache-2.0 */
/* The programs that build.sh made for the tests of symbols/. */
#ifndef HST_TESTS_SYMBOLS_TARGETS_H
#define HST_TESTS_SYMBOLS_TARGETS_H

#include "symbols/symbols.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Path of a program, static until the next call; skips the test if it could not be compiled. */
static inline const char *target(const char *name)
{
	static char path[4096];
	const char *folder = getenv("HST_TARGETS");

	assert_non_null(folder);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	if (access(path, R_OK) != 0) {
		print_message("%s: not compiled on this machine\n", name);
		skip();
	}
	return path;
}

static inline struct hst_image *open_target(const char *name)
{
	struct hst_image *image = NULL;
	struct hst_diag diag = { { 0 } };

	if (hst_image_open(target(name), NULL, 0, &image, &diag) != HST_OK) {
		fail_msg("%s", diag.text);
	}
	return image;
}

/* The n-th function (0, 1, ...) whose short name is `name`; NULL if there are not so many. */
static inline const struct hst_function *find_function(
	struct hst_image *image, const char *name, unsigned n)
{
	const struct hst_function *functions = NULL;
	size_t count = hst_image_functions(image, &functions);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(functions[i].name, name) == 0 && n-- == 0) {
			return &functions[i];
		}
	}
	return NULL;
}

/* The same, and it must be there. */
static inline const struct hst_function *need_function(
	struct hst_image *image, const char *name, unsigned n)
{
	const struct hst_function *function = find_function(image, name, n);

	if (function == NULL) {
		fail_msg("there is no %s", name);
		abort();
	}
	return function;
}

static inline bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);

	return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

#endif
