/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard before libdwarf. Its release 20210528 frees the tables of .debug_rnglists and
 * .debug_loclists twice when one header in them is damaged, so all their headers are checked here.
 */
#include "symbols/dwarf_check.h"

#include <gelf.h>
#include <string.h>

static uint64_t read_bytes(const unsigned char *p, size_t count)
{
	uint64_t value = 0;

	memcpy(&value, p, count);
	return value;
}

/*
 * One table: length (4, or 12 bytes with an escape), version 5, address and selector sizes, number
 * of offsets, the offsets. Returns its whole length, 0 if it is damaged.
 */
static uint64_t check_lists_table(const unsigned char *table, uint64_t left)
{
	uint64_t head = 4;
	uint64_t offset_bytes = 4;
	uint64_t length;
	uint64_t offsets;

	if (left < 12) {
		return 0;
	}
	length = read_bytes(table, 4);
	if (length == UINT32_MAX) {
		if (left < 20) {
			return 0;
		}
		length = read_bytes(table + 4, 8);
		head = 12;
		offset_bytes = 8;
	}
	if (length < 8 || length > left - head) {
		return 0;
	}
	table += head;
	offsets = read_bytes(table + 4, 4);
	if (read_bytes(table, 2) != 5 || (table[2] != 4 && table[2] != 8) || table[3] != 0 ||
		offsets > (length - 8) / offset_bytes) {
		return 0;
	}
	for (uint64_t i = 0; i < offsets; i++) {
		uint64_t at = read_bytes(table + 8 + i * offset_bytes, (size_t)offset_bytes);

		if (at >= length - 8) {
			return 0;
		}
	}
	return head + length;
}

static bool check_lists(const unsigned char *bytes, uint64_t size)
{
	for (uint64_t at = 0; at < size;) {
		uint64_t length = check_lists_table(bytes + at, size - at);

		if (length == 0) {
			return false;
		}
		at += length;
	}
	return true;
}

/* The contents of a section, unpacked; NULL if damaged. */
static Elf_Data *contents(Elf_Scn *section, const GElf_Shdr *header, const char *name)
{
	if ((header->sh_flags & SHF_COMPRESSED) != 0 && elf_compress(section, 0, 0) < 0) {
		return NULL;
	}
	if (strncmp(name, ".zdebug_", 8) == 0 && elf_compress_gnu(section, 0, 0) < 0) {
		return NULL;
	}
	return elf_rawdata(section, NULL);
}

static bool check_section(Elf_Scn *section, const GElf_Shdr *header, const char *name)
{
	const char *kind = strrchr(name, '_');
	Elf_Data *data;

	if (kind == NULL || (strcmp(kind, "_rnglists") != 0 && strcmp(kind, "_loclists") != 0)) {
		return true;
	}
	data = contents(section, header, name);
	return data != NULL && (data->d_size == 0 || check_lists(data->d_buf, data->d_size));
}

bool hst_dwarf_is_safe(const struct hst_elf *elf)
{
	size_t names = 0;
	GElf_Shdr header;

	if (elf_getshdrstrndx(elf->handle, &names) != 0) {
		return false;
	}
	for (Elf_Scn *section = elf_nextscn(elf->handle, NULL); section != NULL;
		section = elf_nextscn(elf->handle, section)) {
		const char *name;

		if (gelf_getshdr(section, &header) == NULL || header.sh_type == SHT_NOBITS) {
			continue;
		}
		name = elf_strptr(elf->handle, names, header.sh_name);
		if (name != NULL && !check_section(section, &header, name)) {
			return false;
		}
	}
	return true;
}
