/* SPDX-License-Identifier: Apache-2.0 */
/* Segments and symbols of a file, for the proof of purity. */
#include "symbols/purity_module.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/grow.h"

#define PAGE 4096u
/*
 * An array is indexed from a displaced address (`counts[c - 'a']`), and the compiler folds the displacement into the
 * constant: so far below a variable, a constant may be meant for it.
 */
#define DISPLACED_MAX (UINT64_C(1) << 20)
/* Constant data without a symbol may be so large. */
#define APART_MAX (UINT64_C(1) << 16)

static const struct hst_known_function known[] = {
#define HST_PURITY_KNOWN(name, kind, arguments, module) \
 { (name), HST_KNOWN_##kind, (arguments), (module) },
#include "symbols/purity_known.def"
#undef HST_PURITY_KNOWN
};

const struct hst_known_function *hst_module_known(const char *name)
{
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].name, name) == 0) {
			return &known[i];
		}
	}
	return NULL;
}

static int object_by_lo(const void *a, const void *b)
{
	const struct hst_module_object *x = a;
	const struct hst_module_object *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static bool add_segment(struct hst_module *module, Elf *handle, const GElf_Phdr *header)
{
	struct hst_module_segment *segment = hst_push(&module->segments, &module->segment_count,
		&module->segment_capacity, sizeof *segment);
	Elf_Data *data;

	if (segment == NULL) {
		return false;
	}
	segment->lo = header->p_vaddr;
	segment->hi = header->p_vaddr + header->p_memsz;
	segment->writable = (header->p_flags & PF_W) != 0;
	if (segment->hi < segment->lo) {
		segment->hi = segment->lo;
	}
	data = segment->writable || header->p_filesz == 0
		       ? NULL
		       : elf_getdata_rawchunk(
				 handle, (int64_t)header->p_offset, header->p_filesz, ELF_T_BYTE);
	if (data != NULL && data->d_buf != NULL) {
		segment->bytes = data->d_buf;
		segment->count = data->d_size;
	}
	return true;
}

/* Relocations of text: then the bytes of the file are not those that run. */
static void read_dynamic(struct hst_module *module, Elf *handle, const GElf_Phdr *header)
{
	Elf_Data *data = elf_getdata_rawchunk(
		handle, (int64_t)header->p_offset, header->p_filesz, ELF_T_DYN);
	GElf_Dyn entry;

	for (int i = 0; data != NULL && gelf_getdyn(data, i, &entry) != NULL; i++) {
		if (entry.d_tag == DT_NULL) {
			break;
		}
		module->text_relocated |=
			entry.d_tag == DT_TEXTREL ||
			(entry.d_tag == DT_FLAGS && (entry.d_un.d_val & DF_TEXTREL) != 0);
	}
}

static enum hst_status read_segments(struct hst_module *module)
{
	Elf *handle = module->elf->handle;
	GElf_Phdr header;
	size_t count = 0;

	if (elf_getphdrnum(handle, &count) != 0) {
		return HST_OK;
	}
	for (size_t i = 0; i < count && i < INT32_MAX; i++) {
		if (gelf_getphdr(handle, (int)i, &header) == NULL) {
			break;
		}
		if (header.p_type == PT_LOAD && !add_segment(module, handle, &header)) {
			return HST_E_MEMORY;
		}
		if (header.p_type == PT_DYNAMIC) {
			read_dynamic(module, handle, &header);
		}
		if (header.p_type == PT_GNU_RELRO) {
			/* Whole pages only are protected. */
			module->relro_lo = header.p_vaddr;
			module->relro_hi =
				(header.p_vaddr + header.p_memsz) & ~(uint64_t)(PAGE - 1);
		}
	}
	return HST_OK;
}

/* Names by which a program asks for, or lets itself be told of, floating-point exceptions. */
static bool asks_fp_status(const char *name)
{
	static const char *const names[] = { "fetestexcept", "feenableexcept", "fegetexceptflag",
		"feholdexcept", "feupdateenv", "fegetenv", "fesetexceptflag", "feraiseexcept",
		"feclearexcept", "fesetenv" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(name, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

static enum hst_status read_symbols(struct hst_module *module, Elf_Scn *section, uint32_t names)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Sym symbol;

	for (int i = 0; data != NULL && gelf_getsym(data, i, &symbol) != NULL; i++) {
		const char *name = elf_strptr(module->elf->handle, names, symbol.st_name);
		struct hst_module_object *object;

		if (name != NULL && asks_fp_status(name)) {
			module->fp_status = name;
		}
		if (name == NULL || GELF_ST_TYPE(symbol.st_info) != STT_OBJECT ||
			symbol.st_shndx == SHN_UNDEF || symbol.st_size == 0 ||
			symbol.st_value + symbol.st_size < symbol.st_value) {
			continue;
		}
		object = hst_push(&module->objects, &module->object_count, &module->object_capacity,
			sizeof *object);
		if (object == NULL) {
			return HST_E_MEMORY;
		}
		object->lo = symbol.st_value;
		object->hi = symbol.st_value + symbol.st_size;
		object->name = name;
	}
	return HST_OK;
}

static enum hst_status read_sections(struct hst_module *module)
{
	Elf *handle = module->elf->handle;
	Elf_Scn *section = elf_nextscn(handle, NULL);
	enum hst_status status = HST_OK;
	GElf_Shdr header;

	for (; section != NULL && status == HST_OK; section = elf_nextscn(handle, section)) {
		if (gelf_getshdr(section, &header) != NULL &&
			(header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM)) {
			module->has_symtab |= header.sh_type == SHT_SYMTAB;
			status = read_symbols(module, section, header.sh_link);
		}
	}
	if (module->object_count > 1) {
		qsort(module->objects, module->object_count, sizeof *module->objects, object_by_lo);
	}
	return status;
}

/*
 * stmxcsr, fxsave and xsave tell the exceptions too. A search for their bytes: found within another instruction by chance,
 * it only refuses.
 */
static void search_status(struct hst_module *module)
{
	for (size_t i = 0; i < module->code.part_count && module->fp_status == NULL; i++) {
		const struct hst_code_part *part = &module->code.parts[i];
		size_t count = (size_t)(part->hi - part->lo);

		for (size_t j = 0; j + 2 < count; j++) {
			const uint8_t *at = &part->bytes[j];
			unsigned what = (at[2] >> 3) & 7u;
			struct hst_insn insn;

			if ((at[0] != 0x0f && at[0] != 0xf8 && at[0] != 0x78) || at[1] != 0xae ||
				at[2] >= 0xc0 || (what != 0 && what != 3 && what != 4)) {
				continue;
			}
			if (hst_code_decode(&module->code, part->lo + j - (at[0] != 0x0f),
				    UINT64_MAX, &insn)) {
				module->fp_status = ZydisMnemonicGetString(insn.info.mnemonic);
				break;
			}
		}
	}
}

enum hst_status hst_module_open(const struct hst_elf *elf, struct hst_module *ret_module)
{
	struct hst_module module = { .elf = elf };
	GElf_Ehdr header;
	enum hst_status status = hst_code_open(elf, &module.code);

	if (status == HST_OK) {
		status = hst_frames_open(elf, &module.frames);
	}
	if (status == HST_OK) {
		status = read_segments(&module);
	}
	if (status == HST_OK) {
		status = read_sections(&module);
	}
	if (status == HST_OK && gelf_getehdr(elf->handle, &header) != NULL) {
		module.fixed = header.e_type == ET_EXEC;
		search_status(&module);
	}
	if (status != HST_OK) {
		hst_module_close(&module);
		return status;
	}
	*ret_module = module;
	return HST_OK;
}

void hst_module_close(struct hst_module *module)
{
	hst_code_close(&module->code);
	hst_frames_close(&module->frames);
	free(module->segments);
	free(module->objects);
	*module = (struct hst_module){ 0 };
}

static const struct hst_module_segment *segment_of(
	const struct hst_module *module, uint64_t address)
{
	for (size_t i = 0; i < module->segment_count; i++) {
		if (address >= module->segments[i].lo && address < module->segments[i].hi) {
			return &module->segments[i];
		}
	}
	return NULL;
}

bool hst_module_is_loaded(const struct hst_module *module, uint64_t address)
{
	return segment_of(module, address) != NULL;
}

bool hst_module_is_constant(const struct hst_module *module, uint64_t lo, uint64_t hi)
{
	const struct hst_module_segment *segment = segment_of(module, lo);

	if (segment == NULL || hi <= lo || hi > segment->hi) {
		return false;
	}
	if (lo >= module->relro_lo && hi <= module->relro_hi) {
		return true;
	}
	for (size_t i = 0; i < module->segment_count; i++) {
		const struct hst_module_segment *other = &module->segments[i];

		/* A page that is writable is so in whole. */
		if (other->writable && hi > (other->lo & ~(uint64_t)(PAGE - 1)) &&
			lo < ((other->hi + PAGE - 1) & ~(uint64_t)(PAGE - 1))) {
			return false;
		}
	}
	return true;
}

bool hst_module_read(const struct hst_module *module, uint64_t address, void *bytes, size_t count)
{
	const struct hst_module_segment *segment = segment_of(module, address);

	if (segment == NULL || segment->bytes == NULL || address - segment->lo > segment->count ||
		segment->count - (address - segment->lo) < count) {
		return false;
	}
	memcpy(bytes, segment->bytes + (address - segment->lo), count);
	return true;
}

/* How many objects begin at or before the address. */
static size_t objects_before(const struct hst_module *module, uint64_t address)
{
	size_t lo = 0;
	size_t hi = module->object_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (module->objects[mid].lo <= address) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return lo;
}

const char *hst_module_object(const struct hst_module *module, uint64_t address)
{
	size_t at = objects_before(module, address);

	for (int i = 0; i < 8 && at > 0; i++) {
		if (address < module->objects[--at].hi) {
			return module->objects[at].name;
		}
	}
	return NULL;
}

/* Is there a variable, not too far above, that has room for more than one such element? */
static bool is_array_above(const struct hst_module *module, uint64_t address, unsigned bytes)
{
	for (size_t i = objects_before(module, address); i < module->object_count; i++) {
		const struct hst_module_object *object = &module->objects[i];

		if (object->lo - address > DISPLACED_MAX) {
			break;
		}
		if (object->hi - object->lo >= 2 * (uint64_t)bytes &&
			!hst_module_is_constant(module, object->lo, object->hi)) {
			return true;
		}
	}
	return false;
}

bool hst_module_is_same(const struct hst_module *module, uint64_t origin, uint64_t place)
{
	size_t at = objects_before(module, origin);
	uint64_t apart = place < origin ? origin - place : place - origin;

	if (at > 0 && origin < module->objects[at - 1].hi) {
		return place >= module->objects[at - 1].lo && place <= module->objects[at - 1].hi;
	}
	return apart <= APART_MAX && segment_of(module, origin) == segment_of(module, place) &&
	       hst_module_object(module, place) == NULL;
}

bool hst_module_is_table(const struct hst_module *module, uint64_t origin, unsigned bytes)
{
	const struct hst_module_segment *segment = segment_of(module, origin);
	size_t at = objects_before(module, origin);

	if (segment == NULL || !module->has_symtab) {
		return false;
	}
	/* The very beginning of a constant object is what an unfolded index starts from. */
	if (at > 0 && module->objects[at - 1].lo == origin) {
		return hst_module_is_constant(module, origin, module->objects[at - 1].hi);
	}
	return !segment->writable && !is_array_above(module, origin, bytes);
}
