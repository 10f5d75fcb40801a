/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says of processes. */
#include "core/procfs.h"

#include "core/sys.h"
#include "core/text.h"

#include "core/poison.h"

long hst_procfs_read(const char *path, char *buffer, size_t capacity)
{
	long fd = hst_sys_open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	long got;

	if (fd < 0) {
		return -1;
	}
	got = hst_sys_read((int)fd, buffer, capacity - 1);
	(void)hst_sys_close((int)fd);
	buffer[got > 0 ? got : 0] = '\0';
	return got > 0 ? got : 0;
}

static void proc_path(char *buffer, size_t capacity, uint32_t pid, const char *file)
{
	struct hst_text path = hst_text_begin(buffer, capacity);

	hst_text_add(&path, "/proc/");
	if (pid == 0) {
		hst_text_add(&path, "self");
	} else {
		hst_text_add_number(&path, pid);
	}
	hst_text_add(&path, file);
}

bool hst_procfs_stat(uint32_t pid, uint32_t *ret_ppid, uint64_t *ret_start)
{
	char path[48];
	char text[1024];
	const char *at = NULL;
	uint64_t value;

	proc_path(path, sizeof path, pid, "/stat");
	if (hst_procfs_read(path, text, sizeof text) <= 0) {
		return false;
	}
	/* The name may hold anything, blanks and brackets too: what counts begins behind the last one. */
	for (const char *c = text; *c != '\0'; c++) {
		at = *c == ')' ? c : at;
	}
	for (int field = 2; at != NULL && *at != '\0'; at++) {
		if (*at != ' ') {
			continue;
		}
		field++;
		if (field == 4 && hst_text_number(at + 1, &value)) {
			*ret_ppid = (uint32_t)value;
		}
		if (field == 22) {
			return hst_text_number(at + 1, ret_start);
		}
	}
	return false;
}

/* A number of a file of lines "Key:   number". false: it is not there. */
static bool status_number(const char *text, const char *key, uint64_t *ret_value)
{
	for (const char *line = text; *line != '\0'; line++) {
		if ((line == text || line[-1] == '\n') && hst_text_starts(line, key)) {
			line += hst_text_length(key);
			while (*line == '\t' || *line == ' ') {
				line++;
			}
			return hst_text_number(line, ret_value);
		}
	}
	return false;
}

bool hst_procfs_status(const char *key, uint64_t *ret_value)
{
	char text[2048];

	return hst_procfs_read("/proc/self/status", text, sizeof text) > 0 &&
	       status_number(text, key, ret_value);
}

uint32_t hst_procfs_seccomp(uint32_t pid)
{
	char path[48];
	char text[4096];
	uint64_t mode = 0;
	uint64_t filters = 0;

	proc_path(path, sizeof path, pid, "/status");
	if (hst_procfs_read(path, text, sizeof text) <= 0) {
		return 0;
	}
	(void)status_number(text, "Seccomp:", &mode);
	if (mode == 0) {
		return 0;
	}
	(void)status_number(text, "Seccomp_filters:", &filters);
	return filters == 0 ? 1 : (uint32_t)filters;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hst_procfs_boot_id(uint8_t *ret_id)
{
	char text[64];
	uint8_t id[16] = { 0 };
	unsigned nibbles = 0;

	if (hst_procfs_read("/proc/sys/kernel/random/boot_id", text, sizeof text) <= 0) {
		return false;
	}
	for (const char *c = text; *c != '\0' && nibbles < 32; c++) {
		int digit = hex_digit(*c);

		if (digit >= 0) {
			id[nibbles / 2] = (uint8_t)(id[nibbles / 2] << 4 | digit);
			nibbles++;
		}
	}
	for (unsigned i = 0; nibbles == 32 && i < 16; i++) {
		ret_id[i] = id[i];
	}
	return nibbles == 32;
}

/* One line of maps: "lo-hi rights offset device inode    name". */
struct line {
	struct hst_range range;
	uint64_t number;
	enum {
		LINE_LO,
		LINE_HI,
		LINE_RIGHTS,
		LINE_REST,
	} part;
	int protection; /* PROT_... */
	bool shared;
	bool wanted;
	char first;    /* of the name: '/' a file, '[' anything else; 0 none yet */
	size_t length; /* of the name so far */
};

/* One of "rwxp" or "rwxs", '-' where a right is missing. */
static void line_right(struct line *line, char c)
{
	line->protection |= c == 'r' ? PROT_READ : 0;
	line->protection |= c == 'w' ? PROT_WRITE : 0;
	line->protection |= c == 'x' ? PROT_EXEC : 0;
	line->shared |= c == 's';
	line->part = c == ' ' ? LINE_REST : LINE_RIGHTS;
}

/* true: the line is complete, and the one that is looked for. */
static bool line_char(struct line *line, char c, uint64_t address, char *name, size_t capacity)
{
	if (c == '\n') {
		if (line->wanted) {
			name[line->length] = '\0';
			return true;
		}
		*line = (struct line){ 0 };
	} else if (line->part == LINE_LO && c == '-') {
		line->range.lo = line->number;
		line->number = 0;
		line->part = LINE_HI;
	} else if (line->part == LINE_HI && c == ' ') {
		line->range.hi = line->number;
		line->wanted = address >= line->range.lo && address < line->range.hi;
		line->part = LINE_RIGHTS;
	} else if (line->part == LINE_RIGHTS) {
		line_right(line, c);
	} else if (line->part != LINE_REST) {
		line->number = line->number << 4 | (uint64_t)hex_digit(c);
	} else {
		line->first = line->first == '\0' && (c == '/' || c == '[') ? c : line->first;
		if (line->wanted && line->length + 1 < capacity && line->first != '\0') {
			name[line->length++] = c;
		}
	}
	return false;
}

bool hst_procfs_mapping(uint64_t address, struct hst_range *ret_range, char *name, size_t capacity)
{
	struct line line = { 0 };
	char buffer[1024] = { 0 };
	bool found = false;
	long got = 1;
	long fd = hst_sys_open("/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0) {
		return false;
	}
	while (!found && (got = hst_sys_read((int)fd, buffer, sizeof buffer)) > 0) {
		for (long i = 0; i < got && !found; i++) {
			found = line_char(&line, buffer[i], address, name, capacity);
		}
	}
	(void)hst_sys_close((int)fd);
	if (found) {
		*ret_range = line.range;
	}
	return found;
}

static void mappings_note(const struct line *line, const uint64_t *addresses, uint32_t count,
	struct hst_mapping *found)
{
	for (uint32_t i = 0; i < count; i++) {
		if (addresses[i] >= line->range.lo && addresses[i] < line->range.hi) {
			found[i] = (struct hst_mapping){ line->range, line->protection,
				line->shared, line->first == '/' };
		}
	}
}

bool hst_procfs_mappings(const uint64_t *addresses, uint32_t count, struct hst_mapping *ret_found)
{
	struct line line = { 0 };
	char buffer[1024] = { 0 };
	long got;
	long fd = hst_sys_open("/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);

	for (uint32_t i = 0; i < count; i++) {
		ret_found[i] = (struct hst_mapping){ { 0, 0 }, 0, false, false };
	}
	if (fd < 0) {
		return false;
	}
	while ((got = hst_sys_read((int)fd, buffer, sizeof buffer)) > 0) {
		for (long i = 0; i < got; i++) {
			if (buffer[i] == '\n') {
				mappings_note(&line, addresses, count, ret_found);
			}
			(void)line_char(&line, buffer[i], UINT64_MAX, NULL, 0);
		}
	}
	(void)hst_sys_close((int)fd);
	return got == 0;
}
