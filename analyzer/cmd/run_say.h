/* SPDX-License-Identifier: Apache-2.0 */
/* What `hasten run` has to say: whole lines on stderr, never in between the program's own. */
#ifndef HST_CMD_RUN_SAY_H
#define HST_CMD_RUN_SAY_H

#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>

enum hst_say_color {
	HST_SAY_COLOR_AUTO,
	HST_SAY_COLOR_ALWAYS,
	HST_SAY_COLOR_NEVER,
};

struct hst_say {
	bool quiet; /* notes are left out, errors are not */
	bool color;
};

/* Decides about colour: the option, then NO_COLOR and FORCE_COLOR, then whether stderr is a terminal. */
void hst_say_init(struct hst_say *say, enum hst_say_color color, bool quiet);

/*
 * One line "hasten: ..." on stderr in a single write; control bytes become '?'. A failed write is
 * of no consequence. Notes are silenced by `quiet`.
 */
void hst_say_note(const struct hst_say *say, const char *fmt, ...) HST_PRINTF(2, 3);
void hst_say_error(const struct hst_say *say, const char *fmt, ...) HST_PRINTF(2, 3);

/* Replaces the control bytes of a text from outside (in place). */
void hst_say_clean(char *text);

/* "4.1 MB", "512 B": bytes for people, three significant digits, units of 1000. */
void hst_say_bytes(unsigned long long bytes, char *buffer, size_t size);
/* "1.2 M", "950": a count for people. */
void hst_say_count(unsigned long long count, char *buffer, size_t size);

#endif
