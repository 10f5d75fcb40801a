/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of our hooks in the running program, made to do nothing and back, each by one byte:
 *
 *   e8 rel32      call hook@plt          a9 imm32        test $imm32, %eax
 *   ff 15 disp32  call *hook@got(%rip)   85 15 disp32    test %edx, hook@got(%rip)
 *   e9 rel32      jmp hook@plt           c3              ret
 *   ff 25 disp32  jmp *hook@got(%rip)    c3              ret
 *
 * Where the kernel makes all cores see new code (membarrier), the first of them becomes a NOP in two steps more, since a test
 * takes a place in the processor that a NOP does not: its operand means nothing, so it is written, all cores are told, and then the first byte:
 *
 *   a9 imm32      a9 1f 44 00 00         0f 1f 44 00 00  nopl 0(%rax,%rax,1)
 *
 * A call keeps its length and changes flags only, which are dead across a call. The exit hook is jumped to where a function has
 * nothing else to do: what it would return to is on the stack, and the function returns there itself. What makes another
 * instruction of it is one byte, so that another thread executes the one or the other instruction and nothing in between.
 *
 * A call is known by the address that a hook was called from; where a jump comes from, nobody knows: apply/jumps.c looks
 * for it.
 *
 * One caller at a time, with signals held back; the caller also makes sure that the code does not go away meanwhile.
 */
#ifndef HST_APPLY_PATCH_H
#define HST_APPLY_PATCH_H

#include "core/procfs.h"

#include <stdbool.h>
#include <stdint.h>

enum hst_quiet {
	HST_QUIET_NOT = 0,   /* the operand is the call's */
	HST_QUIET_READY = 1, /* the operand is the NOP's */
	HST_QUIET_NOP = 2,
};

struct hst_patch_site {
	uint64_t ret;     /* where the instruction ends: a called hook returns there */
	bool jump;        /* not a call */
	uint64_t at;      /* the byte; 0: it cannot be changed */
	uint32_t operand; /* the instruction's last four bytes */
	uint8_t armed;    /* the byte as the compiler made it */
	uint8_t disarmed;
	uint8_t second; /* the byte behind it, if it is no part of the operand */
	bool slot;      /* the operand names the place that holds the hook's address */
	bool off;       /* it is disarmed now */
	uint8_t quiet;  /* enum hst_quiet */
};

#define HST_PATCH_SITE_MAX 6u /* bytes of an instruction */

/* So many sites are looked at in one go. */
#define HST_PATCH_BATCH 64u

/* Once, at start: asks the kernel for the barrier that makes all cores see new code. */
void hst_patch_start(void);

/* The place of the table that a jump in executable memory, which ends here, takes its target from; 0: it is no such jump. */
uint64_t hst_patch_jump_slot(const struct hst_mapping *text, uint64_t end);

/* Fills sites of which `ret` and `jump` are set, HST_PATCH_BATCH at most: those that lead to this function get an `at`. */
void hst_patch_find(struct hst_patch_site *sites, uint32_t count, uint64_t hook);

/*
 * Disarms or arms all of them; those that are so already stay. false: some could not be changed, because the bytes are
 * not the expected ones (a breakpoint) or memory cannot be made writable.
 */
bool hst_patch_set(struct hst_patch_site *const *sites, uint32_t count, bool off);

/* In a forked child: what a thread of the parent was about to do ends here. */
void hst_patch_forked(void);

/* The system does not let code be changed: nothing will be tried again. */
bool hst_patch_is_refused(void);

#endif
