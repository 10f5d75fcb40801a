/* SPDX-License-Identifier: Apache-2.0 */
/* Functions and their proofs at work, for the parts of the proof of purity. */
#ifndef HST_SYMBOLS_PURITY_FLOW_H
#define HST_SYMBOLS_PURITY_FLOW_H

#include "symbols/purity_walk.h"
#include "util/arena.h"
#include "util/vec.h"

enum hst_pstage {
	HST_PSTAGE_NEW,
	HST_PSTAGE_WORKING,     /* further up on the way of calls */
	HST_PSTAGE_PROVISIONAL, /* good if what is further up stays as it was assumed */
	HST_PSTAGE_PROVEN,
	HST_PSTAGE_REFUTED,
};

struct hst_pfunction {
	uint64_t entry;
	enum hst_pstage stage;
	uint32_t depth; /* while WORKING */
	bool wide;      /* vector registers are taken to be keyed in whole */
	bool recursive;
	bool rests_on_never; /* and on purity->never_rests */
	struct hst_pfacts facts;
	struct hst_purity_offence offence;
	enum hst_purity_reason leak; /* an address that is left where results are, at leaks_at */
	uint64_t leaks_at;
	HST_VEC(struct hst_span) rests; /* code that was looked at, not sorted */
	HST_VEC(struct hst_purity_slot) slots;
	HST_VEC(uint32_t) calls; /* numbers of functions */
	const struct hst_purity_proof *proof;
};

struct hst_purity {
	struct hst_image *image;
	struct hst_module module;
	ZydisFormatter formatter;
	HST_VEC(struct hst_pfunction *) functions;
	struct hst_map number_of; /* entry -> number */
	struct hst_map returns;   /* entry -> may it return: 0 no, 1 yes, 2 at work */
	HST_VEC(uint32_t) provisional;
	HST_VEC(struct hst_span)
	never_rests; /* code of functions that do not return, of all of them */
	uint32_t reach_depth;
	uint64_t changes;
	uint64_t work; /* instructions of the function that was asked about */
	bool no_memory;
	struct hst_arena arena;
};

/* A leader: an instruction that more than one way leads to. */
struct hst_pleader {
	uint64_t address;
	struct hst_pstate *state;
	uint32_t visits;
	bool queued;
};

/* One function at work. */
struct hst_pflow {
	struct hst_purity *purity;
	struct hst_pfunction *function;
	uint32_t lowest; /* depth of what it depends on that is not finished */
	HST_VEC(struct hst_pleader) leaders;
	struct hst_map leader_of; /* address -> number */
	struct hst_map seen;      /* address -> leader from which it was passed */
	struct hst_insn insn;
	struct hst_pwalk walk;
	uint32_t insns;
	bool refuted;
	uint64_t offended; /* address */
};

enum hst_pcall {
	HST_PCALL_RETURNS,
	HST_PCALL_NEVER, /* or not yet known to, while recursion is followed */
	HST_PCALL_REFUSED,
};

/* Follows the function's code with what is known of others so far; function->facts grow. *ret_lowest: see hst_pflow. */
void hst_pflow_run(struct hst_purity *purity, struct hst_pfunction *function, uint32_t *ret_lowest);

/* What the call or jump at hand leaves behind, for a direct or indirect target. */
enum hst_pcall hst_pcall_do(struct hst_pflow *flow, bool tail);
/* Is the target a function of its own to jump to, not a part of this one? */
bool hst_pcall_is_function(struct hst_pflow *flow, uint64_t target);

/* May a way from this instruction lead to a return? */
bool hst_preach_returns(
	struct hst_purity *purity, struct hst_pfunction *function, uint64_t address);
/* Does a landing pad of the function's code lead to a return? *ret_pad: which, 0 if they cannot be told. */
bool hst_preach_lands(struct hst_purity *purity, struct hst_pfunction *function, uint64_t *ret_pad);
/* The code at this address is part of what the proof rests on. */
void hst_preach_rest(struct hst_purity *purity, struct hst_pfunction *function, uint64_t address);

/* The function at the entry as far as it is known, analysed if it is new; NULL: no memory, or too deep. */
struct hst_pfunction *hst_pfunction_get(struct hst_purity *purity, uint64_t entry);
void hst_pfunction_analyse(struct hst_purity *purity, struct hst_pfunction *function,
	uint32_t depth, uint32_t *ret_lowest);

#endif
