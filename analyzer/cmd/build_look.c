/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has a file that a compiler made hooks in it? The hooks are called by name, so a symbol of that name tells. The file may be anything by
 * now: libelf checks what it reads, and it is read, never mapped.
 */
#include "cmd/build_calls.h"

#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOOK         "__cyg_profile_func_enter"
#define LLVM_BITCODE "BC\xc0\xde"
#define LTO_SECTION  ".gnu.lto_"
#define SYMBOLS_MAX  (16u << 20)
#define FILE_MAX     (INT64_C(4) << 30)

struct seen {
	bool symbols; /* there is a table of symbols */
	bool functions, hooks, slim;
};

static bool is_hook(const char *name)
{
	return name != NULL && strcmp(name, HOOK) == 0;
}

static void look_at_symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, struct seen *seen)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Sym symbol;

	seen->symbols |= data != NULL;
	for (int i = 1; data != NULL && i < (int)SYMBOLS_MAX && !seen->hooks &&
			gelf_getsym(data, i, &symbol) != NULL;
		i++) {
		if (GELF_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF) {
			seen->functions = true;
		}
		seen->hooks = GELF_ST_BIND(symbol.st_info) != STB_LOCAL &&
			      is_hook(elf_strptr(elf, header->sh_link, symbol.st_name));
	}
}

/* An object of gcc -flto without machine code has sections of its own kind and no code. */
static void look_at_section(Elf *elf, size_t names, Elf_Scn *section, struct seen *seen)
{
	GElf_Shdr header;
	const char *name;

	if (gelf_getshdr(section, &header) == NULL) {
		return;
	}
	name = elf_strptr(elf, names, header.sh_name);
	seen->slim |= name != NULL && strncmp(name, LTO_SECTION, sizeof LTO_SECTION - 1) == 0;
	if (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM) {
		look_at_symbols(elf, section, &header, seen);
	}
}

static bool has_interpreter(Elf *elf, const GElf_Ehdr *header)
{
	size_t count = 0;
	GElf_Phdr segment;

	if (header->e_type == ET_EXEC) {
		return true;
	}
	if (header->e_type != ET_DYN || elf_getphdrnum(elf, &count) != 0) {
		return false;
	}
	for (size_t i = 0; i < count && gelf_getphdr(elf, (int)i, &segment) != NULL; i++) {
		if (segment.p_type == PT_INTERP) {
			return true;
		}
	}
	return false;
}

static enum hst_build_found look_at_elf(Elf *elf, bool *ret_program)
{
	struct seen seen = { 0 };
	GElf_Ehdr header;
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_kind(elf) != ELF_K_ELF || gelf_getehdr(elf, &header) == NULL ||
		elf_getshdrstrndx(elf, &names) != 0) {
		return HST_BUILD_UNKNOWN;
	}
	*ret_program = has_interpreter(elf, &header);
	while (!seen.hooks && (section = elf_nextscn(elf, section)) != NULL) {
		look_at_section(elf, names, section, &seen);
	}
	return seen.hooks       ? HST_BUILD_HOOKS
	       : seen.slim      ? HST_BUILD_LATER
	       : !seen.symbols  ? HST_BUILD_UNKNOWN
	       : seen.functions ? HST_BUILD_NO_HOOKS
				: HST_BUILD_NO_FUNCTIONS;
}

enum hst_build_found hst_build_look(const char *path, bool *ret_program)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum hst_build_found found = HST_BUILD_UNKNOWN;
	char magic[4] = { 0 };
	struct stat status;
	Elf *elf = NULL;

	*ret_program = false;
	if (fd < 0) {
		return HST_BUILD_GONE;
	}
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= FILE_MAX &&
		pread(fd, magic, sizeof magic, 0) == (ssize_t)sizeof magic) {
		(void)elf_version(EV_CURRENT);
		elf = elf_begin(fd, ELF_C_READ, NULL);
	}
	if (memcmp(magic, LLVM_BITCODE, sizeof magic) == 0) {
		found = HST_BUILD_LATER;
	} else if (elf != NULL) {
		found = look_at_elf(elf, ret_program);
	}
	if (elf != NULL) {
		(void)elf_end(elf);
	}
	(void)close(fd);
	return found;
}
