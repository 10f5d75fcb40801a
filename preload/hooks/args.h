/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments and results. Where a plan has recipes, both hooks come here by way of what filters do (a set is there, so each
 * looks before it records), and nothing is added to the path that they take otherwise:
 *
 *   __cyg_profile_func_enter ─ filter? ─ hst_enter_args (keeps the registers) ─ hst_args_enter ─ enter, key
 *   __cyg_profile_func_exit  ─ filter? ─ hst_exit_args                        ─ hst_args_exit  ─ result, exit
 *
 * A hook is an ordinary call, so what the function still needs of its arguments lies in registers that a call keeps, or
 * on its stack, and its result is kept there over the exit hook. The analyzer has found out where (include/hasten/plan.h).
 */
#ifndef HST_HOOKS_ARGS_H
#define HST_HOOKS_ARGS_H

#include "core/stream.h"
#include "stacks/shadow.h"

#include <stdint.h>

/* As args_x86_64.S lays them on the stack, below the hook's return address. */
struct hst_registers {
	uint64_t kept[6]; /* rbx, rbp, r12 to r15 */
	uint64_t pad;
	uint64_t ret; /* and above it lies what the hook's caller has on its stack */
};
static_assert(sizeof(struct hst_registers) == 64, "as in the assembly");

/* The stubs, reached by tail jumps with the stack as it came; neither guard nor anything else is done yet. */
void hst_enter_args(void *fn, void *call_site);
void hst_exit_args(void *fn, void *call_site); /* a filter has been asked */

/* What they call. */
void hst_args_enter(void *fn, void *call_site, const struct hst_registers *registers);
void hst_args_exit(void *fn, void *call_site, const struct hst_registers *registers);

/* On the slow paths: the call's enter is the latest record; the innermost call's exit is the next one. Trace mode. */
void hst_args_entered(struct hst_stream *stream, const struct hst_call *call);
void hst_args_leaves(struct hst_stream *stream, const struct hst_call *call);

#endif
