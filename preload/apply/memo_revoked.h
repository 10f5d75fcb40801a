/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file beside the plan in which functions stand that turned out wrong when they were answered from a cache (struct
 * hst_plan_revoked). Each run reads it, and appends what it finds itself.
 */
#ifndef HST_APPLY_MEMO_REVOKED_H
#define HST_APPLY_MEMO_REVOKED_H

#include "core/options.h"
#include "sink/modules.h"

#include <stdbool.h>
#include <stdint.h>

/* Finds its name, and reads it. At process start. false: its name is too long. */
bool hst_revoked_start(const struct hst_options *options);

/* false: it is there, and cannot be read or trusted. Then nothing is to be answered. */
bool hst_revoked_known(void);

/* Does it name the function, given by its file address? */
bool hst_revoked_has(const struct hst_loaded *module, uint64_t fn);

/* Appends the function. false: that could not be done. */
bool hst_revoked_add(const struct hst_loaded *module, uint64_t fn);

#endif
