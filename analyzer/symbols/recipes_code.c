/* SPDX-License-Identifier: Apache-2.0 */
/* Code bytes by libelf, instructions by Zydis, the linker's slots by the relocations. All addresses are checked. */
#include "symbols/recipes_code.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/grow.h"
#include "symbols/symbols.h"

#define SLOTS_MAX (UINT32_C(8) << 20)

static int part_by_lo(const void *a, const void *b)
{
	const struct hst_code_part *x = a;
	const struct hst_code_part *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static int slot_by_address(const void *a, const void *b)
{
	const struct hst_code_slot *x = a;
	const struct hst_code_slot *y = b;

	if (x->slot != y->slot) {
		return x->slot < y->slot ? -1 : 1;
	}
	return x->role > y->role ? -1 : x->role < y->role;
}

static enum hst_status add_part(struct hst_code *code, Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Data *data = elf_rawdata(section, NULL);
	struct hst_code_part *part;

	if (data == NULL || data->d_buf == NULL || data->d_size == 0 ||
		header->sh_addr + data->d_size < header->sh_addr) {
		return HST_OK;
	}
	part = hst_push(&code->parts, &code->part_count, &code->part_capacity, sizeof *part);
	if (part == NULL) {
		return HST_E_MEMORY;
	}
	*part = (struct hst_code_part){
		.lo = header->sh_addr, .hi = header->sh_addr + data->d_size, .bytes = data->d_buf
	};
	code->bytes += data->d_size;
	return HST_OK;
}

static enum hst_code_role role_of(const char *name)
{
	static const struct {
		const char *name;
		enum hst_code_role role;
	} roles[] = {
		{ "__cyg_profile_func_enter", HST_CODE_ENTER },
		{ "__cyg_profile_func_exit", HST_CODE_EXIT },
		{ "__stack_chk_fail", HST_CODE_STACK_FAIL },
		{ "_Unwind_Resume", HST_CODE_UNWIND },
	};

	for (size_t i = 0; name != NULL && i < sizeof roles / sizeof roles[0]; i++) {
		if (strcmp(name, roles[i].name) == 0) {
			return roles[i].role;
		}
	}
	return HST_CODE_NONE;
}

/* What one relocation puts into its slot. */
static void fill_slot(Elf *handle, Elf_Data *symbols, size_t names, const GElf_Rela *rela,
	struct hst_code_slot *slot)
{
	GElf_Sym symbol;

	slot->relocation = (uint32_t)GELF_R_TYPE(rela->r_info);
	switch (slot->relocation) {
	case R_X86_64_RELATIVE:
		slot->address = (uint64_t)rela->r_addend;
		break;
	case R_X86_64_GLOB_DAT:
	case R_X86_64_JUMP_SLOT:
	case R_X86_64_64:
		if (symbols != NULL &&
			gelf_getsym(symbols, (int)GELF_R_SYM(rela->r_info), &symbol) != NULL) {
			slot->name = elf_strptr(handle, names, symbol.st_name);
			slot->role = role_of(slot->name);
			/* Of an indirect function, the address is that of what chooses one. */
			slot->address =
				symbol.st_shndx == SHN_UNDEF ||
						GELF_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC
					? 0
					: symbol.st_value + (uint64_t)rela->r_addend;
		}
		break;
	default:
		break;
	}
}

static enum hst_status add_slots(
	struct hst_code *code, Elf *handle, Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	Elf_Scn *table = elf_getscn(handle, header->sh_link);
	Elf_Data *symbols = table == NULL ? NULL : elf_getdata(table, NULL);
	GElf_Shdr symbols_header;
	GElf_Rela rela;

	if (data == NULL) {
		return HST_OK;
	}
	if (symbols != NULL && (gelf_getshdr(table, &symbols_header) == NULL ||
				       (symbols_header.sh_type != SHT_DYNSYM &&
					       symbols_header.sh_type != SHT_SYMTAB))) {
		symbols = NULL;
	}
	for (int i = 0; gelf_getrela(data, i, &rela) != NULL; i++) {
		struct hst_code_slot found = { .slot = rela.r_offset };
		struct hst_code_slot *slot;

		fill_slot(handle, symbols, symbols == NULL ? 0 : symbols_header.sh_link, &rela,
			&found);
		if (found.name == NULL && found.address == 0) {
			continue;
		}
		slot = code->slot_count >= SLOTS_MAX ? NULL
						     : hst_push(&code->slots, &code->slot_count,
							       &code->slot_capacity, sizeof *slot);
		if (slot == NULL) {
			return HST_E_MEMORY;
		}
		*slot = found;
	}
	return HST_OK;
}

static enum hst_status read_section(struct hst_code *code, Elf *handle, Elf_Scn *section)
{
	GElf_Shdr header;

	if (gelf_getshdr(section, &header) == NULL || header.sh_type == SHT_NOBITS ||
		(header.sh_flags & SHF_ALLOC) == 0) {
		return HST_OK;
	}
	if ((header.sh_flags & SHF_EXECINSTR) != 0) {
		HST_TRY(add_part(code, section, &header));
	}
	return header.sh_type == SHT_RELA ? add_slots(code, handle, section, &header) : HST_OK;
}

static enum hst_status read_sections(struct hst_code *code, Elf *handle)
{
	Elf_Scn *section = elf_nextscn(handle, NULL);
	enum hst_status status = HST_OK;

	for (; section != NULL && status == HST_OK; section = elf_nextscn(handle, section)) {
		status = read_section(code, handle, section);
	}
	return status;
}

enum hst_status hst_code_open(const struct hst_elf *elf, struct hst_code *ret_code)
{
	struct hst_code code = { 0 };
	GElf_Ehdr header;
	enum hst_status status;

	if (gelf_getehdr(elf->handle, &header) == NULL || header.e_machine != EM_X86_64 ||
		(elf->flags & HST_IMAGE_32BIT) != 0) {
		return HST_E_UNSUPPORTED;
	}
	if (!ZYAN_SUCCESS(ZydisDecoderInit(
		    &code.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64))) {
		return HST_E_UNSUPPORTED;
	}
	status = read_sections(&code, elf->handle);
	if (status != HST_OK) {
		hst_code_close(&code);
		return status;
	}
	if (code.part_count > 1) {
		qsort(code.parts, code.part_count, sizeof *code.parts, part_by_lo);
	}
	if (code.slot_count > 1) {
		qsort(code.slots, code.slot_count, sizeof *code.slots, slot_by_address);
	}
	*ret_code = code;
	return HST_OK;
}

void hst_code_close(struct hst_code *code)
{
	free(code->parts);
	free(code->slots);
	hst_map_finish(&code->stubs);
	*code = (struct hst_code){ 0 };
}

bool hst_code_decode(
	const struct hst_code *code, uint64_t address, uint64_t end, struct hst_insn *ret_insn)
{
	size_t lo = 0;
	size_t hi = code->part_count;
	const struct hst_code_part *part;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (code->parts[mid].lo <= address) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	if (lo == 0 || address >= code->parts[lo - 1].hi || address >= end) {
		return false;
	}
	part = &code->parts[lo - 1];
	end = end < part->hi ? end : part->hi;
	ret_insn->address = address;
	return ZYAN_SUCCESS(
		ZydisDecoderDecodeFull(&code->decoder, part->bytes + (address - part->lo),
			end - address, &ret_insn->info, ret_insn->operands));
}

const struct hst_code_slot *hst_code_slot(const struct hst_code *code, uint64_t address)
{
	size_t lo = 0;
	size_t hi = code->slot_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (code->slots[mid].slot < address) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return lo < code->slot_count && code->slots[lo].slot == address ? &code->slots[lo] : NULL;
}

/* A stub: [endbr64] jmp *slot(%rip) */
const struct hst_code_slot *hst_code_stub(const struct hst_code *code, uint64_t target)
{
	struct hst_insn insn;
	uint64_t address;

	if (!hst_code_decode(code, target, UINT64_MAX, &insn)) {
		return NULL;
	}
	if (insn.info.mnemonic == ZYDIS_MNEMONIC_ENDBR64 &&
		!hst_code_decode(code, hst_insn_end(&insn), UINT64_MAX, &insn)) {
		return NULL;
	}
	if (insn.info.mnemonic != ZYDIS_MNEMONIC_JMP || !hst_code_fixed(&insn, 0, &address)) {
		return NULL;
	}
	return hst_code_slot(code, address);
}

static enum hst_code_role stub_role(const struct hst_code *code, uint64_t target)
{
	const struct hst_code_slot *slot = hst_code_stub(code, target);

	return slot == NULL ? HST_CODE_NONE : slot->role;
}

enum hst_code_role hst_code_target(struct hst_code *code, uint64_t target)
{
	uint32_t role;

	if (hst_map_get(&code->stubs, target, &role)) {
		return role;
	}
	role = stub_role(code, target);
	/* Without memory it is looked up again next time. */
	(void)(hst_map_put(&code->stubs, target, role) == HST_OK);
	return role;
}

unsigned hst_code_register(ZydisRegister reg)
{
	static const uint8_t general[] = { HST_REG_RAX, HST_REG_RCX, HST_REG_RDX, HST_REG_RBX,
		HST_REG_RSP, HST_REG_RBP, HST_REG_RSI, HST_REG_RDI, 8, 9, 10, 11, 12, 13, 14, 15 };
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	if (whole >= ZYDIS_REGISTER_RAX && whole <= ZYDIS_REGISTER_R15) {
		return general[whole - ZYDIS_REGISTER_RAX];
	}
	if (whole >= ZYDIS_REGISTER_ZMM0 && whole <= ZYDIS_REGISTER_ZMM15) {
		return (unsigned)(HST_REG_XMM0 + (whole - ZYDIS_REGISTER_ZMM0));
	}
	return HST_REGS;
}

bool hst_code_is_high(ZydisRegister reg)
{
	return reg == ZYDIS_REGISTER_AH || reg == ZYDIS_REGISTER_BH || reg == ZYDIS_REGISTER_CH ||
	       reg == ZYDIS_REGISTER_DH;
}

bool hst_code_relative(const struct hst_insn *insn, unsigned i, uint64_t *ret_target)
{
	const ZydisDecodedOperand *operand = &insn->operands[i];

	if (i >= insn->info.operand_count || operand->type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
		!operand->imm.is_relative) {
		return false;
	}
	*ret_target = hst_insn_end(insn) + operand->imm.value.u;
	return true;
}

bool hst_code_fixed(const struct hst_insn *insn, unsigned i, uint64_t *ret_address)
{
	const ZydisDecodedOperand *operand = &insn->operands[i];

	if (i >= insn->info.operand_count || operand->type != ZYDIS_OPERAND_TYPE_MEMORY ||
		operand->mem.index != ZYDIS_REGISTER_NONE ||
		(operand->mem.segment != ZYDIS_REGISTER_DS &&
			operand->mem.segment != ZYDIS_REGISTER_NONE)) {
		return false;
	}
	if (operand->mem.base == ZYDIS_REGISTER_RIP) {
		*ret_address = hst_insn_end(insn) + (uint64_t)operand->mem.disp.value;
		return true;
	}
	*ret_address = (uint64_t)operand->mem.disp.value;
	return operand->mem.base == ZYDIS_REGISTER_NONE;
}
