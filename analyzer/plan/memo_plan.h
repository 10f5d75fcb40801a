/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that are to be answered from a cache, as sections of a plan (hasten/plan.h): for each the one call of the enter
 * hook in its own code, how that hook can leave the function, where the key lies, on which ways out the result is
 * known, and the code that all this rests on. docs/memo.md.
 *
 *   memo_plan_sites.c    recipes and frames -> enter, key, exits
 *   memo_plan_live.c     the key of a proven function
 *   memo_plan_code.c     ranges of code and their hashes
 *   memo_plan.c          the sections
 */
#ifndef HST_PLAN_MEMO_PLAN_H
#define HST_PLAN_MEMO_PLAN_H

#include "plan/plan_file.h"
#include "symbols/elf_file.h"
#include "symbols/recipes.h"

enum hst_memo_reason {
	HST_MEMO_PLANNED = 0,
#define HST_MEMO_REASON(NAME, word, text) HST_MEMO_##NAME,
#include "plan/memo_plan_reasons.def"
#undef HST_MEMO_REASON
	HST_MEMO_REASONS,
};

/* Of a proof. What a function's code reads at entry: part of a register, or of the stack. */
struct hst_memo_live {
	uint8_t reg;   /* DWARF number as in symbols/recipes_code.h; HST_REGS: on the stack */
	uint8_t width; /* so many low bytes */
	int64_t stack; /* offset from the call frame address */
};

/* What is asked for a function. */
struct hst_memo_wish {
	uint64_t fn;      /* file address of the entry */
	uint8_t evidence; /* enum hst_plan_evidence */
	bool mxcsr;       /* it computes in floating point, or that is not known */
	uint32_t entries, shadow;
	uint64_t ttl_ns;
	/* The key is what is live, not the parameters: of PROVEN, where there is a proof. */
	bool by_live;
	const struct hst_memo_live *live;
	size_t live_count;
	uint8_t decided_rax, decided_xmm0; /* so many low bytes of these hang on the key alone */
	/* Further code that the evidence rests on, and slots that must lead where they did; may be none. */
	const struct hst_span *code;
	size_t code_count;
	const struct hst_plan_slot *slots;
	size_t slot_count;
	/* Further pieces of the key: memory at fixed addresses. */
	const struct hst_plan_piece *fixed;
	size_t fixed_count;
};

/* What became of it. */
struct hst_memo_outcome {
	uint8_t reason; /* enum hst_memo_reason */
	uint8_t recipe; /* enum hst_recipe_reason that explains ARGUMENT, RESULT or NO_EXIT; 0 none */
	const char *of;      /* the argument's name, borrowed from the recipes; NULL none */
	uint16_t pieces;     /* of the key */
	uint32_t exits;      /* on which the result is known */
	uint32_t more_exits; /* on which it is not: calls that end there are not stored */
};

/* A file with such functions. */
struct hst_memo_image {
	struct hst_image *image;
	const struct hst_recipes *recipes;
	const char *path;
};

/*
 * Adds the sections of one image for the functions that can be; `ret_outcomes` has `count` of them. An image without any
 * gets no section. HST_E_UNSUPPORTED (no build-id), HST_E_LIMIT, HST_E_MEMORY, with a sentence that names its path.
 */
HST_NODISCARD enum hst_status hst_memo_plan_add(struct hst_plan_file *plan,
	const struct hst_memo_image *of, const struct hst_memo_wish *wishes, size_t count,
	struct hst_memo_outcome *ret_outcomes, struct hst_diag *diag);

/* The word and the sentence for a reason; "" for PLANNED. */
const char *hst_memo_reason_word(unsigned reason);
const char *hst_memo_reason_text(unsigned reason);

#endif
