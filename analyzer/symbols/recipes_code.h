/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine code of a file, instruction by instruction, and what it calls through the tables of its
 * linker. The only user of Zydis's decoder. Registers have their DWARF numbers throughout.
 */
#ifndef HST_SYMBOLS_RECIPES_CODE_H
#define HST_SYMBOLS_RECIPES_CODE_H

#include "symbols/elf_file.h"
#include "util/map.h"

#include <Zydis/Zydis.h>

enum {
	HST_REG_RAX = 0,
	HST_REG_RDX = 1,
	HST_REG_RCX = 2,
	HST_REG_RBX = 3,
	HST_REG_RSI = 4,
	HST_REG_RDI = 5,
	HST_REG_RBP = 6,
	HST_REG_RSP = 7,
	HST_REG_GENERAL = 16, /* so many general ones */
	HST_REG_XMM0 = 17,
	HST_REGS = 33, /* 16 is the return address: none */
};

/* What a slot of the global offset table, or a stub, leads to. */
enum hst_code_role {
	HST_CODE_NONE,
	HST_CODE_ENTER,
	HST_CODE_EXIT,
	HST_CODE_STACK_FAIL, /* __stack_chk_fail: does not return */
	HST_CODE_UNWIND,     /* _Unwind_Resume: goes on with an exception */
};

struct hst_code_part {
	uint64_t lo, hi;
	const uint8_t *bytes; /* borrowed from libelf */
};

struct hst_code_slot {
	uint64_t slot;
	uint64_t address; /* in this file, 0: elsewhere or unknown */
	enum hst_code_role role;
	uint32_t relocation; /* R_X86_64_* */
	const char *name;    /* of the symbol, NULL: none; borrowed from libelf */
};

struct hst_code {
	ZydisDecoder decoder;
	struct hst_code_part *parts; /* ascending */
	size_t part_count, part_capacity;
	uint64_t bytes;              /* of all parts */
	struct hst_code_slot *slots; /* ascending */
	size_t slot_count, slot_capacity;
	struct hst_map stubs; /* address -> role */
};

struct hst_insn {
	ZydisDecodedInstruction info;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	uint64_t address;
};

/* HST_E_UNSUPPORTED: not x86-64; HST_E_MEMORY. `elf` must outlive *ret_code. */
HST_NODISCARD enum hst_status hst_code_open(const struct hst_elf *elf, struct hst_code *ret_code);
/* Accepts a zeroed object. */
void hst_code_close(struct hst_code *code);

/* The instruction at `address`, which must end before `end`. false: there is none. */
bool hst_code_decode(
	const struct hst_code *code, uint64_t address, uint64_t end, struct hst_insn *ret_insn);

/* The slot of the global offset table at the address, NULL: none. */
const struct hst_code_slot *hst_code_slot(const struct hst_code *code, uint64_t address);
/* The slot that a stub at `target` jumps through, NULL: it is no stub, or the slot is unknown. */
const struct hst_code_slot *hst_code_stub(const struct hst_code *code, uint64_t target);
/* What a direct call or jump to `target` ends up at. */
enum hst_code_role hst_code_target(struct hst_code *code, uint64_t target);

/* DWARF number of the register that holds this one, HST_REGS if it is none of ours. */
unsigned hst_code_register(ZydisRegister reg);
/* Is it ah, bh, ch or dh? */
bool hst_code_is_high(ZydisRegister reg);
/* Operand `i` is an immediate, relative to the instruction: where it leads to. */
bool hst_code_relative(const struct hst_insn *insn, unsigned i, uint64_t *ret_target);
/* Operand `i` is memory at a fixed address (by rip, or absolute). */
bool hst_code_fixed(const struct hst_insn *insn, unsigned i, uint64_t *ret_address);

static inline uint64_t hst_insn_end(const struct hst_insn *insn)
{
	return insn->address + insn->info.length;
}

static inline bool hst_reg_is_saved(unsigned reg)
{
	return reg == HST_REG_RBX || reg == HST_REG_RBP || (reg >= 12 && reg <= 15);
}

#endif
