/* SPDX-License-Identifier: Apache-2.0 */
/* Names of regions: written to the file once, then known by number. */
#ifndef HST_SINK_NAMES_H
#define HST_SINK_NAMES_H

#include <stdint.h>

#define HST_NAME_BYTES 255u

/* The pseudo address of a name, the same for equal names. Number 0: too many names, or the file cannot grow. */
uint64_t hst_name_intern(const char *text);

/* A forked child writes them to its own file anew, when they are used. */
void hst_names_reset(void);

#endif
