/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a function pure? A proof from its machine code: all that a normal return leaves behind is its result, and that is a
 * function of the registers and stack slots that it reads as they were at its entry (the key). docs/purity.md has the
 * rules, each with its reason, and what the proof assumes. What is not understood is refuted.
 *
 *   key       what the body may read before it writes it, itself or in what it calls
 *   result    how many low bytes of rax, rdx, xmm0, xmm1 are decided by the key at every normal return
 *   rests     the code that the proof was made from: it holds only for these bytes
 *   slots     entries of the global offset table that must lead where the proof says
 */
#ifndef HST_SYMBOLS_PURITY_H
#define HST_SYMBOLS_PURITY_H

#include "symbols/elf_file.h"
#include "symbols/symbols.h"

enum hst_purity_reason {
	HST_PURITY_NO_REASON = 0,
#define HST_PURITY_REASON(NAME, word, text) HST_PURITY_##NAME,
#include "symbols/purity_reasons.def"
#undef HST_PURITY_REASON
	HST_PURITY_REASONS,
};

#define HST_PURITY_TEXT 160u

/* The first offending instruction. */
struct hst_purity_offence {
	enum hst_purity_reason reason;
	uint64_t address;             /* of the instruction, in the file */
	uint64_t function;            /* entry of the function that was asked about */
	char detail[HST_PURITY_TEXT]; /* what %s in the reason's text stands for, empty: nothing */
	char insn[HST_PURITY_TEXT];   /* as assembler text */
	char sentence[2 * HST_PURITY_TEXT]; /* the reason with its detail */
	const char *file; /* of the source, NULL unknown; borrowed from the image */
	uint32_t line;
};

/* A register at entry and so many of its low bytes. Registers have their DWARF numbers (17: xmm0). */
struct hst_purity_reg {
	uint8_t reg;
	uint8_t bytes; /* 1, 2, 4, 8, 16 */
};

/* A slot of the caller's frame: it lies at the call frame address (rsp + 8 at entry) + offset. */
struct hst_purity_stack {
	int32_t offset;
	uint32_t bytes;
};

/* A slot of the global offset table that must hold what the proof says when the program runs. */
struct hst_purity_slot {
	uint64_t slot;      /* file address */
	uint64_t target;    /* file address in the same module, 0: `symbol` of `module` */
	const char *symbol; /* NULL unless target is 0 */
	const char *module; /* e.g. "libm.so.6" */
};

enum {
	HST_PURITY_RAX,
	HST_PURITY_RDX,
	HST_PURITY_XMM0,
	HST_PURITY_XMM1,
	HST_PURITY_RESULTS,
};

struct hst_purity_result {
	uint8_t reg;       /* DWARF number */
	uint8_t bytes;     /* decided by the key, 0: it holds no result */
	bool run_specific; /* an address of the module: not to be kept beyond this run */
	/* What belongs to the key only if this register is the result: it was passed on untouched. */
	uint8_t more[33]; /* bytes, by register */
};

struct hst_purity_proof {
	bool proven;
	struct hst_purity_offence offence; /* if not proven */
	/* If proven: */
	/* What decides which way it goes. What its result hands on comes on top: ask hst_purity_key for the whole. */
	const struct hst_purity_reg *regs;
	size_t reg_count;
	const struct hst_purity_stack *stack; /* ascending, disjoint */
	size_t stack_count;
	struct hst_purity_result results[HST_PURITY_RESULTS];
	const struct hst_span *rests; /* ascending, disjoint; file addresses */
	size_t rest_count;
	const struct hst_purity_slot *slots;
	size_t slot_count;
	const uint64_t *
		calls; /* entries of the functions of this module that it calls, without what those call */
	size_t call_count;
	bool uses_fp; /* MXCSR (without its exception flags) belongs to the key */
	bool recursive;
};

struct hst_purity;

/*
 * `image` must outlive *ret_purity. HST_E_UNSUPPORTED (not x86-64, text is relocated, a file that cannot be read),
 * HST_E_MEMORY, with a sentence.
 */
HST_NODISCARD enum hst_status hst_purity_open(
	struct hst_image *image, struct hst_purity **ret_purity, struct hst_diag *diag);
/* Accepts NULL. */
void hst_purity_close(struct hst_purity *purity);

/*
 * The proof, or what speaks against it, for the function whose entry is at this file address. Made at the first question
 * and kept; borrowed until the close. NULL: no memory.
 */
const struct hst_purity_proof *hst_purity_prove(struct hst_purity *purity, uint64_t entry);

/* Instructions that were followed for the last answer. */
uint64_t hst_purity_work(const struct hst_purity *purity);

/* Can code of this module ask which floating-point exceptions were raised? Then no function that `uses_fp` may be skipped. */
bool hst_purity_asks_fp_status(const struct hst_purity *purity);

/* The whole key for a result in these registers (bits 1 << HST_PURITY_RAX...): so many of `ret_regs`, which has room for 33. */
size_t hst_purity_key(
	const struct hst_purity_proof *proof, unsigned results, struct hst_purity_reg *ret_regs);

/* Name of a register of so many bytes as assemblers write it ("edi"). */
const char *hst_purity_register(unsigned reg, unsigned bytes);
/* The word of a reason; "" for none. */
const char *hst_purity_word(enum hst_purity_reason reason);

#endif
