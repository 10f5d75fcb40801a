/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the call frame address is, in terms of a register, and where the caller's registers are, by the
 * program's own .eh_frame: that is what exceptions are unwound by, and it is there without debug information.
 */
#ifndef HST_SYMBOLS_RECIPES_FRAME_H
#define HST_SYMBOLS_RECIPES_FRAME_H

#include "symbols/elf_file.h"
#include "symbols/recipes_code.h"

#define HST_FRAME_RETURN  16u /* the return address */
#define HST_FRAME_COLUMNS 17u /* with the general registers */

struct hst_frame_entry {
	uint64_t lo, hi;
	size_t cie, fde; /* offsets in the section */
};

struct hst_frames {
	const uint8_t *bytes; /* borrowed from libelf */
	size_t size;
	uint64_t address;
	struct hst_frame_entry *entries; /* ascending */
	size_t count, capacity;
};

/* A file without .eh_frame, or with one that is not understood, has no entries. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_frames_open(
	const struct hst_elf *elf, struct hst_frames *ret_frames);
void hst_frames_close(struct hst_frames *frames);

/* The call frame address at `pc` is the register (DWARF number) + offset. false: unknown. */
bool hst_frames_cfa(
	const struct hst_frames *frames, uint64_t pc, unsigned *ret_reg, int64_t *ret_offset);

/* What an address's row says if it is one of those that a hook can leave a function by. */
struct hst_frame_row {
	uint8_t base;   /* DWARF number, rsp or rbp: the call frame address is that register ... */
	int32_t offset; /* ... + this */
	/* Of rbx, rbp, r12 to r15: the caller's is at the call frame address + this; 0: still in the register. */
	int64_t saved[HST_REG_GENERAL];
};

enum hst_frame_fault {
	HST_FRAME_PLAIN,
	HST_FRAME_NONE,    /* no entry covers the address */
	HST_FRAME_ADDRESS, /* the call frame address is not rsp or rbp + a constant */
	HST_FRAME_SAVED, /* it saves other registers, or in another way, or the return address is elsewhere */
};

/*
 * The row at `pc`, if the call frame address is rsp or rbp + a constant, the return address right below it, and what is
 * saved is rbx, rbp and r12 to r15, in memory of the frame. *ret_row only with PLAIN.
 */
enum hst_frame_fault hst_frames_row(
	const struct hst_frames *frames, uint64_t pc, struct hst_frame_row *ret_row);

/* The entry that covers `pc`, NULL: none. */
const struct hst_frame_entry *hst_frames_entry(const struct hst_frames *frames, uint64_t pc);
/*
 * Where the table of landing pads of this entry lies: *ret_address, 0: there is none. false: it cannot be told.
 */
bool hst_frames_lands(const struct hst_frames *frames, const struct hst_frame_entry *entry,
	uint64_t *ret_address);

#endif
