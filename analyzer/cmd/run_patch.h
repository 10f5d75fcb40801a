/* SPDX-License-Identifier: Apache-2.0 */
/* May code be changed here? */
#ifndef HST_CMD_RUN_PATCH_H
#define HST_CMD_RUN_PATCH_H

#include <stdbool.h>

/*
 * A process of our own tries what --overhead does in the program: makes code writable and back, under the sandbox that the
 * program will inherit from us. false: it was refused, or ended.
 */
bool hst_run_can_patch(void);

#endif
