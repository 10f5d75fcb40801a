/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data directory. `hasten run` makes it and names it in HASTEN_DATA; without the launcher the first process
 * makes hasten.data in its working directory and its descendants find it there.
 */
#ifndef HST_SINK_DIRECTORY_H
#define HST_SINK_DIRECTORY_H

#include "core/options.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Sets hst_sink.directory. false: there is none that may be used. `*ret_root`: the process is the one that the session
 * names as its root.
 */
bool hst_directory_find(
	const struct hst_options *options, uint32_t pid, uint64_t pid_start, bool *ret_root);

#endif
