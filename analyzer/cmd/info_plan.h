/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten info PLAN`: all that a plan has the preload do. */
#ifndef HST_CMD_INFO_PLAN_H
#define HST_CMD_INFO_PLAN_H

#include "cmd/common.h"
#include "plan/plan_read.h"

/* Shows the plan that reading->options.dir names. Exit status. */
int hst_info_plan(struct hst_reading *reading);

/* Is the file that a module of the plan was made for still that? "same", "changed", "missing", "unknown" (the plan has no path). */
const char *hst_info_plan_file(const struct hst_memo_module *module);
void hst_info_plan_json(const char *path, const struct hst_plan_content *content);

#endif
