/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the user with lines of words: where they are, reading them whole, taking them apart. */
#ifndef HST_UTIL_CONFIG_H
#define HST_UTIL_CONFIG_H

#include "util/status.h"

#include <stddef.h>

#define HST_CONFIG_BYTES_MAX (1u << 20)
#define HST_CONFIG_LINES_MAX 10000u

struct hst_config {
	const char *what;     /* for sentences: "the file of tools" */
	const char *variable; /* of the environment: names another file; NULL none */
	const char *name;     /* below $XDG_CONFIG_HOME/hasten (~/.config/hasten) */
	const char *lines;    /* what a line looks like, for a sentence */
	/* Takes one line without its comment (# behind a blank), which it may cut; `number` from 1. */
	enum hst_status (*take)(void *context, char *line, const char *name, unsigned number,
		struct hst_diag *diag);
};

/*
 * Reads `path`, or (NULL) the file that the variable names, or the user's own one, which alone need not be there: then *ret_text
 * is NULL. HST_E_IO, HST_E_NOT_FOUND, HST_E_USAGE (a directory), HST_E_LIMIT, HST_E_MEMORY, with a sentence. The caller frees
 * *ret_text and *ret_path.
 */
HST_NODISCARD enum hst_status hst_config_read(const struct hst_config *config, const char *path,
	char **ret_text, size_t *ret_bytes, char **ret_path, struct hst_diag *diag);

/* Calls `take` for each line of the text; `name` is for sentences. What `take` says, HST_E_USAGE (no text), HST_E_LIMIT, HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_config_parse(const struct hst_config *config, const char *text,
	size_t bytes, const char *name, void *context, struct hst_diag *diag);

#endif
