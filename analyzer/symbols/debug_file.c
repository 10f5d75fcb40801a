/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Separate debug files. Names come from hostile files, so whatever is found is only used when it is
 * a regular ELF file that proves (build-id or checksum) that it belongs to the program.
 */
#include "symbols/debug_file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "symbols/dwarf_check.h"
#include "util/hex.h"

#define PATH_BYTES 4096

static bool same_build_id(const struct hst_build_id *a, const struct hst_build_id *b)
{
	return a->count != 0 && a->count == b->count && memcmp(a->bytes, b->bytes, a->count) == 0;
}

bool hst_debug_file_crc(int fd, uint32_t *ret_crc)
{
	uint32_t table[256];
	uint32_t crc = UINT32_MAX;
	unsigned char buffer[32768];
	uint64_t at = 0;

	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++) {
			c = (c & 1) != 0 ? UINT32_C(0xedb88320) ^ (c >> 1) : c >> 1;
		}
		table[i] = c;
	}
	for (;;) {
		ssize_t n = pread(fd, buffer, sizeof buffer, (off_t)at);

		if (n < 0) {
			return false;
		}
		if (n == 0) {
			*ret_crc = ~crc;
			return true;
		}
		for (ssize_t i = 0; i < n; i++) {
			crc = table[(crc ^ buffer[i]) & 0xff] ^ (crc >> 8);
		}
		at += (uint64_t)n;
	}
}

/* "root/.build-id/xx/yyyy.debug"; false if it does not fit or there is no build-id. */
static bool build_id_path(const struct hst_build_id *id, const char *root, char *ret_path)
{
	int n;

	if (id->count < 2) {
		return false;
	}
	n = snprintf(ret_path, PATH_BYTES, "%s/.build-id/%02x/", root, id->bytes[0]);
	if (n < 0 || (size_t)n + 2 * id->count + sizeof ".debug" > PATH_BYTES) {
		return false;
	}
	memcpy(hst_hex(ret_path + n, PATH_BYTES - (size_t)n, id->bytes + 1, id->count - 1),
		".debug", sizeof ".debug");
	return true;
}

/* Directory of `path` without the last slash, "." if there is none. */
static void directory_of(const char *path, char ret_directory[PATH_BYTES])
{
	const char *slash = strrchr(path, '/');
	size_t length = slash == NULL ? 0 : (size_t)(slash - path);

	if (slash == NULL || length >= PATH_BYTES) {
		memcpy(ret_directory, ".", 2);
		return;
	}
	memcpy(ret_directory, path, length);
	ret_directory[length] = '\0';
}

static bool fits(int n)
{
	return n > 0 && n < PATH_BYTES;
}

static bool by_build_id(const struct hst_elf *elf, const char *root, struct hst_elf *ret_debug,
	char ret_path[PATH_BYTES])
{
	if (!build_id_path(&elf->build_id, root, ret_path) ||
		hst_elf_open(ret_path, ret_debug, NULL) != HST_OK) {
		return false;
	}
	if (same_build_id(&elf->build_id, &ret_debug->build_id)) {
		return true;
	}
	hst_elf_close(ret_debug);
	return false;
}

static bool by_name(const struct hst_elf *elf, struct hst_elf *ret_debug, const char *path)
{
	uint32_t crc;

	if (hst_elf_open(path, ret_debug, NULL) != HST_OK) {
		return false;
	}
	if (hst_debug_file_crc(ret_debug->fd, &crc) && crc == elf->debuglink_crc) {
		return true;
	}
	hst_elf_close(ret_debug);
	return false;
}

bool hst_debug_file_find(const struct hst_elf *elf, const char *path, const char *root,
	struct hst_elf *ret_debug, char ret_path[PATH_BYTES])
{
	char directory[PATH_BYTES];

	if (by_build_id(elf, root, ret_debug, ret_path)) {
		return true;
	}
	if (elf->debuglink[0] == '\0') {
		return false;
	}
	directory_of(path, directory);
	if (fits(snprintf(ret_path, PATH_BYTES, "%s/%s", directory, elf->debuglink)) &&
		by_name(elf, ret_debug, ret_path)) {
		return true;
	}
	if (fits(snprintf(ret_path, PATH_BYTES, "%s/.debug/%s", directory, elf->debuglink)) &&
		by_name(elf, ret_debug, ret_path)) {
		return true;
	}
	return directory[0] == '/' &&
	       fits(snprintf(ret_path, PATH_BYTES, "%s%s/%s", root, directory, elf->debuglink)) &&
	       by_name(elf, ret_debug, ret_path);
}

/* A descriptor of its own for the file if its build-id is the wanted one. */
static int take_alt(const struct hst_build_id *wanted, const char *path)
{
	struct hst_elf alt;
	int fd = -1;

	if (hst_elf_open(path, &alt, NULL) != HST_OK) {
		return -1;
	}
	if (same_build_id(wanted, &alt.build_id) && alt.has_debug_info && hst_dwarf_is_safe(&alt)) {
		fd = dup(alt.fd);
	}
	hst_elf_close(&alt);
	return fd;
}

int hst_debug_file_alt(const struct hst_elf *elf, const char *path, const char *root)
{
	char directory[PATH_BYTES];
	char candidate[PATH_BYTES];
	int n;
	int fd = -1;

	if (elf->altlink[0] == '\0') {
		return -1;
	}
	if (elf->altlink[0] == '/') {
		n = snprintf(candidate, sizeof candidate, "%s", elf->altlink);
	} else {
		directory_of(path, directory);
		n = snprintf(candidate, sizeof candidate, "%s/%s", directory, elf->altlink);
	}
	if (fits(n)) {
		fd = take_alt(&elf->alt_build_id, candidate);
	}
	if (fd < 0 && build_id_path(&elf->alt_build_id, root, candidate)) {
		fd = take_alt(&elf->alt_build_id, candidate);
	}
	return fd;
}
