/* SPDX-License-Identifier: Apache-2.0 */
/* Header, sections, items: each section's items begin where those before it end, on a multiple of eight. */
#include "plan/plan_file.h"

#include "hasten/hash.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum hst_status hst_plan_file_add(struct hst_plan_file *plan,
	const struct hst_plan_section *section, void *items, uint64_t count, size_t item_bytes)
{
	struct hst_plan_part part = {
		.section = *section, .items = items, .count = count, .bytes = count * item_bytes
	};

	assert(part.bytes % sizeof(uint64_t) == 0);
	if (!hst_vec_push(&plan->parts, part)) {
		free(items);
		return HST_E_MEMORY;
	}
	plan->bytes += part.bytes;
	return HST_OK;
}

bool hst_plan_file_fits(const struct hst_plan_file *plan)
{
	return plan->parts.count <= HST_PLAN_SECTIONS_MAX && plan->bytes <= HST_PLAN_BYTES_MAX / 2;
}

void hst_plan_file_finish(struct hst_plan_file *plan)
{
	for (size_t i = 0; i < plan->parts.count; i++) {
		free(plan->parts.items[i].items);
	}
	hst_vec_finish(&plan->parts);
}

/* Sections and items, piece by piece in the order of the file. false: `each` said so. */
static bool each_piece(const struct hst_plan_file *plan,
	bool (*each)(void *data, const void *bytes, uint64_t count), void *data)
{
	uint64_t at = sizeof(struct hst_plan_header) +
		      plan->parts.count * sizeof(struct hst_plan_section);

	for (size_t i = 0; i < plan->parts.count; i++) {
		struct hst_plan_section section = plan->parts.items[i].section;

		section.offset = at;
		section.count = plan->parts.items[i].count;
		at += plan->parts.items[i].bytes;
		if (!each(data, &section, sizeof section)) {
			return false;
		}
	}
	for (size_t i = 0; i < plan->parts.count; i++) {
		const struct hst_plan_part *part = &plan->parts.items[i];

		if (part->bytes > 0 && !each(data, part->items, part->bytes)) {
			return false;
		}
	}
	return true;
}

struct check {
	uint64_t hash, length;
};

/* As hst_hash_bytes; every piece is a multiple of eight. */
static bool check_piece(void *data, const void *bytes, uint64_t count)
{
	struct check *check = data;

	for (uint64_t i = 0; i < count; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, (const uint8_t *)bytes + i, sizeof word);
		check->hash = hst_hash_add(check->hash, word);
	}
	check->length += count;
	return true;
}

static bool write_piece(void *data, const void *bytes, uint64_t count)
{
	return fwrite(bytes, count, 1, data) == 1;
}

/* Writes header, sections and items. false with errno. */
static bool write_all(FILE *out, const struct hst_plan_file *plan)
{
	struct check check = { .hash = hst_hash_begin(0) };
	struct hst_plan_header header = { .magic = HST_PLAN_MAGIC,
		.major = HST_PLAN_MAJOR,
		.minor = HST_PLAN_MINOR,
		.sections = (uint32_t)plan->parts.count };

	header.bytes =
		sizeof header + plan->parts.count * sizeof(struct hst_plan_section) + plan->bytes;
	(void)each_piece(plan, check_piece, &check);
	header.check = hst_hash_content(check.hash, check.length);
	return fwrite(&header, sizeof header, 1, out) == 1 && each_piece(plan, write_piece, out) &&
	       fflush(out) == 0;
}

/* Opens a new file beside `path`; its name, malloc'd, in *ret_name. NULL with errno. */
static FILE *create_beside(const char *path, char **ret_name)
{
	size_t bytes = strlen(path) + 32;
	char *name = malloc(bytes);
	FILE *out;
	int fd;

	if (name == NULL) {
		return NULL;
	}
	snprintf(name, bytes, "%s.new.%ld", path, (long)getpid());
	/* A stale file of a process that had our number: O_EXCL would fail on it for ever. */
	(void)unlink(name);
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (out == NULL) {
		if (fd >= 0) {
			close(fd);
			(void)unlink(name);
		}
		free(name);
		return NULL;
	}
	*ret_name = name;
	return out;
}

enum hst_status hst_plan_file_write(
	const struct hst_plan_file *plan, const char *path, struct hst_diag *diag)
{
	char *name = NULL;
	FILE *out = create_beside(path, &name);
	bool good;

	if (out == NULL) {
		return hst_diag_set(
			diag, HST_E_IO, "the plan %s cannot be created: %s", path, strerror(errno));
	}
	/* The umask of the user may be strange; the preload refuses what others can write. */
	good = fchmod(fileno(out), 0600) == 0 && write_all(out, plan);
	if (fclose(out) != 0) {
		good = false;
	}
	if (good && rename(name, path) != 0) {
		good = false;
	}
	if (!good) {
		enum hst_status status = hst_diag_set(
			diag, HST_E_IO, "the plan %s cannot be written: %s", path, strerror(errno));

		(void)unlink(name);
		free(name);
		return status;
	}
	free(name);
	return HST_OK;
}
