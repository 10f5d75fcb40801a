/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of the program: how the launcher talks to the preload. */
#ifndef HST_CMD_RUN_ENV_H
#define HST_CMD_RUN_ENV_H

#include "cmd/run_options.h"
#include "util/status.h"

#include <stdbool.h>
#include <stdint.h>

struct hst_run_env {
	const char *library;   /* absolute path of libhasten.so */
	const char *directory; /* absolute path of the data directory */
	const char *plan;      /* absolute path, NULL none */
	const char *revoked;   /* of functions of the plan; absolute path, NULL none */
	uint64_t tsc_hz;       /* 0 unknown */
	bool asan;             /* the program has gcc's AddressSanitizer: it wants to be first */
};

/*
 * Finds libhasten.so: HASTEN_PRELOAD_LIB, the build folder, the installed tree, the folder compiled
 * in. *ret_path is malloc'd. HST_E_NOT_FOUND, or HST_E_UNSUPPORTED if LD_PRELOAD cannot express
 * its path, with a sentence.
 */
HST_NODISCARD enum hst_status hst_run_find_library(char **ret_path, struct hst_diag *diag);

/*
 * The present environment with what the preload is to know; variables of ours that are not wanted
 * are left out. NULL: out of memory. hst_run_env_free() releases it.
 */
char **hst_run_env_make(const struct hst_run_env *env, const struct hst_run_options *options);
void hst_run_env_free(char **environment);

#endif
