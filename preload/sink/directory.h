/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data directory. `hasten run` makes it and names it in HASTEN_DATA, and the file 'session' is its mark. Without the
 * launcher the first process makes hasten.data in its working directory and its descendants find it there; the mark is its
 * own trace file, 0.0.hst.
 */
#ifndef HST_SINK_DIRECTORY_H
#define HST_SINK_DIRECTORY_H

#include "core/options.h"

#include <stdbool.h>
#include <stdint.h>

enum hst_directory_role {
	HST_DIRECTORY_JOINS = 0,
	HST_DIRECTORY_ROOT = 1, /* the process that the directory's mark names */
	HST_DIRECTORY_MADE =
		2, /* the same, and the mark is yet to be made: its own file, hst_sink_create */
};

/* Sets the directory in hst_sink_path. false: there is none that may be used. */
bool hst_directory_find(
	const struct hst_options *options, uint32_t pid, enum hst_directory_role *ret_role);

/* Takes back a directory that was made, if no file could be made in it. */
void hst_directory_remove(void);

#endif
