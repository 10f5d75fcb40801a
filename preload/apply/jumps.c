/* SPDX-License-Identifier: Apache-2.0 */
/* Jumps at the end of functions. */
#include "apply/jumps.h"

#include "apply/patch.h"
#include "core/procfs.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
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

/* A frame description entry of .eh_frame, as long as `begin` is of the kind HST_EH_FRAME. */
struct eh_frame {
	uint32_t length;
	uint32_t common; /* back from here to the entry that says of which kind it is */
	int32_t begin;
	uint32_t bytes; /* of the function */
};

/* The common entry; for version 1 with the usual factors, whose augmentation comes last. */
struct eh_common {
	uint32_t length;
	uint32_t id; /* 0 */
	uint8_t version;
	char augmentation[];
};

#define HST_EH_STRING_MAX 8u

struct eh_header {
	uint8_t version, frame_kind, count_kind, table_kind;
	int32_t frame;
	uint32_t count;
	struct eh_entry entries[];
};

static bool mapped(uint64_t address, uint64_t bytes, struct hst_mapping *mapping)
{
	return hst_procfs_mappings(&address, 1, mapping) &&
	       hst_mapping_has(mapping, address, bytes) && (mapping->protection & PROT_READ) != 0;
}

/* The module's program header of this type, by the ELF header that lies at its beginning. NULL: none. */
static const ElfW(Phdr) * program_header(const struct hst_loaded *module, uint32_t type)
{
	const ElfW(Ehdr) *header = (const void *)module->lo;
	const ElfW(Phdr) * at;
	struct hst_mapping mapping;
	uint64_t room;

	if (!mapped(module->lo, sizeof *header, &mapping) ||
		memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
		header->e_phentsize != sizeof *at || header->e_phnum > HST_HEADERS_MAX ||
		header->e_phoff % sizeof(uint64_t) != 0) {
		return NULL;
	}
	room = mapping.range.hi - module->lo;
	if (header->e_phoff > room || room - header->e_phoff < header->e_phnum * sizeof *at) {
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
static const struct eh_header *eh_header_of(
	const struct hst_loaded *module, struct hst_mapping *ret_mapping)
{
	const ElfW(Phdr) *header = program_header(module, PT_GNU_EH_FRAME);
	const struct eh_header *table;
	uint64_t at;

	if (header == NULL) {
		return NULL;
	}
	at = module->bias + header->p_vaddr;
	if (at < module->lo || at % sizeof(uint32_t) != 0 || header->p_memsz < sizeof *table ||
		!mapped(at, header->p_memsz, ret_mapping)) {
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

/* A number of seven bits a byte, the last one below 128; only its end matters here. */
static const uint8_t *skip_number(const uint8_t *at, const uint8_t *end)
{
	while (at < end && *at >= 128) {
		at++;
	}
	return at < end ? at + 1 : end;
}

/* How a common entry's frames name addresses; -1: unknown. LSB core specification 5.0, 10.6.1.1. */
static int address_kind(const struct eh_common *common, const uint8_t *end)
{
	const char *name = common->augmentation;
	const uint8_t *at = (const uint8_t *)name;

	while (at < end && *at != 0 && at < (const uint8_t *)name + HST_EH_STRING_MAX) {
		at++;
	}
	if (at >= end || *at != 0 || common->id != 0 || common->version != 1 || name[0] != 'z') {
		return -1;
	}
	at = skip_number(at + 1, end); /* code alignment */
	at = skip_number(at, end);     /* data alignment */
	/* Behind the return address's register: the length of what follows. */
	at = skip_number(at + 1, end);
	for (name++; *name != 0 && at < end; name++) {
		if (*name == 'R') {
			return *at;
		}
		if (*name == 'P') {
			/* Its kind, then an address of four bytes, if it is one of the usual kinds. */
			if ((*at & 0x0f) != (HST_EH_FRAME & 0x0f)) {
				return -1;
			}
			at += 5;
		} else if (*name == 'L') {
			at++;
		} else if (*name != 'S' && *name != 'B') {
			return -1;
		}
	}
	return -1;
}

/* Of a function whose frame description lies at `at`, in `mapping`: how long it is; 0: it is another function's, or unknown. */
static uint64_t frame_bytes(const struct hst_mapping *mapping, uint64_t at, uint64_t fn)
{
	const struct eh_frame *frame = (const void *)at;
	uint64_t common = at + offsetof(struct eh_frame, common);
	uint64_t end = mapping->range.hi;

	if (!hst_mapping_has(mapping, at, sizeof *frame) ||
		frame->common > common - mapping->range.lo) {
		return 0;
	}
	common -= frame->common;
	if (end - common < sizeof(struct eh_common) ||
		address_kind((const void *)common, (const uint8_t *)end) != HST_EH_FRAME ||
		at + offsetof(struct eh_frame, begin) + (uint64_t)(int64_t)frame->begin != fn) {
		return 0;
	}
	return frame->bytes;
}

uint64_t hst_jumps_extent(const struct hst_loaded *module, uint64_t fn)
{
	struct hst_mapping mapping;
	const struct eh_header *table = eh_header_of(module, &mapping);
	uint32_t lo = 0;
	uint32_t hi = table != NULL ? table->count : 0;

	while (lo < hi) {
		uint32_t middle = lo + (hi - lo) / 2;
		const struct eh_entry *entry = &table->entries[middle];
		uint64_t begin = (uint64_t)table + (uint64_t)(int64_t)entry->function;

		if (begin == fn) {
			uint64_t frame = (uint64_t)table + (uint64_t)(int64_t)entry->frame;
			uint64_t bytes = frame_bytes(&mapping, frame, fn);

			return bytes != 0 ? fn + bytes : 0;
		}
		if (begin < fn) {
			lo = middle + 1;
		} else {
			hi = middle;
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
