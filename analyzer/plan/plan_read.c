/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan_read.h"

#include "hasten/hash.h"
#include "plan/plan_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REVOKED_BYTES_MAX (1u << 20)

static const struct {
	enum hst_plan_kind kind;
	size_t item_bytes;
} kinds[] = {
	{ HST_PLAN_FILTER, sizeof(uint64_t) },
	{ HST_PLAN_ENTER, sizeof(struct hst_plan_enter) },
	{ HST_PLAN_EXIT, sizeof(struct hst_plan_exit) },
	{ HST_PLAN_PIECES, sizeof(struct hst_plan_piece) },
	{ HST_PLAN_MEMO, sizeof(struct hst_plan_memo) },
	{ HST_PLAN_MEMO_EXIT, sizeof(struct hst_plan_memo_exit) },
	{ HST_PLAN_MEMO_PIECES, sizeof(struct hst_plan_piece) },
	{ HST_PLAN_MEMO_CODE, sizeof(struct hst_plan_code) },
	{ HST_PLAN_MEMO_SLOT, sizeof(struct hst_plan_slot) },
	{ HST_PLAN_MEMO_NAMES, sizeof(uint64_t) },
};

/* 0: of a later version, passed over. */
static size_t item_bytes_of(uint32_t kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if ((uint32_t)kinds[i].kind == kind) {
			return kinds[i].item_bytes;
		}
	}
	return 0;
}

static enum hst_status damaged(struct hst_diag *diag, const char *path, const char *what)
{
	return hst_diag_set(diag, HST_E_DAMAGED,
		"the plan %s is damaged (%s): make it anew with hasten optimize -o", path, what);
}

/* The section of this kind for a build id; NULL: none. *ret_more: there are two. */
static const struct hst_plan_section *section_of(const struct hst_plan_content *content,
	enum hst_plan_kind kind, const struct hst_plan_section *like, bool *ret_more)
{
	const struct hst_plan_section *found = NULL;

	for (uint32_t i = 0; i < content->section_count; i++) {
		const struct hst_plan_section *section = &content->sections[i];

		if (section->kind == (uint32_t)kind &&
			section->build_id_bytes == like->build_id_bytes &&
			memcmp(section->build_id, like->build_id, like->build_id_bytes) == 0) {
			*ret_more = *ret_more || found != NULL;
			found = section;
		}
	}
	return found;
}

static const void *items_of(const struct hst_plan_content *content,
	const struct hst_plan_section *section, uint64_t *ret_count)
{
	*ret_count = section == NULL ? 0 : section->count;
	return section == NULL ? NULL : (const uint8_t *)content->words + section->offset;
}

/* The next text at *at, NULL: none ends there. */
static const char *next_text(const char *texts, uint64_t bytes, uint64_t *at)
{
	const char *text = texts + *at;
	const char *end = *at < bytes ? memchr(text, 0, bytes - *at) : NULL;

	*at += end == NULL ? 0 : (uint64_t)(end - text) + 1;
	return end == NULL ? NULL : text;
}

/* Names, where all are there. HST_E_MEMORY. */
static enum hst_status take_names(struct hst_plan_content *content,
	const struct hst_plan_section *like, struct hst_memo_module *module)
{
	bool more = false;
	uint64_t count;
	const char *texts =
		items_of(content, section_of(content, HST_PLAN_MEMO_NAMES, like, &more), &count);
	uint64_t bytes = count * sizeof(uint64_t);
	uint64_t at = 0;
	const char *path = texts == NULL || more ? NULL : next_text(texts, bytes, &at);
	size_t found = 0;

	while (path != NULL && found < module->memo_count) {
		const char *name = next_text(texts, bytes, &at);

		if (name == NULL) {
			content->texts.count -= found;
			return HST_OK;
		}
		if (!hst_vec_push(&content->texts, name)) {
			return HST_E_MEMORY;
		}
		found++;
	}
	module->path = path;
	return HST_OK;
}

static enum hst_status take_module(struct hst_plan_content *content,
	const struct hst_plan_section *like, const char *path, struct hst_diag *diag)
{
	bool more = false;
	struct hst_memo_sizes counts;
	struct hst_memo_module module = { .build_id = like->build_id,
		.build_id_bytes = like->build_id_bytes };
	const char *trouble;

	module.memos =
		items_of(content, section_of(content, HST_PLAN_MEMO, like, &more), &counts.memos);
	module.exits = items_of(
		content, section_of(content, HST_PLAN_MEMO_EXIT, like, &more), &counts.exits);
	module.pieces = items_of(
		content, section_of(content, HST_PLAN_MEMO_PIECES, like, &more), &counts.pieces);
	module.codes = items_of(
		content, section_of(content, HST_PLAN_MEMO_CODE, like, &more), &counts.codes);
	module.slots = items_of(
		content, section_of(content, HST_PLAN_MEMO_SLOT, like, &more), &counts.slots);
	trouble = more ? "two lists for one file" : hst_plan_check_module(&module, &counts);
	if (trouble != NULL) {
		return damaged(diag, path, trouble);
	}
	module.memo_count = (size_t)counts.memos;
	return take_names(content, like, &module) == HST_OK &&
			       hst_vec_push(&content->modules, module)
		       ? HST_OK
		       : hst_diag_set(diag, HST_E_MEMORY, "out of memory while reading %s", path);
}

static bool section_is_sound(
	const struct hst_plan_content *content, const struct hst_plan_section *section)
{
	size_t item_bytes = item_bytes_of(section->kind);

	if (section->build_id_bytes > sizeof section->build_id ||
		(section->build_id_bytes == 0 && (section->flags & HST_PLAN_ANY_MODULE) == 0)) {
		return false;
	}
	return item_bytes == 0 ||
	       (section->offset % 8 == 0 && section->offset <= content->bytes &&
		       section->count <= (content->bytes - section->offset) / item_bytes);
}

static enum hst_status check_header(
	const struct hst_plan_content *content, const char *path, struct hst_diag *diag)
{
	const struct hst_plan_header *header = (const void *)content->words;

	if (content->bytes < sizeof *header ||
		memcmp(header->magic, HST_PLAN_MAGIC, sizeof header->magic) != 0) {
		return hst_diag_set(diag, HST_E_NOT_OURS,
			"%s is no plan of hasten: hasten optimize -o FILE makes one", path);
	}
	if (header->major != HST_PLAN_MAJOR) {
		return hst_diag_set(diag, HST_E_VERSION,
			"the plan %s is of version %u, and this hasten reads %u: make it anew with hasten optimize -o",
			path, header->major, (unsigned)HST_PLAN_MAJOR);
	}
	if (header->bytes != content->bytes || header->sections > HST_PLAN_SECTIONS_MAX ||
		header->sections * sizeof(struct hst_plan_section) >
			content->bytes - sizeof *header) {
		return damaged(diag, path, "it is cut off, or not as long as it says");
	}
	if (header->check !=
		hst_hash_bytes((const uint8_t *)(header + 1), content->bytes - sizeof *header)) {
		return damaged(diag, path, "it was changed after it was written");
	}
	return HST_OK;
}

/* The vector moves no more. */
static void point_to_names(struct hst_plan_content *content)
{
	size_t at = 0;

	for (size_t i = 0; i < content->modules.count; i++) {
		struct hst_memo_module *module = &content->modules.items[i];

		if (module->path != NULL) {
			module->names = (const char *const *)&content->texts.items[at];
			at += module->memo_count;
		}
	}
}

/* `words`: malloc'd, taken over also when it fails. */
static enum hst_status take(uint64_t *words, size_t bytes, const char *path,
	struct hst_plan_content *ret_content, struct hst_diag *diag)
{
	struct hst_plan_content content = { .words = words, .bytes = bytes };
	const struct hst_plan_header *header = (const void *)words;
	enum hst_status status = check_header(&content, path, diag);

	if (status == HST_OK) {
		content.sections = (const void *)(header + 1);
		content.section_count = header->sections;
		content.major = header->major;
		content.minor = header->minor;
	}
	for (uint32_t i = 0; i < content.section_count && status == HST_OK; i++) {
		if (!section_is_sound(&content, &content.sections[i])) {
			status = damaged(diag, path, "a list lies outside of it");
		}
	}
	for (uint32_t i = 0; i < content.section_count && status == HST_OK; i++) {
		if (content.sections[i].kind == HST_PLAN_MEMO) {
			status = take_module(&content, &content.sections[i], path, diag);
		}
	}
	if (status != HST_OK) {
		hst_plan_content_finish(&content);
		return status;
	}
	point_to_names(&content);
	*ret_content = content;
	return HST_OK;
}

void hst_plan_content_finish(struct hst_plan_content *content)
{
	free(content->words);
	hst_vec_finish(&content->modules);
	hst_vec_finish(&content->texts);
	hst_vec_finish(&content->revoked);
	*content = (struct hst_plan_content){ 0 };
}

/* Why the preload would not trust the file; NULL: it would. */
static const char *distrust(const struct stat *info)
{
	if (!S_ISREG(info->st_mode)) {
		return "is no file: name a plan, which hasten optimize -o makes";
	}
	if (info->st_uid != geteuid() && info->st_uid != 0) {
		return "belongs to somebody else: copy it";
	}
	if ((info->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		return "can be written by others: chmod go-w it if what it says is to be trusted";
	}
	return NULL;
}

/* The whole file as malloc'd words; NULL with errno, 0: `info` says why. */
static uint64_t *read_whole(int fd, const struct stat *info, size_t *ret_bytes)
{
	size_t size = (size_t)info->st_size;
	uint64_t *words = calloc(size / 8 + 1, 8);
	size_t have = 0;
	ssize_t got = 1;

	while (words != NULL && have < size && got > 0) {
		got = read(fd, (uint8_t *)words + have, size - have);
		have += got > 0 ? (size_t)got : 0;
	}
	*ret_bytes = have;
	return words;
}

/* What earlier runs found wrong. Its absence is the usual case. */
static void read_revoked(struct hst_plan_content *content, const char *path)
{
	struct stat info;
	char *name = NULL;
	uint64_t *words = NULL;
	size_t bytes = 0;
	int fd;

	if (asprintf(&name, "%s" HST_REVOKED_SUFFIX, path) < 0) {
		content->revoked_trouble = "there was no memory";
		return;
	}
	fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	free(name);
	if (fd < 0) {
		content->revoked_trouble = errno == ENOENT ? NULL : "it cannot be opened";
		return;
	}
	if (fstat(fd, &info) != 0 || distrust(&info) != NULL ||
		info.st_size > (off_t)REVOKED_BYTES_MAX) {
		content->revoked_trouble = "it cannot be trusted";
	} else {
		words = read_whole(fd, &info, &bytes);
	}
	close(fd);
	for (size_t at = 0; words != NULL && at + sizeof(struct hst_plan_revoked) <= bytes;
		at += sizeof(struct hst_plan_revoked)) {
		struct hst_plan_revoked record;

		memcpy(&record, (const uint8_t *)words + at, sizeof record);
		if (record.magic == HST_REVOKED_MAGIC &&
			record.build_id_bytes <= sizeof record.build_id &&
			!hst_vec_push(&content->revoked, record)) {
			content->revoked_trouble = "there was no memory";
		}
	}
	free(words);
}

enum hst_status hst_plan_content_read(
	const char *path, struct hst_plan_content *ret_content, struct hst_diag *diag)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat info;
	uint64_t *words;
	size_t bytes = 0;
	const char *why;

	if (fd < 0) {
		return hst_diag_set(diag, HST_E_IO, "the plan %s cannot be read: %s", path,
			errno == ELOOP ? "it is a symbolic link; name the file itself"
				       : strerror(errno));
	}
	if (fstat(fd, &info) != 0) {
		close(fd);
		return hst_diag_set(
			diag, HST_E_IO, "the plan %s cannot be read: %s", path, strerror(errno));
	}
	why = distrust(&info);
	if (why != NULL || info.st_size > (off_t)HST_PLAN_BYTES_MAX) {
		close(fd);
		return hst_diag_set(diag, HST_E_PERMISSION, "the plan %s %s", path,
			why != NULL ? why : "is larger than any plan");
	}
	words = read_whole(fd, &info, &bytes);
	close(fd);
	if (words == NULL) {
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory while reading %s", path);
	}
	HST_TRY(take(words, bytes, path, ret_content, diag));
	read_revoked(ret_content, path);
	return HST_OK;
}

const struct hst_plan_revoked *hst_plan_content_revoked(
	const struct hst_plan_content *content, const struct hst_memo_module *module, uint64_t fn)
{
	for (size_t i = 0; i < content->revoked.count; i++) {
		const struct hst_plan_revoked *record = &content->revoked.items[i];

		if (record->fn == fn && record->build_id_bytes == module->build_id_bytes &&
			memcmp(record->build_id, module->build_id, module->build_id_bytes) == 0) {
			return record;
		}
	}
	return NULL;
}

bool hst_plan_content_is_for(
	const struct hst_plan_content *content, const uint8_t *build_id, size_t build_id_bytes)
{
	for (uint32_t i = 0; i < content->section_count; i++) {
		const struct hst_plan_section *section = &content->sections[i];

		if ((section->flags & HST_PLAN_ANY_MODULE) != 0 ||
			(section->build_id_bytes != 0 &&
				section->build_id_bytes == build_id_bytes &&
				memcmp(section->build_id, build_id, build_id_bytes) == 0)) {
			return true;
		}
	}
	return false;
}
