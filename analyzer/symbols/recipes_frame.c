/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .eh_frame: common entries (CIE), and for each function one (FDE) with a small program that says how the call frame
 * address moves, and where it saves registers. Every length is checked against what is left.
 */
#include "symbols/recipes_frame.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/grow.h"
#include "symbols/recipes_cursor.h"

#define ENCODING_NONE    0x100u
#define REMEMBERED_MAX   16u
#define ENCODED_RELATIVE 0x10u
#define WORD             8

struct cie {
	uint64_t code_align;
	int64_t data_align;
	unsigned encoding; /* of addresses */
	uint64_t return_column;
	bool signal;
	unsigned lands; /* of the address of the table of landing pads; ENCODING_NONE: has none */
	bool odd;       /* its augmentation is not understood */
	struct hst_cursor program;
};

/* Where the caller's value of a register is. */
enum saved_kind {
	SAVED_NOT, /* no rule: the register still has it */
	SAVED_AT,  /* in memory, at the call frame address + offset */
	SAVED_ELSE,
};

struct saved_rule {
	enum saved_kind kind;
	int64_t offset;
};

/* A row: what holds at an address. */
struct rule {
	uint64_t reg;
	int64_t offset;
	bool known;
	bool strange; /* a rule of a register that is none of ours, or one that is not understood */
	struct saved_rule saved[HST_FRAME_COLUMNS];
};

/* An address in the form that the CIE names; `relative` is false for lengths. */
static uint64_t encoded(const struct hst_frames *frames, struct hst_cursor *cursor,
	unsigned encoding, bool relative)
{
	uint64_t place = frames->address + (uint64_t)(cursor->at - frames->bytes);
	unsigned bytes = hst_cursor_encoded_bytes(encoding);
	uint64_t value;

	if (bytes == 0 || (encoding & 0xe0u) != 0) {
		cursor->bad = true;
		return 0;
	}
	value = hst_cursor_fixed(cursor, bytes);
	if ((encoding & 0x8u) != 0 && relative) {
		value = (uint64_t)((int64_t)(value << (64 - 8 * bytes)) >> (64 - 8 * bytes));
	}
	return relative && (encoding & 0x70u) == ENCODED_RELATIVE ? value + place : value;
}

/* The entry at an offset: its content without the length. false: the end, or none. */
static bool entry_at(const struct hst_frames *frames, size_t offset, struct hst_cursor *ret_cursor)
{
	struct hst_cursor cursor = { .at = frames->bytes + offset,
		.end = frames->bytes + frames->size };
	uint64_t length = hst_cursor_fixed(&cursor, 4);

	if (cursor.bad || length == 0 || length == UINT32_MAX ||
		length > (uint64_t)(cursor.end - cursor.at)) {
		return false;
	}
	cursor.end = cursor.at + length;
	*ret_cursor = cursor;
	return true;
}

/* "zPLR": what the letters add. */
static void augmentation(const char *letters, struct hst_cursor *cursor, struct cie *cie)
{
	uint64_t length = hst_cursor_leb(cursor, false);
	struct hst_cursor inside = *cursor;

	hst_cursor_skip(cursor, length);
	inside.end = cursor->at;
	for (; *letters != '\0' && !inside.bad; letters++) {
		if (*letters == 'R') {
			cie->encoding = (unsigned)hst_cursor_fixed(&inside, 1);
		} else if (*letters == 'L') {
			cie->lands = (unsigned)hst_cursor_fixed(&inside, 1);
		} else if (*letters == 'P') {
			hst_cursor_skip(&inside,
				hst_cursor_encoded_bytes((unsigned)hst_cursor_fixed(&inside, 1)));
		} else if (*letters == 'S') {
			cie->signal = true;
		} else if (*letters != 'B') {
			cie->odd = true;
			return;
		}
	}
	cie->odd |= inside.bad;
}

static bool read_cie(const struct hst_frames *frames, size_t offset, struct cie *ret_cie)
{
	struct cie cie = { .lands = ENCODING_NONE };
	struct hst_cursor cursor;
	const char *letters;
	uint64_t version;

	if (!entry_at(frames, offset, &cursor) || hst_cursor_fixed(&cursor, 4) != 0) {
		return false;
	}
	version = hst_cursor_fixed(&cursor, 1);
	letters = (const char *)cursor.at;
	if (memchr(cursor.at, 0, (size_t)(cursor.end - cursor.at)) == NULL ||
		(version != 1 && version != 3)) {
		return false;
	}
	hst_cursor_skip(&cursor, strlen(letters) + 1);
	cie.code_align = hst_cursor_leb(&cursor, false);
	cie.data_align = (int64_t)hst_cursor_leb(&cursor, true);
	cie.return_column =
		version == 1 ? hst_cursor_fixed(&cursor, 1) : hst_cursor_leb(&cursor, false);
	if (letters[0] == 'z') {
		augmentation(letters + 1, &cursor, &cie);
	} else if (letters[0] != '\0') {
		return false;
	}
	cie.program = cursor;
	*ret_cie = cie;
	return !cursor.bad;
}

static int entry_by_lo(const void *a, const void *b)
{
	const struct hst_frame_entry *x = a;
	const struct hst_frame_entry *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static enum hst_status read_entries(struct hst_frames *frames)
{
	struct hst_cursor cursor;

	for (size_t offset = 0; entry_at(frames, offset, &cursor);
		offset = (size_t)(cursor.end - frames->bytes)) {
		size_t place = (size_t)(cursor.at - frames->bytes);
		uint64_t back = hst_cursor_fixed(&cursor, 4);
		struct hst_frame_entry entry = { .fde = offset };
		struct hst_frame_entry *slot;
		struct cie cie;

		if (back == 0 || back > place || !read_cie(frames, place - back, &cie)) {
			continue;
		}
		entry.cie = place - back;
		entry.lo = encoded(frames, &cursor, cie.encoding, true);
		entry.hi = entry.lo + encoded(frames, &cursor, cie.encoding, false);
		if (cursor.bad || entry.hi <= entry.lo) {
			continue;
		}
		slot = hst_push(&frames->entries, &frames->count, &frames->capacity, sizeof *slot);
		if (slot == NULL) {
			return HST_E_MEMORY;
		}
		*slot = entry;
	}
	if (frames->count > 1) {
		qsort(frames->entries, frames->count, sizeof *frames->entries, entry_by_lo);
	}
	return HST_OK;
}

enum hst_status hst_frames_open(const struct hst_elf *elf, struct hst_frames *ret_frames)
{
	struct hst_frames frames = { 0 };
	size_t names = 0;
	enum hst_status status;

	if (elf_getshdrstrndx(elf->handle, &names) != 0) {
		names = 0;
	}
	for (Elf_Scn *section = elf_nextscn(elf->handle, NULL); section != NULL;
		section = elf_nextscn(elf->handle, section)) {
		GElf_Shdr header;
		Elf_Data *data;
		const char *name;

		if (gelf_getshdr(section, &header) == NULL || header.sh_type == SHT_NOBITS) {
			continue;
		}
		name = elf_strptr(elf->handle, names, header.sh_name);
		data = name != NULL && strcmp(name, ".eh_frame") == 0 ? elf_rawdata(section, NULL)
								      : NULL;
		if (data != NULL && data->d_buf != NULL) {
			frames.bytes = data->d_buf;
			frames.size = data->d_size;
			frames.address = header.sh_addr;
		}
	}
	if (frames.bytes != NULL) {
		status = read_entries(&frames);
		if (status != HST_OK) {
			hst_frames_close(&frames);
			return status;
		}
	}
	*ret_frames = frames;
	return HST_OK;
}

void hst_frames_close(struct hst_frames *frames)
{
	free(frames->entries);
	*frames = (struct hst_frames){ 0 };
}

/* A program at work. */
struct machine {
	const struct hst_frames *frames;
	const struct cie *cie;
	struct rule rule;
	const struct rule *initial; /* behind the common entry's program; NULL: in it */
	struct rule remembered[REMEMBERED_MAX];
	size_t depth;
	uint64_t at, pc;
};

static void set_address(struct machine *machine, uint64_t reg, int64_t offset)
{
	machine->rule.reg = reg;
	machine->rule.offset = offset;
	machine->rule.known = true;
}

static void set_saved(
	struct machine *machine, uint64_t column, enum saved_kind kind, int64_t offset)
{
	if (column >= HST_FRAME_COLUMNS) {
		machine->rule.strange = true;
		return;
	}
	machine->rule.saved[column] = (struct saved_rule){ .kind = kind, .offset = offset };
}

/* Factored offsets are multiples of the common entry's alignment. */
static int64_t factored(const struct machine *machine, uint64_t number)
{
	return (int64_t)(number * (uint64_t)machine->cie->data_align);
}

/* Back to what the common entry says of it. */
static void restore(struct machine *machine, uint64_t column)
{
	if (machine->initial == NULL || column >= HST_FRAME_COLUMNS) {
		machine->rule.strange = true;
		return;
	}
	machine->rule.saved[column] = machine->initial->saved[column];
}

/* The operations with a number of their own. false: not understood. */
static bool extended(struct machine *machine, unsigned op, struct hst_cursor *cursor)
{
	struct rule *rule = &machine->rule;

	switch (op) {
	case 0x00: /* nop */
		return true;
	case 0x01: /* set_loc */
		machine->at = encoded(machine->frames, cursor, machine->cie->encoding, true);
		return true;
	case 0x02: /* advance_loc1, 2, 4 */
	case 0x03:
	case 0x04:
		machine->at += hst_cursor_fixed(cursor, 1u << (op - 2)) * machine->cie->code_align;
		return true;
	case 0x0a: /* remember_state */
		if (machine->depth == REMEMBERED_MAX) {
			return false;
		}
		machine->remembered[machine->depth++] = *rule;
		return true;
	case 0x0b: /* restore_state */
		if (machine->depth == 0) {
			return false;
		}
		*rule = machine->remembered[--machine->depth];
		return true;
	case 0x0c: /* def_cfa */
		rule->reg = hst_cursor_leb(cursor, false);
		set_address(machine, rule->reg, (int64_t)hst_cursor_leb(cursor, false));
		return true;
	case 0x0d: /* def_cfa_register */
		rule->reg = hst_cursor_leb(cursor, false);
		return true;
	case 0x0e: /* def_cfa_offset */
		rule->offset = (int64_t)hst_cursor_leb(cursor, false);
		return true;
	case 0x0f: /* def_cfa_expression */
		hst_cursor_skip(cursor, hst_cursor_leb(cursor, false));
		rule->known = false;
		return true;
	default:
		return false;
	}
}

/* Rules of registers. */
static bool of_registers(struct machine *machine, unsigned op, struct hst_cursor *cursor)
{
	uint64_t column;

	switch (op) {
	case 0x2e: /* GNU_args_size */
		(void)hst_cursor_leb(cursor, false);
		return true;
	case 0x05: /* offset_extended */
		column = hst_cursor_leb(cursor, false);
		set_saved(machine, column, SAVED_AT,
			factored(machine, hst_cursor_leb(cursor, false)));
		return true;
	case 0x11: /* offset_extended_sf */
		column = hst_cursor_leb(cursor, false);
		set_saved(
			machine, column, SAVED_AT, factored(machine, hst_cursor_leb(cursor, true)));
		return true;
	case 0x2f: /* GNU_negative_offset_extended */
		column = hst_cursor_leb(cursor, false);
		set_saved(machine, column, SAVED_AT,
			-factored(machine, hst_cursor_leb(cursor, false)));
		return true;
	case 0x06: /* restore_extended */
		restore(machine, hst_cursor_leb(cursor, false));
		return true;
	case 0x08: /* same_value */
		set_saved(machine, hst_cursor_leb(cursor, false), SAVED_NOT, 0);
		return true;
	case 0x07: /* undefined */
		set_saved(machine, hst_cursor_leb(cursor, false), SAVED_ELSE, 0);
		return true;
	case 0x09: /* register, val_offset, val_offset_sf */
	case 0x14:
	case 0x15:
		set_saved(machine, hst_cursor_leb(cursor, false), SAVED_ELSE, 0);
		(void)hst_cursor_leb(cursor, false);
		return true;
	case 0x10: /* expression, val_expression */
	case 0x16:
		set_saved(machine, hst_cursor_leb(cursor, false), SAVED_ELSE, 0);
		hst_cursor_skip(cursor, hst_cursor_leb(cursor, false));
		return true;
	default:
		return false;
	}
}

/* Runs until the place moves past `pc`. false: not understood. */
static bool run(struct machine *machine, struct hst_cursor cursor)
{
	while (cursor.at < cursor.end && !cursor.bad) {
		struct rule before = machine->rule;
		unsigned op = (unsigned)hst_cursor_fixed(&cursor, 1);

		if ((op & 0xc0u) == 0x40) {
			machine->at += (op & 0x3fu) * machine->cie->code_align;
		} else if ((op & 0xc0u) == 0x80) {
			set_saved(machine, op & 0x3fu, SAVED_AT,
				factored(machine, hst_cursor_leb(&cursor, false)));
		} else if ((op & 0xc0u) == 0xc0) {
			restore(machine, op & 0x3fu);
		} else if (!extended(machine, op, &cursor) && !of_registers(machine, op, &cursor)) {
			return false;
		}
		if (machine->at > machine->pc) {
			machine->rule = before;
			return true;
		}
	}
	return !cursor.bad;
}

const struct hst_frame_entry *hst_frames_entry(const struct hst_frames *frames, uint64_t pc)
{
	size_t lo = 0;
	size_t hi = frames->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (frames->entries[mid].lo <= pc) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return lo == 0 || pc >= frames->entries[lo - 1].hi ? NULL : &frames->entries[lo - 1];
}

bool hst_frames_lands(
	const struct hst_frames *frames, const struct hst_frame_entry *entry, uint64_t *ret_address)
{
	struct hst_cursor cursor;
	struct cie cie;
	uint64_t length;
	uint64_t place;

	if (!read_cie(frames, entry->cie, &cie) || cie.odd ||
		!entry_at(frames, entry->fde, &cursor)) {
		return false;
	}
	*ret_address = 0;
	if (cie.lands == ENCODING_NONE || cie.lands == 0xff) {
		return true;
	}
	(void)hst_cursor_fixed(&cursor, 4);
	(void)encoded(frames, &cursor, cie.encoding, true);
	(void)encoded(frames, &cursor, cie.encoding, false);
	length = hst_cursor_leb(&cursor, false);
	if (length == 0) {
		return !cursor.bad;
	}
	place = frames->address + (uint64_t)(cursor.at - frames->bytes);
	*ret_address = encoded(frames, &cursor, cie.lands, true);
	/* Zero, before it is made relative to its place, is none. */
	if (*ret_address == place) {
		*ret_address = 0;
	}
	return !cursor.bad;
}

/* The row at the address. false: none, or one whose call frame address is not a register + offset. */
static bool row_at(
	const struct hst_frames *frames, uint64_t pc, struct rule *ret_row, struct cie *ret_cie)
{
	struct machine machine = { .frames = frames, .pc = UINT64_MAX };
	const struct hst_frame_entry *entry = hst_frames_entry(frames, pc);
	struct hst_cursor cursor;
	struct rule initial;

	if (entry == NULL || !read_cie(frames, entry->cie, ret_cie) ||
		!entry_at(frames, entry->fde, &cursor)) {
		return false;
	}
	machine.cie = ret_cie;
	machine.at = entry->lo;
	(void)hst_cursor_fixed(&cursor, 4);
	(void)encoded(frames, &cursor, ret_cie->encoding, true);
	(void)encoded(frames, &cursor, ret_cie->encoding, false);
	hst_cursor_skip(&cursor, hst_cursor_leb(&cursor, false)); /* the data of "z" */
	if (!run(&machine, ret_cie->program)) {
		return false;
	}
	initial = machine.rule;
	machine.initial = &initial;
	machine.at = entry->lo;
	machine.pc = pc;
	if (!run(&machine, cursor) || !machine.rule.known || machine.rule.reg > UINT8_MAX) {
		return false;
	}
	*ret_row = machine.rule;
	return true;
}

bool hst_frames_cfa(
	const struct hst_frames *frames, uint64_t pc, unsigned *ret_reg, int64_t *ret_offset)
{
	struct rule row;
	struct cie cie;

	if (!row_at(frames, pc, &row, &cie)) {
		return false;
	}
	*ret_reg = (unsigned)row.reg;
	*ret_offset = row.offset;
	return true;
}

/* Are these rules what every function that returns as usual has? *ret_saved as in struct hst_frame_row. */
static bool take_saved(const struct rule *row, int64_t ret_saved[HST_REG_GENERAL])
{
	for (unsigned i = 0; i < HST_FRAME_COLUMNS; i++) {
		const struct saved_rule *saved = &row->saved[i];

		if (i == HST_FRAME_RETURN) {
			if (saved->kind != SAVED_AT || saved->offset != -WORD) {
				return false;
			}
			continue;
		}
		ret_saved[i] = 0;
		if (saved->kind == SAVED_NOT) {
			continue;
		}
		if (saved->kind != SAVED_AT || !hst_reg_is_saved(i) || saved->offset >= -WORD ||
			saved->offset % WORD != 0) {
			return false;
		}
		for (unsigned j = 0; j < i && j < HST_REG_GENERAL; j++) {
			if (ret_saved[j] == saved->offset) {
				return false;
			}
		}
		ret_saved[i] = saved->offset;
	}
	return true;
}

enum hst_frame_fault hst_frames_row(
	const struct hst_frames *frames, uint64_t pc, struct hst_frame_row *ret_row)
{
	struct hst_frame_row plain = { 0 };
	struct rule row;
	struct cie cie;

	if (hst_frames_entry(frames, pc) == NULL) {
		return HST_FRAME_NONE;
	}
	if (!row_at(frames, pc, &row, &cie) || (row.reg != HST_REG_RSP && row.reg != HST_REG_RBP) ||
		row.offset <= 0 || row.offset > INT32_MAX) {
		return HST_FRAME_ADDRESS;
	}
	if (cie.signal || cie.odd || cie.return_column != HST_FRAME_RETURN || row.strange ||
		!take_saved(&row, plain.saved)) {
		return HST_FRAME_SAVED;
	}
	for (unsigned i = 0; i < HST_REG_GENERAL; i++) {
		/* Below the stack pointer nothing survives the call of a hook. */
		if (plain.saved[i] < INT32_MIN ||
			(row.reg == HST_REG_RSP && plain.saved[i] < -row.offset)) {
			return HST_FRAME_SAVED;
		}
	}
	if (row.reg == HST_REG_RBP && plain.saved[HST_REG_RBP] == 0) {
		return HST_FRAME_SAVED; /* whose address would it be then? */
	}
	plain.base = (uint8_t)row.reg;
	plain.offset = (int32_t)row.offset;
	*ret_row = plain;
	return HST_FRAME_PLAIN;
}
