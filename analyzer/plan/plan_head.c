/* SPDX-License-Identifier: Apache-2.0 */
/* The rules by which the preload takes a plan or leaves it, told beforehand: it cannot say why. */
#include "plan/plan_head.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANEW "make one with hasten optimize -o"

static enum hst_status check_file(
	const char *path, const struct stat *status, struct hst_diag *diag)
{
	if (!S_ISREG(status->st_mode)) {
		return hst_diag_set(
			diag, HST_E_NOT_OURS, "%s is no file: name a plan; " ANEW, path);
	}
	if (status->st_uid != 0 && status->st_uid != geteuid()) {
		return hst_diag_set(diag, HST_E_PERMISSION,
			"%s belongs to another user, so it is not applied: use a copy of your own",
			path);
	}
	if ((status->st_mode & 022) != 0) {
		return hst_diag_set(diag, HST_E_PERMISSION,
			"%s can be written by others, so it is not applied: chmod go-w %s", path,
			path);
	}
	return HST_OK;
}

static enum hst_status check_header(const char *path, const struct hst_plan_header *header,
	uint64_t size, struct hst_diag *diag)
{
	if (memcmp(header->magic, HST_PLAN_MAGIC, sizeof header->magic) != 0) {
		return hst_diag_set(diag, HST_E_NOT_OURS, "%s is no plan of hasten: " ANEW, path);
	}
	if (header->major != HST_PLAN_MAJOR) {
		return hst_diag_set(diag, HST_E_VERSION,
			"%s is a plan of version %u, this hasten has %u: make it anew with hasten optimize -o",
			path, header->major, (unsigned)HST_PLAN_MAJOR);
	}
	if (header->bytes != size || size > HST_PLAN_BYTES_MAX ||
		header->sections > HST_PLAN_SECTIONS_MAX ||
		header->sections > (size - sizeof *header) / sizeof(struct hst_plan_section)) {
		return hst_diag_set(diag, HST_E_DAMAGED,
			"%s is damaged (%" PRIu64 " bytes, its header says %" PRIu64
			"): make it anew with hasten optimize -o",
			path, size, header->bytes);
	}
	if (header->sections == 0) {
		return hst_diag_set(
			diag, HST_E_EMPTY, "%s changes nothing: it has no sections; " ANEW, path);
	}
	return HST_OK;
}

static enum hst_status read_sections(
	const char *path, int fd, struct hst_plan_head *head, struct hst_diag *diag)
{
	size_t bytes = head->count * sizeof *head->sections;

	assert(bytes != 0);
	head->sections = malloc(bytes);
	if (head->sections == NULL) {
		return hst_diag_set(diag, HST_E_MEMORY, "%s: out of memory", path);
	}
	if (pread(fd, head->sections, bytes, sizeof(struct hst_plan_header)) != (ssize_t)bytes) {
		return hst_diag_set(diag, HST_E_IO, "%s cannot be read", path);
	}
	for (size_t i = 0; i < head->count; i++) {
		if (head->sections[i].build_id_bytes > sizeof head->sections[i].build_id) {
			return hst_diag_set(diag, HST_E_DAMAGED,
				"%s is damaged (section %zu): make it anew with hasten optimize -o",
				path, i);
		}
	}
	return HST_OK;
}

static enum hst_status read_open(
	const char *path, int fd, struct hst_plan_head *head, struct hst_diag *diag)
{
	struct hst_plan_header header = { .magic = "" };
	struct stat status;

	if (fstat(fd, &status) != 0) {
		return hst_diag_set(diag, HST_E_IO, "%s cannot be read: %s", path, strerror(errno));
	}
	HST_TRY(check_file(path, &status, diag));
	if (pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header) {
		return hst_diag_set(diag, HST_E_NOT_OURS, "%s is no plan of hasten: " ANEW, path);
	}
	HST_TRY(check_header(path, &header, (uint64_t)status.st_size, diag));
	head->count = header.sections;
	return read_sections(path, fd, head, diag);
}

enum hst_status hst_plan_head_read(
	const char *path, struct hst_plan_head *ret_head, struct hst_diag *diag)
{
	struct hst_plan_head head = { .sections = NULL };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum hst_status status;

	if (fd < 0) {
		return hst_diag_set(diag, errno == ENOENT ? HST_E_NOT_FOUND : HST_E_IO,
			"%s cannot be read: %s; it is to be a plan: " ANEW, path, strerror(errno));
	}
	status = read_open(path, fd, &head, diag);
	close(fd);
	if (status != HST_OK) {
		hst_plan_head_finish(&head);
		return status;
	}
	*ret_head = head;
	return HST_OK;
}

void hst_plan_head_finish(struct hst_plan_head *head)
{
	free(head->sections);
	head->sections = NULL;
	head->count = 0;
}

bool hst_plan_head_is_for(
	const struct hst_plan_head *head, const uint8_t *build_id, size_t build_id_bytes)
{
	for (size_t i = 0; i < head->count; i++) {
		const struct hst_plan_section *section = &head->sections[i];

		if ((section->flags & HST_PLAN_ANY_MODULE) != 0 ||
			(section->build_id_bytes != 0 &&
				section->build_id_bytes == build_id_bytes &&
				memcmp(section->build_id, build_id, build_id_bytes) == 0)) {
			return true;
		}
	}
	return false;
}
