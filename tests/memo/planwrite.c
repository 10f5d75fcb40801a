/* SPDX-License-Identifier: Apache-2.0 */
/*
 * planwrite -o FILE [--entries N] [--shadow N] [--ttl NS] [--evidence proven|declared|observed] PROGRAM NAME...
 * Writes a plan that has the named functions answered from caches, whether they are pure or not: for tests. Says of each
 * what became of it; ends with 1 if one was refused.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/memo_plan.h"

#define NAMES_MAX 256

struct asked {
	const char *out;
	uint32_t entries, shadow;
	uint64_t ttl_ns;
	uint8_t evidence;
};

static uint8_t evidence_of(const char *word)
{
	static const char *const words[] = { "", "proven", "declared", "observed" };

	for (uint8_t i = 1; i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(word, words[i]) == 0) {
			return i;
		}
	}
	return 0;
}

static bool read_options(int argc, char **argv, struct asked *asked)
{
	static const struct option options[] = { { "entries", required_argument, NULL, 'e' },
		{ "shadow", required_argument, NULL, 's' }, { "ttl", required_argument, NULL, 't' },
		{ "evidence", required_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
	int option;

	*asked = (struct asked){ .entries = 1024, .evidence = HST_PLAN_DECLARED };
	while ((option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (option) {
		case 'o':
			asked->out = optarg;
			break;
		case 'e':
			asked->entries = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 's':
			asked->shadow = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 't':
			asked->ttl_ns = strtoull(optarg, NULL, 10);
			break;
		case 'v':
			asked->evidence = evidence_of(optarg);
			break;
		default:
			return false;
		}
	}
	return asked->out != NULL && asked->evidence != 0 && argc - optind >= 2 &&
	       argc - optind - 1 <= NAMES_MAX;
}

/* 0: there is none. */
static uint64_t entry_of(struct hst_image *image, const char *name)
{
	const struct hst_function *functions;
	size_t count = hst_image_functions(image, &functions);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(functions[i].linkage, name) == 0 ||
			strcmp(functions[i].name, name) == 0 ||
			strcmp(functions[i].full, name) == 0) {
			return functions[i].address;
		}
	}
	return 0;
}

/* Returns how many were refused. */
static int say(char **names, size_t count, const struct hst_memo_outcome *outcomes)
{
	int refused = 0;

	for (size_t i = 0; i < count; i++) {
		const struct hst_memo_outcome *outcome = &outcomes[i];

		if (outcome->reason == HST_MEMO_PLANNED) {
			printf("planned %s: %u pieces, %u exits, %u without a result\n", names[i],
				outcome->pieces, outcome->exits, outcome->more_exits);
			continue;
		}
		refused++;
		printf("refused %s: %s: %s%s%s%s%s\n", names[i],
			hst_memo_reason_word(outcome->reason),
			hst_memo_reason_text(outcome->reason), outcome->of == NULL ? "" : ": ",
			outcome->of == NULL ? "" : outcome->of, outcome->recipe == 0 ? "" : ": ",
			hst_recipe_text(outcome->recipe));
	}
	return refused;
}

static enum hst_status write_plan(const struct asked *asked, const char *program, char **names,
	size_t count, int *ret_refused, struct hst_diag *diag)
{
	struct hst_memo_wish wishes[NAMES_MAX];
	struct hst_memo_outcome outcomes[NAMES_MAX];
	struct hst_plan_file plan = { 0 };
	struct hst_recipes recipes = { 0 };
	struct hst_image *image = NULL;
	enum hst_status status;

	HST_TRY(hst_image_open(program, NULL, 0, &image, diag));
	status = hst_recipes_read(image, &recipes, diag);
	for (size_t i = 0; status == HST_OK && i < count; i++) {
		wishes[i] = (struct hst_memo_wish){ .fn = entry_of(image, names[i]),
			.evidence = asked->evidence,
			.mxcsr = true,
			.entries = asked->entries,
			.shadow = asked->shadow,
			.ttl_ns = asked->ttl_ns };
	}
	if (status == HST_OK) {
		const struct hst_memo_image of = { image, &recipes, program };

		status = hst_memo_plan_add(&plan, &of, wishes, count, outcomes, diag);
	}
	if (status == HST_OK) {
		*ret_refused = say(names, count, outcomes);
		status = hst_plan_file_write(&plan, asked->out, diag);
	}
	hst_plan_file_finish(&plan);
	hst_recipes_finish(&recipes);
	hst_image_close(image);
	return status;
}

int main(int argc, char **argv)
{
	struct hst_diag diag = { "" };
	struct asked asked;
	int refused = 0;

	if (!read_options(argc, argv, &asked)) {
		fprintf(stderr, "usage: planwrite -o FILE [--entries N] [--shadow N] [--ttl NS] "
				"[--evidence proven|declared|observed] PROGRAM NAME...\n");
		return 2;
	}
	if (write_plan(&asked, argv[optind], argv + optind + 1, (size_t)(argc - optind - 1),
		    &refused, &diag) != HST_OK) {
		fprintf(stderr, "planwrite: %s\n", diag.text);
		return 2;
	}
	return refused > 0 ? 1 : 0;
}
