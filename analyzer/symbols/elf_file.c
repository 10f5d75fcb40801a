/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First stage: one ELF file by libelf. The file is read, never mapped (a mapped file that shrinks
 * kills us by SIGBUS). Symbol names stay in libelf's buffers, which live until the handle ends.
 */
#include "symbols/elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols/grow.h"
#include "symbols/symbols.h"

#ifndef ELFCOMPRESS_ZSTD
# define ELFCOMPRESS_ZSTD 2
#endif

/* zlib never packs better than this; more is a bomb or damage. */
#define ZLIB_RATIO_MAX 1040u
/* All sections together: what debug information packs to in earnest is a third to a quarter. */
#define UNPACKED_MIN       (UINT64_C(64) << 20)
#define UNPACKED_RATIO_MAX 16u
#define DF_1_PIE_FLAG      0x08000000u
#define NAME_BYTES_MIN     (1u << 16)

static int by_lo(const void *a, const void *b)
{
	const struct hst_span *x = a;
	const struct hst_span *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

bool hst_elf_is_code(const struct hst_elf *elf, uint64_t address, struct hst_span *ret_span)
{
	size_t lo = 0;
	size_t hi = elf->exec_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (elf->exec[mid].lo <= address) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	if (lo == 0 || address >= elf->exec[lo - 1].hi) {
		return false;
	}
	if (ret_span != NULL) {
		*ret_span = elf->exec[lo - 1];
	}
	return true;
}

static enum hst_status open_regular(const char *path, struct hst_elf *elf, struct hst_diag *diag)
{
	struct stat st;

	/* O_NONBLOCK: a FIFO of that name must not hang us. */
	elf->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (elf->fd < 0) {
		return hst_diag_set(
			diag, HST_E_IO, "%s cannot be opened: %s", path, strerror(errno));
	}
	if (fstat(elf->fd, &st) != 0) {
		return hst_diag_set(diag, HST_E_IO, "%s cannot be read: %s", path, strerror(errno));
	}
	if (!S_ISREG(st.st_mode)) {
		return hst_diag_set(diag, HST_E_NOT_OURS, "%s is not a regular file", path);
	}
	if ((uint64_t)st.st_size > HST_ELF_BYTES_MAX) {
		return hst_diag_set(diag, HST_E_UNSUPPORTED, "%s is larger than 4 GiB", path);
	}
	elf->file_bytes = (uint64_t)st.st_size;
	return HST_OK;
}

static enum hst_status check_header(const char *path, struct hst_elf *elf, struct hst_diag *diag)
{
	GElf_Ehdr header;

	if (elf_version(EV_CURRENT) == EV_NONE) {
		return hst_diag_set(diag, HST_E_UNSUPPORTED, "libelf is older than its header");
	}
	elf->handle = elf_begin(elf->fd, ELF_C_READ, NULL);
	if (elf->handle == NULL || elf_kind(elf->handle) != ELF_K_ELF ||
		gelf_getehdr(elf->handle, &header) == NULL) {
		return hst_diag_set(
			diag, HST_E_NOT_OURS, "%s is not an ELF program or library", path);
	}
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
		return hst_diag_set(diag, HST_E_UNSUPPORTED,
			"%s is an ELF file, but not a program or a shared library", path);
	}
	if (gelf_getclass(elf->handle) == ELFCLASS32) {
		elf->flags |= HST_IMAGE_32BIT;
	}
	return HST_OK;
}

/* DF_1_PIE among the dynamic entries: a program, not a library, even without an interpreter. */
static bool says_pie(Elf *handle, const GElf_Phdr *segment)
{
	Elf_Data *data = elf_getdata_rawchunk(
		handle, (int64_t)segment->p_offset, segment->p_filesz, ELF_T_DYN);
	GElf_Dyn entry;

	for (int i = 0; data != NULL && gelf_getdyn(data, i, &entry) != NULL; i++) {
		if (entry.d_tag == DT_NULL) {
			break;
		}
		if (entry.d_tag == DT_FLAGS_1) {
			return (entry.d_un.d_val & DF_1_PIE_FLAG) != 0;
		}
	}
	return false;
}

static void read_segments(struct hst_elf *elf)
{
	GElf_Ehdr header;
	GElf_Phdr segment;
	size_t count = 0;
	bool interpreter = false;
	bool pie = false;

	if (elf_getphdrnum(elf->handle, &count) != 0 ||
		gelf_getehdr(elf->handle, &header) == NULL) {
		return;
	}
	for (size_t i = 0; i < count && i < INT32_MAX; i++) {
		if (gelf_getphdr(elf->handle, (int)i, &segment) == NULL) {
			break;
		}
		interpreter = interpreter || segment.p_type == PT_INTERP;
		pie = pie || (segment.p_type == PT_DYNAMIC && says_pie(elf->handle, &segment));
	}
	if (!interpreter && (header.e_type == ET_EXEC || pie)) {
		elf->flags |= HST_IMAGE_STATIC;
	}
}

static void take_build_id(struct hst_build_id *id, const void *bytes, size_t count)
{
	if (count > 0 && count <= HST_BUILD_ID_MAX) {
		memcpy(id->bytes, bytes, count);
		id->count = count;
	}
}

static void read_notes(struct hst_elf *elf, Elf_Scn *section)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Nhdr note;
	size_t name = 0;
	size_t desc = 0;
	size_t next;

	if (data == NULL || data->d_buf == NULL) {
		return;
	}
	for (size_t at = 0; (next = gelf_getnote(data, at, &note, &name, &desc)) > at; at = next) {
		const char *bytes = data->d_buf;

		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
			memcmp(bytes + name, "GNU", 4) == 0) {
			take_build_id(&elf->build_id, bytes + desc, note.n_descsz);
			return;
		}
	}
}

/* .gnu_debuglink: a name, padding to 4, a checksum of the file it names. */
static void read_debuglink(struct hst_elf *elf, Elf_Scn *section)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t length;
	size_t crc_at;

	if (data == NULL || data->d_buf == NULL || data->d_size < 8) {
		return;
	}
	length = strnlen(data->d_buf, data->d_size);
	crc_at = (length + 4) & ~(size_t)3;
	if (length == 0 || length >= sizeof elf->debuglink || crc_at > data->d_size - 4 ||
		memchr(data->d_buf, '/', length) != NULL) {
		return;
	}
	memcpy(elf->debuglink, data->d_buf, length);
	elf->debuglink[length] = '\0';
	memcpy(&elf->debuglink_crc, (const char *)data->d_buf + crc_at, 4);
}

/* .gnu_debugaltlink (dwz): a path and the build-id of the file that shared strings moved to. */
static void read_altlink(struct hst_elf *elf, Elf_Scn *section)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t length;

	if (data == NULL || data->d_buf == NULL) {
		return;
	}
	length = strnlen(data->d_buf, data->d_size);
	if (length == 0 || length == data->d_size || length >= sizeof elf->altlink) {
		return;
	}
	memcpy(elf->altlink, data->d_buf, length);
	elf->altlink[length] = '\0';
	take_build_id(&elf->alt_build_id, (const char *)data->d_buf + length + 1,
		data->d_size - length - 1);
}

/* Can libdwarf unpack this section without harm? */
static bool compression_fits(struct hst_elf *elf, Elf_Scn *section, const GElf_Shdr *header)
{
	GElf_Chdr packed;

	if ((header->sh_flags & SHF_COMPRESSED) == 0) {
		return true;
	}
	if (gelf_getchdr(section, &packed) == NULL) {
		return false;
	}
	if (packed.ch_type == ELFCOMPRESS_ZSTD) {
		elf->flags |= HST_IMAGE_ZSTD_DEBUG;
		return false;
	}
	if (packed.ch_type != ELFCOMPRESS_ZLIB || packed.ch_size > HST_ELF_BYTES_MAX ||
		packed.ch_size / ZLIB_RATIO_MAX > header->sh_size) {
		return false;
	}
	elf->unpacked_bytes += packed.ch_size;
	return elf->unpacked_bytes <= UNPACKED_MIN + UNPACKED_RATIO_MAX * elf->file_bytes;
}

static void read_named_section(struct hst_elf *elf, Elf_Scn *section, const GElf_Shdr *header,
	const char *name, bool *debug_fits)
{
	if (header->sh_type == SHT_NOBITS) {
		return;
	}
	if (strcmp(name, ".gnu_debuglink") == 0) {
		read_debuglink(elf, section);
	} else if (strcmp(name, ".gnu_debugaltlink") == 0) {
		read_altlink(elf, section);
	} else if (strncmp(name, ".debug_", 7) == 0 || strncmp(name, ".zdebug_", 8) == 0) {
		*debug_fits = compression_fits(elf, section, header) && *debug_fits;
		if (header->sh_size > 0 && strcmp(strchr(name, '_'), "_info") == 0) {
			elf->has_debug_info = true;
		}
	}
}

static enum hst_status add_exec(struct hst_elf *elf, uint64_t lo, uint64_t bytes)
{
	struct hst_span *span;

	if (bytes == 0 || lo + bytes < lo) {
		return HST_OK;
	}
	span = hst_push(&elf->exec, &elf->exec_count, &elf->exec_capacity, sizeof *span);
	if (span == NULL) {
		return HST_E_MEMORY;
	}
	*span = (struct hst_span){ .lo = lo, .hi = lo + bytes };
	return HST_OK;
}

static enum hst_status add_exec_section(struct hst_elf *elf, const GElf_Shdr *header)
{
	if ((header->sh_flags & SHF_EXECINSTR) == 0 || (header->sh_flags & SHF_ALLOC) == 0) {
		return HST_OK;
	}
	return add_exec(elf, header->sh_addr, header->sh_size);
}

static enum hst_status read_sections(struct hst_elf *elf)
{
	size_t names = 0;
	bool debug_fits = true;
	GElf_Shdr header;

	if (elf_getshdrstrndx(elf->handle, &names) != 0) {
		names = 0;
	}
	for (Elf_Scn *section = elf_nextscn(elf->handle, NULL); section != NULL;
		section = elf_nextscn(elf->handle, section)) {
		const char *name;

		if (gelf_getshdr(section, &header) == NULL) {
			continue;
		}
		name = elf_strptr(elf->handle, names, header.sh_name);
		HST_TRY(add_exec_section(elf, &header));
		if (header.sh_type == SHT_NOTE && elf->build_id.count == 0) {
			read_notes(elf, section);
		}
		if (name != NULL) {
			read_named_section(elf, section, &header, name, &debug_fits);
		}
	}
	elf->has_debug_info = elf->has_debug_info && debug_fits;
	return HST_OK;
}

/* A file whose section headers were cut off: the loadable code is what the segments say. */
static enum hst_status exec_from_segments(struct hst_elf *elf)
{
	GElf_Phdr segment;
	size_t count = 0;

	if (elf_getphdrnum(elf->handle, &count) != 0) {
		return HST_OK;
	}
	for (size_t i = 0; i < count && i < INT32_MAX; i++) {
		if (gelf_getphdr(elf->handle, (int)i, &segment) == NULL ||
			segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) {
			continue;
		}
		HST_TRY(add_exec(elf, segment.p_vaddr, segment.p_memsz));
	}
	return HST_OK;
}

static void note_special(struct hst_elf *elf, const GElf_Sym *symbol, const char *name)
{
	bool defined = symbol->st_shndx != SHN_UNDEF;

	if (name[0] != '_' || name[1] != '_') {
		return;
	}
	if (strcmp(name, "__cyg_profile_func_enter") == 0) {
		elf->flags |= defined ? HST_IMAGE_DEFINES_HOOKS : HST_IMAGE_HAS_HOOKS;
	} else if (strcmp(name, "__asan_init") == 0) {
		elf->flags |= HST_IMAGE_ASAN;
	}
}

static enum hst_status take_symbol(struct hst_elf *elf, const GElf_Sym *symbol, const char *name)
{
	unsigned type = GELF_ST_TYPE(symbol->st_info);
	struct hst_symbol *item;
	size_t length;

	if (type == STT_FILE) {
		elf->files++;
		return HST_OK;
	}
	if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol->st_shndx == SHN_UNDEF ||
		name[0] == '\0' || elf->symbol_count >= HST_ELF_SYMBOLS_MAX ||
		!hst_elf_is_code(elf, symbol->st_value, NULL)) {
		return HST_OK;
	}
	/* A name costs its length several times later on. */
	length = strnlen(name, elf->name_budget);
	if (length == elf->name_budget) {
		return HST_OK;
	}
	elf->name_budget -= length;
	item = hst_push(&elf->symbols, &elf->symbol_count, &elf->symbol_capacity, sizeof *item);
	if (item == NULL) {
		return HST_E_MEMORY;
	}
	item->address = symbol->st_value;
	item->bytes = symbol->st_size;
	item->name = name;
	item->bind = (uint8_t)GELF_ST_BIND(symbol->st_info);
	item->file = item->bind == STB_LOCAL ? elf->files : HST_SYMBOL_GLOBAL;
	return HST_OK;
}

/* Goes over one symbol table: for the flags, or (`collect`) for the functions. */
static enum hst_status scan_table(struct hst_elf *elf, Elf_Scn *section, bool collect)
{
	GElf_Shdr header;
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Sym symbol;

	if (data == NULL || gelf_getshdr(section, &header) == NULL) {
		return HST_OK;
	}
	for (int i = 1; gelf_getsym(data, i, &symbol) != NULL; i++) {
		const char *name = elf_strptr(elf->handle, header.sh_link, symbol.st_name);

		if (name == NULL) {
			continue;
		}
		if (!collect) {
			note_special(elf, &symbol, name);
			continue;
		}
		HST_TRY(take_symbol(elf, &symbol, name));
	}
	return HST_OK;
}

static enum hst_status scan_symbols(struct hst_elf *elf, bool collect)
{
	GElf_Shdr header;

	for (Elf_Scn *section = elf_nextscn(elf->handle, NULL); section != NULL;
		section = elf_nextscn(elf->handle, section)) {
		if (gelf_getshdr(section, &header) == NULL || header.sh_size == 0) {
			continue;
		}
		if (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM) {
			continue;
		}
		elf->flags |=
			header.sh_type == SHT_SYMTAB ? HST_IMAGE_HAS_SYMTAB : HST_IMAGE_HAS_DYNSYM;
		HST_TRY(scan_table(elf, section, collect));
	}
	return HST_OK;
}

enum hst_status hst_elf_read_symbols(struct hst_elf *elf)
{
	elf->name_budget = 4 * elf->file_bytes + NAME_BYTES_MIN;
	return scan_symbols(elf, true);
}

enum hst_status hst_elf_open(const char *path, struct hst_elf *ret_elf, struct hst_diag *diag)
{
	struct hst_elf elf = { .fd = -1 };
	enum hst_status status = open_regular(path, &elf, diag);

	if (status == HST_OK) {
		status = check_header(path, &elf, diag);
	}
	if (status == HST_OK) {
		read_segments(&elf);
		status = read_sections(&elf);
		if (status == HST_OK && elf.exec_count == 0) {
			status = exec_from_segments(&elf);
		}
		if (status == HST_OK) {
			if (elf.exec_count > 1) {
				qsort(elf.exec, elf.exec_count, sizeof *elf.exec, by_lo);
			}
			status = scan_symbols(&elf, false);
		}
		if (status != HST_OK) {
			status = hst_diag_set(diag, status, "out of memory while reading %s", path);
		}
	}
	if (status != HST_OK) {
		hst_elf_close(&elf);
		return status;
	}
	*ret_elf = elf;
	return HST_OK;
}

void hst_elf_close(struct hst_elf *elf)
{
	if (elf->handle != NULL) {
		elf_end(elf->handle);
		close(elf->fd);
	} else if (elf->fd > 0) {
		close(elf->fd);
	}
	free(elf->exec);
	free(elf->symbols);
	*elf = (struct hst_elf){ .fd = -1 };
}
