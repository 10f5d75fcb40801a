/* SPDX-License-Identifier: Apache-2.0 */
/* How to build a program anew with the compiler flags that hasten needs. */
#ifndef HST_CMD_RUN_FIX_H
#define HST_CMD_RUN_FIX_H

#include <stddef.h>

/*
 * Writes the one command that fits the build system whose files lie in the folder of `program`
 * (a real path) or above it, else in the working directory or above it; the compiler's flags if
 * none is found. `flags`, e.g. "-finstrument-functions -g".
 */
void hst_run_fix(const char *program, const char *flags, char *buffer, size_t size);

#endif
