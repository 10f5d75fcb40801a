/* SPDX-License-Identifier: Apache-2.0 */
/* One function at work: what its instructions do to what is known, and the first one that speaks against a proof. */
#ifndef HST_SYMBOLS_PURITY_WALK_H
#define HST_SYMBOLS_PURITY_WALK_H

#include "symbols/purity_module.h"
#include "symbols/purity_state.h"

struct hst_pwalk {
	const struct hst_module *module;
	struct hst_pstate state; /* at the instruction at hand */
	struct hst_pfacts facts;
	struct hst_thresholds thresholds;
	const struct hst_insn *insn;
	unsigned operand; /* at hand */
	/* Of the last instruction that was refused. */
	enum hst_purity_reason reason;
	char detail[HST_PURITY_TEXT];
};

enum hst_pclass {
	HST_PCLASS_UNKNOWN,
#define HST_PURITY_CLASS(NAME) HST_PCLASS_##NAME,
#define HST_PURITY_INSN(mnemonic, class, to, from, fp)
#include "symbols/purity_insns.def"
#undef HST_PURITY_CLASS
#undef HST_PURITY_INSN
};

struct hst_pinsn {
	uint8_t class;    /* enum hst_pclass */
	uint8_t to, from; /* bytes, or of a lane */
	bool fp;          /* rounds: depends on MXCSR */
};

/* Always false. `detail` may be NULL. */
bool hst_pwalk_refuse(struct hst_pwalk *walk, enum hst_purity_reason reason, const char *detail);

/* The value takes part in what the function does: it belongs to the key. false: refused */
bool hst_pwalk_use(struct hst_pwalk *walk, const struct hst_pval *value, unsigned bytes);

/* An operand of so many bytes, not used yet. false: refused */
bool hst_pwalk_read(
	struct hst_pwalk *walk, unsigned operand, unsigned bytes, struct hst_pval *ret_value);
bool hst_pwalk_write(
	struct hst_pwalk *walk, unsigned operand, unsigned bytes, const struct hst_pval *value);
bool hst_pwalk_write_reg(
	struct hst_pwalk *walk, unsigned reg, unsigned bytes, const struct hst_pval *value);
/* Where a memory operand lies, or what lea makes of it, in `bytes` wide arithmetic. false: refused */
bool hst_pwalk_effective(struct hst_pwalk *walk, const ZydisDecodedOperand *operand, unsigned bytes,
	struct hst_pval *ret_place);
bool hst_pwalk_load(struct hst_pwalk *walk, const struct hst_pval *place, unsigned bytes,
	struct hst_pval *ret_value);
bool hst_pwalk_store(struct hst_pwalk *walk, const struct hst_pval *place, unsigned bytes,
	const struct hst_pval *value);
/* a + b. false: refused */
bool hst_pwalk_add(struct hst_pwalk *walk, const struct hst_pval *a, const struct hst_pval *b,
	unsigned bytes, struct hst_pval *ret_sum);

/* Everything but calls, jumps and returns. false: refused */
bool hst_pwalk_step(struct hst_pwalk *walk);
bool hst_pwalk_arithmetic(struct hst_pwalk *walk);
bool hst_pwalk_vector(struct hst_pwalk *walk, const struct hst_pinsn *what);
bool hst_pwalk_string(struct hst_pwalk *walk);

/* What a branch says of the values that were compared. false: it is never taken (or passed, with !taken) */
bool hst_pwalk_branch(struct hst_pwalk *walk, ZydisMnemonic mnemonic, bool taken);

/* Are all flags that the instruction looks at decided by the key? false: refused */
bool hst_pwalk_test_flags(struct hst_pwalk *walk);

#endif
