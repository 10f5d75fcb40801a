/* SPDX-License-Identifier: Apache-2.0 */
/* Jumps at the end of functions. */
#include "apply/jumps.h"

#include "apply/patch.h"
#include "core/procfs.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#include "core/poison.h"

#define HST_EXTENT_MAX  (256u << 10) /* of a function that is looked through */
#define HST_HEADERS_MAX 64u

/* .eh_frame_hdr as binutils, gold and lld write it: LSB core specification 5.0, 10.6.2. */
#define HST_EH_VERSION 1
#define HST_EH_FRAME   0x1b /* DW_EH_PE_pcrel | DW_EH_PE_sdata4 */
#define HST_EH_COUNT   0x03 /* DW_EH_PE_udata4 */
#define HST_EH_TABLE   0x3b /* DW_EH_PE_datarel | DW_EH_PE_sdata4 */

struct eh_entry {
	int32_t function; /* relative to the header, ascending */
	int32_t frame;
};

struct eh_header {
	uint8_t version, frame_kind, count_kind, table_kind;
	int32_t frame;
	uint32_t count;
	struct eh_entry entries[];
};

static bool mapped(uint64_t address, uint64_t bytes, struct hst_mapping *mapping)
{
	return hst_procfs_mappings(&address, 1, mapping) && mapping->range.hi > address &&
	       mapping->range.hi - address >= bytes && (mapping->protection & PROT_READ) != 0;
}

/* The module's program header of this type, by the ELF header that lies at its beginning. NULL: none. */
static const ElfW(Phdr) * program_header(const struct hst_loaded *module, uint32_t type)
{
	const ElfW(Ehdr) *header = (const void *)module->lo;
	const ElfW(Phdr) * at;
	struct hst_mapping mapping;

	if (!mapped(module->lo, sizeof *header, &mapping) ||
		memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
		header->e_phentsize != sizeof *at || header->e_phnum > HST_HEADERS_MAX ||
		header->e_phoff % sizeof(uint64_t) != 0 ||
		header->e_phoff > mapping.range.hi - module->lo - header->e_phnum * sizeof *at) {
		return NULL;
	}
	at = (const void *)(module->lo + header->e_phoff);
	for (uint32_t i = 0; i < header->e_phnum; i++) {
		if (at[i].p_type == type) {
			return &at[i];
		}
	}
	return NULL;
}

/* The table of all functions' beginnings, NULL: there is none of the usual kind. */
static const struct eh_header *eh_header_of(const struct hst_loaded *module)
{
	const ElfW(Phdr) *header = program_header(module, PT_GNU_EH_FRAME);
	const struct eh_header *table;
	struct hst_mapping mapping;
	uint64_t at;

	if (header == NULL) {
		return NULL;
	}
	at = module->bias + header->p_vaddr;
	if (at < module->lo || at % sizeof(uint32_t) != 0 || header->p_memsz < sizeof *table ||
		!mapped(at, header->p_memsz, &mapping)) {
		return NULL;
	}
	table = (const void *)at;
	if (table->version != HST_EH_VERSION || table->frame_kind != HST_EH_FRAME ||
		table->count_kind != HST_EH_COUNT || table->table_kind != HST_EH_TABLE ||
		table->count > (header->p_memsz - sizeof *table) / sizeof table->entries[0]) {
		return NULL;
	}
	return table;
}

uint64_t hst_jumps_extent(const struct hst_loaded *module, uint64_t fn)
{
	const struct eh_header *table = eh_header_of(module);
	uint32_t lo = 0;
	uint32_t hi = table != NULL ? table->count : 0;

	/* The last function has none behind it; its end is not known. */
	while (lo + 1 < hi) {
		uint32_t middle = lo + (hi - 1 - lo) / 2;
		uint64_t begin =
			(uint64_t)table + (uint64_t)(int64_t)table->entries[middle].function;
		uint64_t end =
			(uint64_t)table + (uint64_t)(int64_t)table->entries[middle + 1].function;

		if (begin == fn) {
			return end > begin ? end : 0;
		}
		if (begin < fn) {
			lo = middle + 1;
		} else {
			hi = middle + 1;
		}
	}
	return 0;
}

uint32_t hst_jumps_find(
	const struct hst_loaded *module, uint64_t fn, uint64_t *ret_ends, uint32_t room)
{
	uint64_t end = hst_jumps_extent(module, fn);
	struct hst_mapping text;
	uint32_t count = 0;

	if (end == 0 || end - fn > HST_EXTENT_MAX || !mapped(fn, end - fn, &text)) {
		return 0;
	}
	for (uint64_t at = fn + HST_PATCH_SITE_MAX; at <= end && count < room; at++) {
		if (hst_patch_jump_slot(&text, at) != 0) {
			ret_ends[count++] = at;
		}
	}
	return count;
}
