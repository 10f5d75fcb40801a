/* SPDX-License-Identifier: Apache-2.0 */
/* Look-up in the dynamic section of a mapped module, by its GNU hash table (binutils writes it by default since 2006). */
#include "core/symbol.h"

#include "core/text.h"

#include <elf.h>
#include <stddef.h>

#include "core/poison.h"

#define HST_VERSION_HIDDEN 0x8000u /* of a symbol that is there for old programs */

bool hst_symbol_within(const struct dl_phdr_info *module, const void *address)
{
	uint64_t at = (uint64_t)address - module->dlpi_addr;

	for (int i = 0; i < module->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &module->dlpi_phdr[i];

		if (header->p_type == PT_LOAD && at - header->p_vaddr < header->p_memsz) {
			return true;
		}
	}
	return false;
}

void hst_symbol_range(const struct dl_phdr_info *module, uint64_t *ret_lo, uint64_t *ret_bytes)
{
	uint64_t lo = UINT64_MAX;
	uint64_t hi = 0;

	for (int i = 0; i < module->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &module->dlpi_phdr[i];

		if (header->p_type == PT_LOAD) {
			lo = header->p_vaddr < lo ? header->p_vaddr : lo;
			hi = header->p_vaddr + header->p_memsz > hi
				     ? header->p_vaddr + header->p_memsz
				     : hi;
		}
	}
	*ret_lo = module->dlpi_addr + lo;
	*ret_bytes = hi > lo ? hi - lo : 0;
}

/* The loader has made addresses of the offsets, but not where the section is read-only. */
static const void *pointer(const struct dl_phdr_info *module, const ElfW(Dyn) * entry)
{
	uint64_t value = entry->d_un.d_ptr;

	return (const void *)(value < module->dlpi_addr ? value + module->dlpi_addr : value);
}

struct hst_symbols hst_symbols_of(const struct dl_phdr_info *module)
{
	struct hst_symbols dynamic = { .base = module->dlpi_addr };

	for (int i = 0; i < module->dlpi_phnum; i++) {
		if (module->dlpi_phdr[i].p_type == PT_DYNAMIC) {
			dynamic.entries =
				(const void *)(module->dlpi_addr + module->dlpi_phdr[i].p_vaddr);
		}
	}
	for (const ElfW(Dyn) *entry = dynamic.entries; entry != NULL && entry->d_tag != DT_NULL;
		entry++) {
		switch (entry->d_tag) {
		case DT_GNU_HASH:
			dynamic.hash = pointer(module, entry);
			break;
		case DT_SYMTAB:
			dynamic.symbols = pointer(module, entry);
			break;
		case DT_STRTAB:
			dynamic.strings = pointer(module, entry);
			break;
		case DT_VERSYM:
			dynamic.versions = pointer(module, entry);
			break;
		default:
			break;
		}
	}
	if (dynamic.symbols == NULL || dynamic.strings == NULL ||
		(dynamic.hash != NULL && dynamic.hash[0] == 0)) {
		dynamic.hash = NULL;
	}
	return dynamic;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name != '\0'; name++) {
		hash = hash * 33 + (uint8_t)*name;
	}
	return hash;
}

static bool is_wanted(const struct hst_symbols *dynamic, uint32_t number, const char *name)
{
	const ElfW(Sym) *symbol = &dynamic->symbols[number];

	return symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
	       (dynamic->versions == NULL ||
		       (dynamic->versions[number] & HST_VERSION_HIDDEN) == 0) &&
	       hst_text_equal(dynamic->strings + symbol->st_name, name);
}

/* Two bits of a word of the filter. Most modules have none of our names, and are done with after one look. */
static bool may_have(const uint32_t *table, uint32_t hash)
{
	const uint64_t *filter = (const void *)(table + 4);
	uint64_t word = filter[hash / 64 & (table[2] - 1)];

	return (word >> hash % 64 & word >> (hash >> table[3]) % 64 & 1) != 0;
}

/* The table: sizes, a filter of 64-bit words, buckets, then the hash of each symbol, the lowest bit set in a bucket's last. */
void *hst_symbols_find(const struct hst_symbols *symbols, const char *name)
{
	uint32_t hash = gnu_hash(name);
	const uint32_t *table = symbols->hash;
	const uint32_t *buckets;
	const uint32_t *hashes;
	uint32_t number;

	if (table == NULL || !may_have(table, hash)) {
		return NULL;
	}
	buckets = table + 4 + 2 * (size_t)table[2];
	hashes = buckets + table[0];
	number = buckets[hash % table[0]];
	if (number < table[1]) {
		return NULL;
	}
	for (;; number++) {
		uint32_t other = hashes[number - table[1]];

		if ((other | 1u) == (hash | 1u) && is_wanted(symbols, number, name)) {
			return (void *)(symbols->base + symbols->symbols[number].st_value);
		}
		if ((other & 1u) != 0) {
			return NULL;
		}
	}
}

void *hst_symbol_find(const struct dl_phdr_info *module, const char *name)
{
	struct hst_symbols symbols = hst_symbols_of(module);

	return hst_symbols_find(&symbols, name);
}

bool hst_symbol_needs(const struct dl_phdr_info *module, const char *library)
{
	struct hst_symbols dynamic = hst_symbols_of(module);

	if (dynamic.strings == NULL) {
		return false;
	}
	for (const ElfW(Dyn) *entry = dynamic.entries; entry->d_tag != DT_NULL; entry++) {
		if (entry->d_tag == DT_NEEDED &&
			hst_text_equal(
				hst_text_base(dynamic.strings + entry->d_un.d_val), library)) {
			return true;
		}
	}
	return false;
}
