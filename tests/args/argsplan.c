/* SPDX-License-Identifier: Apache-2.0 */
/* argsplan PROGRAM OUT: writes the plan that reads all arguments and results of a program. */
#include <stdio.h>

#include "plan/args_plan.h"

int main(int argc, char **argv)
{
	struct hst_plan_file plan = { 0 };
	struct hst_recipes recipes = { 0 };
	struct hst_image *image = NULL;
	struct hst_args_plan done = { 0 };
	struct hst_diag diag = { "" };
	enum hst_status status = HST_E_USAGE;

	if (argc == 3) {
		status = hst_image_open(argv[1], NULL, 0, &image, &diag);
	}
	if (status == HST_OK) {
		status = hst_recipes_read(image, &recipes, &diag);
	}
	if (status == HST_OK) {
		status = hst_args_plan_add(&plan, image, &recipes, argv[1], &done, &diag);
	}
	if (status == HST_OK) {
		status = hst_plan_file_write(&plan, argv[2], &diag);
	}
	if (status != HST_OK) {
		fprintf(stderr, "argsplan: %s\n",
			diag.text[0] == '\0' ? "usage: argsplan PROGRAM OUT" : diag.text);
	} else {
		printf("%zu enters, %zu exits, %zu left out\n", done.enters, done.exits,
			done.missing);
	}
	hst_plan_file_finish(&plan);
	hst_recipes_finish(&recipes);
	hst_image_close(image);
	return status == HST_OK ? 0 : 1;
}
