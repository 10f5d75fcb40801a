/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are answered from a cache. Where a plan has such functions, the hooks ask for the address that they return to before
 * anything else, filters included:
 *
 *   __cyg_profile_func_enter ─ site? ─ hst_enter_memo (keeps the registers) ─ hst_memo_enter ─┬ answered: return to the caller
 *                                                                                             └ else on, as ever
 *   __cyg_profile_func_exit  ─ site? ─ hst_exit_memo                        ─ hst_memo_exit  ── the result is stored, on
 *
 * An answered call ends in its enter hook: the registers that a function has to restore are restored from where the function has
 * saved them, the result is put where the caller looks for it, and the stack pointer to behind the return address. The body does
 * not run, nor does the exit hook.
 */
#ifndef HST_HOOKS_MEMO_H
#define HST_HOOKS_MEMO_H

#include "apply/memo.h"

#include <stdint.h>

/* As memo_x86_64.S lays it on the stack, below the hook's return address. */
struct hst_memo_frame {
	uint64_t kept[6]; /* rbx, rbp, r12 to r15 */
	uint64_t fn;
	uint64_t call_site;
	uint64_t value; /* set where the call is answered, and `cfa` */
	uint64_t cfa;
	uint64_t pad;
	uint64_t ret;
};

/* Reached by tail jumps, with the stack as it came. */
void hst_enter_memo(void *fn, void *call_site);
void hst_exit_memo(void *fn, void *call_site, const struct hst_memo_way_out *way);

/* A hook of a function that no plan knows, where nothing is recorded: returns, at most a new module is looked for. */
void hst_enter_unknown(void *fn, void *call_site);

/* Modules went: whatever is at their addresses now was not met. */
void hst_memo_forget_pages(void);

/* What the stubs call. 1: the call is answered. */
uint32_t hst_memo_enter(struct hst_memo_frame *frame, struct hst_memo *memo);
void hst_memo_exit(const struct hst_memo_frame *frame, const struct hst_memo_way_out *way);

/* Where the stub of the exit hook goes on: filters, recipes, the record. */
void hst_exit_judged(void *fn, void *call_site);

#endif
