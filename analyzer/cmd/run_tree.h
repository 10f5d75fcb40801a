/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes belong to the program: its first one, what that started, and what was left to the launcher. */
#ifndef HST_CMD_RUN_TREE_H
#define HST_CMD_RUN_TREE_H

#include "cmd/run_sample.h"

/* Finds out how this kernel tells, and takes the first process in. */
void hst_tree_start(struct hst_run_sampler *sampler);

/* Takes in processes that are new since the latest look. */
void hst_tree_look(struct hst_run_sampler *sampler);

/* Reads PID/stat. false: it is gone. */
bool hst_tree_figures(struct hst_run_sampler *sampler, pid_t pid, struct hst_figures *ret_figures);

#endif
