/* SPDX-License-Identifier: Apache-2.0 */
/* The plan that the preload of a run gets: filters, and where arguments and results are. */
#ifndef HST_CMD_RUN_PLAN_H
#define HST_CMD_RUN_PLAN_H

#include "cmd/elf_advice.h"
#include "cmd/run_dir.h"
#include "cmd/run_memo.h"
#include "cmd/run_say.h"
#include "plan/filter.h"
#include "plan/plan_file.h"
#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>

/* The program, and the libraries that it is linked with. */
struct hst_planned {
	const char **paths;
	size_t count;
};

struct hst_run_wish {
	struct hst_filter *filter; /* NULL: all functions */
	bool args;
	struct hst_filter *args_of;      /* NULL: of all functions */
	const struct hst_run_memo *memo; /* NULL: no function is answered from a cache */
};

/*
 * Writes `run.plan` into the directory, if there is more to be said than a plan of the user's; *ret_path is the absolute path of what
 * the preload is to read, malloc'd, NULL if nothing asks for one. HST_E_IO,
 * HST_E_LIMIT, HST_E_MEMORY, and what hst_run_args says, with a sentence.
 */
HST_NODISCARD enum hst_status hst_run_plan(const struct hst_say *say,
	const struct hst_run_wish *wish, const struct hst_elf_advice *advice,
	const struct hst_run_dir *dir, char **ret_path, struct hst_diag *diag);

#endif
