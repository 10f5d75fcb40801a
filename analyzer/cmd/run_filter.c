/* SPDX-License-Identifier: Apache-2.0 */
/* Placed here until the table of filters exists. */
#include "cmd/run_filter.h"

enum hst_status hst_run_filter(const struct hst_say *say, const char *expression,
	const struct hst_elf_advice *advice, const struct hst_run_dir *dir, char **ret_path,
	struct hst_diag *diag)
{
	(void)say;
	(void)expression;
	(void)advice;
	(void)dir;
	(void)ret_path;
	return hst_diag_set(
		diag, HST_E_UNSUPPORTED, "run: --filter is not available in this version");
}
