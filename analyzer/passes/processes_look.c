/* SPDX-License-Identifier: Apache-2.0 */
/* Why a program was not seen from within: what its file says, if it is still there. */
#include "passes/processes_pass.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SEGMENTS_MAX 128u

#if defined(__x86_64__)
# define MACHINE EM_X86_64
#elif defined(__aarch64__)
# define MACHINE EM_AARCH64
#else
# define MACHINE EM_NONE
#endif

/* Does a program of our own kind ask for a dynamic loader? */
static enum hst_program_kind look_at_segments(int fd, const Elf64_Ehdr *head)
{
	Elf64_Phdr segment;

	for (unsigned i = 0; i < head->e_phnum && i < SEGMENTS_MAX; i++) {
		if (pread(fd, &segment, sizeof segment,
			    (off_t)(head->e_phoff + i * sizeof segment)) !=
			(ssize_t)sizeof segment) {
			return HST_PROGRAM_UNKNOWN;
		}
		if (segment.p_type == PT_INTERP) {
			return HST_PROGRAM_DYNAMIC;
		}
	}
	return HST_PROGRAM_STATIC;
}

static enum hst_program_kind look_at(int fd, const struct stat *info)
{
	Elf64_Ehdr head;
	char value[1];
	ssize_t got = pread(fd, &head, sizeof head, 0);

	if (got >= 2 && memcmp(&head, "#!", 2) == 0) {
		return HST_PROGRAM_SCRIPT;
	}
	if (got < EI_NIDENT + 4 || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
		return HST_PROGRAM_UNKNOWN;
	}
	if ((info->st_mode & (S_ISUID | S_ISGID)) != 0 ||
		fgetxattr(fd, "security.capability", value, 0) > 0) {
		return HST_PROGRAM_PRIVILEGED;
	}
	if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != ELFDATA2LSB ||
		head.e_machine != MACHINE) {
		return HST_PROGRAM_FOREIGN;
	}
	if (got < (ssize_t)sizeof head || head.e_phentsize != sizeof(Elf64_Phdr)) {
		return HST_PROGRAM_UNKNOWN;
	}
	return look_at_segments(fd, &head);
}

enum hst_program_kind hst_program_look(const char *path, void *user)
{
	enum hst_program_kind kind = HST_PROGRAM_UNKNOWN;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat info;

	(void)user;
	if (fd < 0) {
		/* A set-user-ID program need not be readable. */
		return stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
				       (info.st_mode & (S_ISUID | S_ISGID)) != 0
			       ? HST_PROGRAM_PRIVILEGED
			       : HST_PROGRAM_UNKNOWN;
	}
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
		kind = look_at(fd, &info);
	}
	(void)close(fd);
	return kind;
}

static const enum hst_process_blind reasons[] = {
	[HST_PROGRAM_UNKNOWN] = HST_PROCESS_BLIND_NOT_SEEN,
	[HST_PROGRAM_DYNAMIC] = HST_PROCESS_BLIND_NOT_SEEN,
	[HST_PROGRAM_STATIC] = HST_PROCESS_BLIND_STATIC,
	[HST_PROGRAM_PRIVILEGED] = HST_PROCESS_BLIND_PRIVILEGED,
	[HST_PROGRAM_FOREIGN] = HST_PROCESS_BLIND_FOREIGN,
	[HST_PROGRAM_SCRIPT] = HST_PROCESS_BLIND_NOT_SEEN,
};

static enum hst_program_kind look(const struct hst_proc_pass *pass, const char *path)
{
	const struct hst_processes_options *options = pass->options;

	return options != NULL && options->look != NULL ? options->look(path, options->look_user)
							: hst_program_look(path, NULL);
}

/* The file as seen from the working directory. false: too long. */
static bool full_path(const char *cwd, const char *file, char *ret_path, size_t bytes)
{
	int got = file[0] == '/' || *cwd == '\0' ? snprintf(ret_path, bytes, "%s", file)
						 : snprintf(ret_path, bytes, "%s/%s", cwd, file);

	return got > 0 && (size_t)got < bytes;
}

static enum hst_program_kind look_for(const struct hst_proc_pass *pass,
	const struct hst_process_image *image, const char *path_list)
{
	char path[4096];
	char candidate[4096];

	if (*image->file == '\0') {
		return HST_PROGRAM_UNKNOWN;
	}
	if (strchr(image->file, '/') != NULL) {
		return full_path(image->cwd, image->file, path, sizeof path) ? look(pass, path)
									     : HST_PROGRAM_UNKNOWN;
	}
	while (path_list != NULL) {
		size_t bytes = strcspn(path_list, ":");
		int got = snprintf(candidate, sizeof candidate, "%.*s/%s",
			bytes == 0 ? 1 : (int)(bytes < 4096 ? bytes : 4095),
			bytes == 0 ? "." : path_list, image->file);
		enum hst_program_kind kind = HST_PROGRAM_UNKNOWN;

		if (got > 0 && (size_t)got < sizeof candidate &&
			full_path(image->cwd, candidate, path, sizeof path)) {
			kind = look(pass, path);
		}
		if (kind != HST_PROGRAM_UNKNOWN) {
			return kind;
		}
		path_list = path_list[bytes] == ':' ? path_list + bytes + 1 : NULL;
	}
	return HST_PROGRAM_UNKNOWN;
}

void hst_proc_look_all(struct hst_proc_pass *pass)
{
	for (size_t i = 0; i < pass->drafts.count; i++) {
		const struct hst_proc_draft *draft = &pass->drafts.items[i];
		struct hst_process_image *image = &pass->result->images[pass->ranks.items[i]];

		if (image->blind == HST_PROCESS_BLIND_NONE) {
			continue;
		}
		if (draft->intent != NULL) {
			enum hst_program_kind kind =
				look_for(pass, image, draft->intent->texts->path);

			image->blind = reasons[kind];
		}
	}
}
