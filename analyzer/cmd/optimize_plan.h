/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of `hasten optimize -o PLAN`: which functions are to be answered from caches.
 *
 *   optimize_plan.c        the way of a recording to a plan
 *   optimize_candidates.c  functions with keys, and what can be said of each before any gain is reckoned
 *   optimize_prove.c       proofs from the code
 *   optimize_edit.c        a plan that is there, without some of its functions
 *   optimize_auto.c        record, plan and verify in one
 *   optimize_table.c, optimize_plan_json.c    the forms of output
 */
#ifndef HST_CMD_OPTIMIZE_PLAN_H
#define HST_CMD_OPTIMIZE_PLAN_H

#include "cmd/common.h"
#include "cmd/optimize.h"
#include "passes/cache_gather.h"
#include "plan/filter.h"
#include "plan/memo_choose.h"
#include "plan/memo_plan.h"
#include "plan/plan_read.h"

#define HST_CANDIDATE_TEXT 512

/* A file with candidates. */
struct hst_optimize_image {
	struct hst_image *image; /* borrowed from the profile */
	const char *path;
	struct hst_recipes recipes;
	struct hst_optimize_proofs *proofs; /* NULL: none can be made */
	bool readable;
	char trouble[HST_CANDIDATE_TEXT]; /* why it is not */
};

struct hst_optimize_candidate {
	uint32_t row;   /* of the profile */
	uint32_t image; /* UINT32_MAX: in none that can be read */
	uint64_t entry;
	uint8_t evidence; /* enum hst_plan_evidence, 0: none */
	bool declared;    /* by the user */
	enum hst_memo_choice_of choice;
	char why[HST_CANDIDATE_TEXT]; /* more about that; "" */
	struct hst_memo_wish wish;
	struct hst_memo_outcome outcome;
	const struct hst_cache_function *function;
};

struct hst_optimize_plan {
	struct hst_reading *reading;
	struct hst_profile profile;
	struct hst_cache_gather gather;
	struct hst_filter *only, *without; /* NULL: all, none */
	struct hst_plan_content
		before; /* of a plan that is to be replaced; its revoked functions */
	HST_VEC(struct hst_optimize_image) images;
	HST_VEC(struct hst_optimize_candidate) candidates; /* most gain first, in the end */
	struct hst_cache worth;  /* of those that can be answered: none counted twice */
	struct hst_cache others; /* of the rest, each alone */
	size_t planned;
	double gain_ns, low_ns, high_ns; /* of all planned ones */
	struct hst_optimize production;  /* flags of a build with hooks in these only */
	bool has_production;
};

/* Lists the functions with keys, and what speaks against each. HST_E_MEMORY, or a sentence. */
HST_NODISCARD enum hst_status hst_optimize_list(
	struct hst_optimize_plan *plan, size_t logs, struct hst_diag *diag);
void hst_optimize_images_finish(struct hst_optimize_plan *plan);

/* Can it be answered, as far as is known without its gain? */
static inline bool hst_optimize_can(const struct hst_optimize_candidate *candidate)
{
	return candidate->choice == HST_MEMO_CHOICE_PLANNED;
}

/* Is the name chosen by --only and --without? */
bool hst_optimize_is_chosen(const struct hst_optimize_plan *plan, const char *name,
	const char *full, const char *linkage, const char *module, const char *file);

/* Sets evidence and what the key is made of, or a reason in `choice` and `why`. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_optimize_prove(
	struct hst_optimize_image *image, struct hst_optimize_candidate *candidate);
void hst_optimize_proofs_finish(struct hst_optimize_image *image);

/* May a plan be written there? Says why not. */
int hst_optimize_plan_place(const struct hst_reading *reading);
/* `hasten optimize PLAN --only ... -o PLAN`. */
int hst_optimize_edit(struct hst_reading *reading);
/* Is this a file that looks like a plan? */
bool hst_optimize_is_plan(const char *path);

int hst_optimize_make_plan(struct hst_reading *reading);
/* --auto: it stands before the command. */
bool hst_optimize_is_auto(int argc, char **argv);
int hst_optimize_auto(
	struct hst_reading *reading, int argc, char **argv, const struct hst_option *table);
enum hst_status hst_optimize_plan_text(struct hst_optimize_plan *plan);
void hst_optimize_plan_json(struct hst_optimize_plan *plan);

/* Flags of a build in which the functions of the plan alone have hooks. */
HST_NODISCARD enum hst_status hst_optimize_production(
	struct hst_optimize_plan *plan, struct hst_diag *diag);
#endif
