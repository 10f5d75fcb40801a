/* SPDX-License-Identifier: Apache-2.0 */
/* What `hasten run` keeps from one run to the next. */
#ifndef HST_CMD_RUN_CACHE_H
#define HST_CMD_RUN_CACHE_H

#include <stdbool.h>
#include <stddef.h>

/* The directory, with room for a file's name left in the buffer; made if `make`. "" if there is no place for one. */
void hst_run_cache_dir(char *buffer, size_t size, bool make);

#endif
