/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows values through a stretch of code: which register or which place in memory holds what a
 * register or a place held at its beginning.
 *
 *   start:  rdi = REGISTER rdi    rsp = POINTER 0
 *   push %rbp; mov %rsp,%rbp      rbp = POINTER -8
 *   mov %edi,-4(%rbp)             stores: -12..-8 = REGISTER rdi, 4 bytes
 */
#ifndef HST_SYMBOLS_RECIPES_FOLLOW_H
#define HST_SYMBOLS_RECIPES_FOLLOW_H

#include "symbols/recipes_code.h"

#define HST_FOLLOW_STORES 64u

enum hst_followed_kind {
	HST_FOLLOWED_UNKNOWN,
	HST_FOLLOWED_REGISTER, /* what `reg` held at the start */
	HST_FOLLOWED_MEMORY,   /* what lay at the start at rsp (or rbp, `reg`) + number */
	HST_FOLLOWED_POINTER,  /* rsp of the start + number */
	HST_FOLLOWED_CONSTANT,
};

enum hst_followed_extension {
	HST_EXTENDED_NOT,
	HST_EXTENDED_ZERO,
	HST_EXTENDED_SIGN,
};

struct hst_followed {
	enum hst_followed_kind kind;
	uint8_t reg;
	uint8_t width;     /* so many low bytes are what is said */
	uint8_t extension; /* what the bytes above are, up to `reach` */
	uint8_t reach;
	bool low_bit; /* only its lowest bit was kept: harmless in a bool */
	int64_t number;
};

struct hst_follow_store {
	uint8_t base; /* HST_REG_RSP: rsp of the start, HST_REG_RBP: rbp of the start */
	uint8_t width;
	int64_t offset;
	struct hst_followed value;
};

struct hst_follow {
	struct hst_followed regs[HST_REGS];
	struct hst_follow_store stores[HST_FOLLOW_STORES];
	uint32_t store_count;
	bool wild; /* something was stored to an unknown place, or too much to remember */
};

enum hst_follow_next {
	HST_FOLLOW_ON,
	HST_FOLLOW_CALL,
	HST_FOLLOW_JUMP,   /* to *ret_target, if that is not 0 */
	HST_FOLLOW_BRANCH, /* to *ret_target, or on */
	HST_FOLLOW_RETURN,
	HST_FOLLOW_STOP, /* cannot be followed */
};

void hst_follow_start(struct hst_follow *follow);
/* Does what one instruction does. A call leaves the caller-saved registers unknown. */
enum hst_follow_next hst_follow_step(
	struct hst_follow *follow, const struct hst_insn *insn, uint64_t *ret_target);

/* The last store that touches these bytes, NULL: none. */
const struct hst_follow_store *hst_follow_stored(
	const struct hst_follow *follow, uint8_t base, int64_t offset, unsigned width);

#endif
