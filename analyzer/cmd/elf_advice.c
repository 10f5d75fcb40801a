/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows a name to the ELF image that the kernel will start (PATH, then a script's interpreter),
 * reads the few header fields that decide whether LD_PRELOAD works there, and turns them into
 * sentences. The file may be anything: every length is checked, and what is odd is left to exec.
 */
#include "cmd/elf_advice.h"

#include "cmd/run_fix.h"
#include "cmd/run_needed.h"
#include "symbols/symbols.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FLAGS           "-finstrument-functions -g"
#define SEGMENTS_MAX    128u
#define NOTES_BYTES_MAX 65536u
#define SCRIPT_BYTES    512

/* What the ELF header and the segments say. */
struct elf_head {
	bool elf;
	bool foreign; /* another machine or word size than ours */
	bool bits32;
	bool is_static;
	bool go;
	char interpreter[PATH_MAX];
};

static void say(struct hst_elf_advice *advice, bool error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct hst_elf_advice *advice, bool error, const char *fmt, ...)
{
	struct hst_advice_line *line;
	va_list args;

	if (advice->line_count == HST_ADVICE_MAX) {
		return;
	}
	line = &advice->lines[advice->line_count++];
	line->error = error;
	va_start(args, fmt);
	(void)vsnprintf(line->text, sizeof line->text, fmt, args);
	va_end(args);
}

/* 0, or why the file cannot be executed. */
static int executable_error(const char *path)
{
	struct stat stat_of;

	if (stat(path, &stat_of) != 0) {
		return errno;
	}
	if (S_ISDIR(stat_of.st_mode)) {
		return EISDIR;
	}
	if (!S_ISREG(stat_of.st_mode)) {
		return EACCES;
	}
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/* Like execvp(): the first executable file on PATH; else the reason that says most. */
static int look_up(const char *name, char *buffer, size_t size)
{
	const char *path = getenv("PATH");
	int error = ENOENT;

	if (strchr(name, '/') != NULL || name[0] == '\0') {
		snprintf(buffer, size, "%s", name);
		return name[0] == '\0' ? ENOENT : executable_error(buffer);
	}
	path = path == NULL ? "/bin:/usr/bin" : path;
	for (;;) {
		size_t length = strcspn(path, ":");
		int now;

		/* An empty entry is the working directory. */
		snprintf(
			buffer, size, "%.*s%s%s", (int)length, path, length > 0 ? "/" : "./", name);
		now = executable_error(buffer);
		if (now == 0) {
			return 0;
		}
		if (now == EACCES) {
			error = EACCES;
		}
		if (path[length] == '\0') {
			return error;
		}
		path += length + 1;
	}
}

static bool read_at(int fd, uint64_t offset, void *buffer, size_t bytes)
{
	return offset <= INT64_MAX && pread(fd, buffer, bytes, (off_t)offset) == (ssize_t)bytes;
}

/* Is one of the notes the build id that Go's linker writes? */
static bool has_go_note(int fd, const Elf64_Phdr *segment)
{
	size_t bytes = segment->p_filesz < NOTES_BYTES_MAX ? segment->p_filesz : NOTES_BYTES_MAX;
	unsigned char *notes = malloc(bytes + 1);
	bool found = false;
	size_t at = 0;

	if (notes != NULL && read_at(fd, segment->p_offset, notes, bytes)) {
		while (!found && bytes - at >= sizeof(Elf64_Nhdr)) {
			Elf64_Nhdr note;
			uint64_t length;

			memcpy(&note, notes + at, sizeof note);
			length = sizeof note + (((uint64_t)note.n_namesz + 3) & ~UINT64_C(3)) +
				 (((uint64_t)note.n_descsz + 3) & ~UINT64_C(3));
			if (length > bytes - at) {
				break;
			}
			found = note.n_namesz == 4 &&
				memcmp(notes + at + sizeof note, "Go\0", 4) == 0;
			at += (size_t)length;
		}
	}
	free(notes);
	return found;
}

static void read_segment(int fd, const Elf64_Phdr *segment, struct elf_head *head)
{
	if (segment->p_type == PT_INTERP && segment->p_filesz > 0 &&
		segment->p_filesz < sizeof head->interpreter) {
		if (read_at(fd, segment->p_offset, head->interpreter, segment->p_filesz)) {
			head->interpreter[segment->p_filesz] = '\0';
		}
	} else if (segment->p_type == PT_NOTE && !head->go) {
		head->go = has_go_note(fd, segment);
	}
}

/* The loader itself may be named as the program: it has no interpreter, and obeys LD_PRELOAD. */
static bool is_loader(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name == NULL ? path : name + 1;
	return strncmp(name, "ld-linux", 8) == 0 || strncmp(name, "ld.so", 5) == 0;
}

static void read_head(const char *path, struct elf_head *ret_head)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	Elf64_Ehdr header = { 0 };
	bool interpreted = false;

	*ret_head = (struct elf_head){ 0 };
	/* An executable without read permission: nothing is known about it. */
	if (fd < 0) {
		return;
	}
	ret_head->elf =
		read_at(fd, 0, &header, SELFMAG) && memcmp(header.e_ident, ELFMAG, SELFMAG) == 0;
	if (ret_head->elf && read_at(fd, 0, &header, sizeof(Elf32_Ehdr))) {
		/* e_machine has the same place in both classes. */
		ret_head->bits32 = header.e_ident[EI_CLASS] == ELFCLASS32;
#if defined(__x86_64__)
		ret_head->foreign = ret_head->bits32 || header.e_machine != EM_X86_64;
#else
		ret_head->foreign = ret_head->bits32 || header.e_machine != EM_AARCH64;
#endif
	}
	if (ret_head->elf && !ret_head->foreign && read_at(fd, 0, &header, sizeof header) &&
		header.e_phentsize == sizeof(Elf64_Phdr)) {
		for (unsigned i = 0; i < header.e_phnum && i < SEGMENTS_MAX; i++) {
			Elf64_Phdr segment;

			if (!read_at(fd, header.e_phoff + i * sizeof segment, &segment,
				    sizeof segment)) {
				break;
			}
			interpreted = interpreted || segment.p_type == PT_INTERP;
			read_segment(fd, &segment, ret_head);
		}
		ret_head->is_static = !interpreted && !is_loader(path);
	}
	close(fd);
}

/* "#!/usr/bin/env -S NAME=value program": the program that env runs, looked up. */
static bool follow_env(char *words, char *buffer, size_t size)
{
	char *rest = NULL;

	for (char *word = strtok_r(words, " \t", &rest); word != NULL;
		word = strtok_r(NULL, " \t", &rest)) {
		if (word[0] != '-' && strchr(word, '=') == NULL) {
			return look_up(word, buffer, size) == 0;
		}
	}
	return false;
}

/* Writes the interpreter that "#!" names; false if the file does not begin so. */
static bool read_script(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char text[SCRIPT_BYTES];
	ssize_t got;
	char *name;
	char *rest;
	const char *base;

	if (fd < 0) {
		return false;
	}
	got = pread(fd, text, sizeof text - 1, 0);
	close(fd);
	if (got < 3 || text[0] != '#' || text[1] != '!') {
		return false;
	}
	text[got] = '\0';
	text[strcspn(text, "\n")] = '\0';
	name = text + 2 + strspn(text + 2, " \t");
	rest = name + strcspn(name, " \t");
	if (*rest != '\0') {
		*rest++ = '\0';
	}
	base = strrchr(name, '/');
	if (base != NULL && strcmp(base, "/env") == 0 && follow_env(rest, buffer, size)) {
		return true;
	}
	snprintf(buffer, size, "%s", name);
	return name[0] != '\0';
}

static char *copy_path(const char *path)
{
	char *real = realpath(path, NULL);

	return real != NULL ? real : strdup(path);
}

/* Does the kernel start it in secure mode, in which the dynamic linker ignores LD_PRELOAD? */
static bool is_secure(const char *path)
{
	struct statvfs mount;
	struct stat stat_of;

	if (stat(path, &stat_of) != 0 ||
		(statvfs(path, &mount) == 0 && (mount.f_flag & ST_NOSUID) != 0)) {
		return false;
	}
	if ((stat_of.st_mode & S_ISUID) != 0 && stat_of.st_uid != getuid()) {
		return true;
	}
	/* Without the group's x bit, S_ISGID means mandatory locking. */
	if ((stat_of.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
		stat_of.st_gid != getgid()) {
		return true;
	}
	return getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

/* Reasons for which the preload cannot work at all; the verdict and its sentence. */
static void judge_start(
	struct hst_elf_advice *advice, const char *name, const struct elf_head *head)
{
	const char *loader = strrchr(head->interpreter, '/');

	advice->verdict = HST_ELF_PLAIN;
	if (head->bits32) {
		say(advice, true,
			"%s is a 32-bit program and libhasten.so a 64-bit library, so it runs unrecorded; "
			"build it without -m32",
			name);
	} else if (head->foreign) {
		say(advice, true,
			"%s is a program for another kind of processor, so it runs unrecorded",
			name);
	} else if (is_secure(advice->image)) {
		say(advice, true,
			"%s is setuid, setgid or has file capabilities, and such programs ignore "
			"LD_PRELOAD, so it runs unrecorded; record a copy: cp '%s' '%s.copy'",
			name, advice->image, name);
	} else if (head->is_static && head->go) {
		say(advice, true,
			"%s is a static Go program, which LD_PRELOAD and -finstrument-functions do not "
			"reach, so it runs unrecorded",
			name);
	} else if (head->is_static) {
		say(advice, true,
			"%s is statically linked, and LD_PRELOAD works in dynamically linked programs "
			"only, so it runs unrecorded; link it without -static",
			name);
	} else if (loader != NULL && strncmp(loader, "/ld-musl", 8) == 0) {
		say(advice, true,
			"%s uses the C library musl and libhasten.so was built for glibc, so it runs "
			"unrecorded; build it on a system with glibc",
			name);
	} else {
		advice->verdict = HST_ELF_RECORD;
	}
}

/* Flags of an image, 0 if it cannot be read. */
static uint32_t image_flags(const char *path)
{
	struct hst_image *image = NULL;
	uint32_t flags = 0;

	if (hst_image_open(path, NULL, 0, &image, NULL) == HST_OK) {
		flags = hst_image_flags(image);
		hst_image_close(image);
	}
	return flags;
}

static bool is_system_library(const char *path)
{
	return strncmp(path, "/lib", 4) == 0 || strncmp(path, "/usr/lib", 8) == 0;
}

static bool is_system_program(const char *path)
{
	return strncmp(path, "/usr/bin/", 9) == 0 || strncmp(path, "/bin/", 5) == 0 ||
	       strncmp(path, "/usr/sbin/", 10) == 0 || strncmp(path, "/sbin/", 6) == 0;
}

/* What the libraries add: hooks of their own, and which AddressSanitizer it is. */
static bool examine_libraries(struct hst_elf_advice *advice, bool look_for_hooks)
{
	struct hst_needed needed;
	bool hooks = false;

	if (advice->interpreter == NULL ||
		!hst_run_needed(advice->interpreter, advice->image, &needed)) {
		return false;
	}
	for (size_t i = 0; i < needed.count; i++) {
		const char *base = strrchr(needed.paths[i], '/');

		if (base != NULL && strncmp(base, "/libasan.so", 11) == 0) {
			advice->asan_shared = true;
		}
		if (look_for_hooks && !hooks && !is_system_library(needed.paths[i])) {
			hooks = (image_flags(needed.paths[i]) & HST_IMAGE_HAS_HOOKS) != 0;
		}
	}
	hst_needed_finish(&needed);
	return hooks;
}

static void say_no_hooks(struct hst_elf_advice *advice, const char *name, bool go)
{
	char fix[HST_ADVICE_BYTES / 2];

	if (advice->script) {
		advice->hookless = true;
		say(advice, false,
			"%s is a script for %s, which has no hooks: what is recorded are its processes "
			"and memory, and the programs and libraries with hooks that it uses",
			name, advice->image);
	} else if (is_system_program(advice->image)) {
		advice->hookless = true;
		say(advice, false,
			"%s is a program of the system, without hooks: what is recorded are its processes "
			"and memory, and the programs and libraries with hooks that it uses",
			name);
	} else if (go) {
		say(advice, false,
			"%s is a Go program, and Go has no -finstrument-functions: only its C and C++ "
			"parts can be recorded",
			name);
	} else {
		hst_run_fix(advice->image, FLAGS, fix, sizeof fix);
		advice->hookless = true;
		say(advice, false,
			"%s has no hooks, so of its functions only the memory can be recorded, no calls; "
			"fix: %s",
			name, fix);
	}
}

static void say_no_debug(struct hst_elf_advice *advice, const char *name, uint32_t flags)
{
	char fix[HST_ADVICE_BYTES / 2];

	hst_run_fix(advice->image, FLAGS, fix, sizeof fix);
	if ((flags & HST_IMAGE_STRIPPED) != 0) {
		say(advice, false,
			"%s is stripped, so its functions will have no names; keep the symbols (no "
			"strip, no -s) and build with -g: %s",
			name, fix);
	} else if ((flags & HST_IMAGE_ZSTD_DEBUG) != 0) {
		say(advice, false,
			"%s has debug information compressed with zstd, which cannot be read here, so "
			"there will be no files and lines; fix: objcopy --decompress-debug-sections '%s'",
			name, advice->image);
	} else {
		say(advice, false,
			"%s has no debug information, so there will be no files and lines; fix: %s",
			name, fix);
	}
}

static void judge_hooks(struct hst_elf_advice *advice, const char *name, uint32_t flags, bool go)
{
	if ((flags & HST_IMAGE_DEFINES_HOOKS) != 0) {
		say(advice, false,
			"%s has hook functions of its own (__cyg_profile_func_enter), which are called in "
			"place of hasten's; remove them from the program",
			name);
	} else if ((flags & HST_IMAGE_HAS_HOOKS) == 0) {
		if (!examine_libraries(advice, true)) {
			say_no_hooks(advice, name, go);
		}
	} else if ((flags & HST_IMAGE_HAS_DWARF) == 0) {
		say_no_debug(advice, name, flags);
	}
}

static void judge_image(struct hst_elf_advice *advice, const char *name, bool go)
{
	uint32_t flags = image_flags(advice->image);

	if (flags == 0) {
		return;
	}
	judge_hooks(advice, name, flags, go);
	if ((flags & HST_IMAGE_ASAN) != 0) {
		if (!advice->asan_shared) {
			(void)examine_libraries(advice, false);
		}
		say(advice, false,
			"%s has AddressSanitizer%s: its times contain the sanitizer's own; build without "
			"-fsanitize=address to measure",
			name,
			advice->asan_shared ? " (verify_asan_link_order=0 is added to ASAN_OPTIONS)"
					    : "");
	}
}

static void refuse(struct hst_elf_advice *advice, const char *name, int error)
{
	advice->verdict = HST_ELF_NOT_EXECUTABLE;
	if (error == ENOENT || error == ENOTDIR) {
		advice->verdict = HST_ELF_NOT_FOUND;
		say(advice, true,
			strchr(name, '/') == NULL && access(name, X_OK) == 0
				? "%s is not found on PATH; to run the one in this directory: ./%s"
				: "%s is not found",
			name, name);
	} else if (error == EISDIR) {
		say(advice, true, "%s is a directory", name);
	} else if (error == EACCES) {
		say(advice, true, "%s is not executable; if it is a program: chmod +x '%s'", name,
			name);
	} else {
		say(advice, true, "%s cannot be executed: %s", name, strerror(error));
	}
}

void hst_elf_advise(const char *name, struct hst_elf_advice *ret_advice)
{
	struct hst_elf_advice *advice = ret_advice;
	char path[2 * PATH_MAX];
	char interpreter[2 * PATH_MAX];
	struct elf_head head;
	int error = look_up(name, path, sizeof path);

	*advice = (struct hst_elf_advice){ .verdict = HST_ELF_RECORD };
	if (error != 0) {
		refuse(advice, name, error);
		return;
	}
	advice->path = strdup(path);
	advice->script = read_script(path, interpreter, sizeof interpreter);
	if (advice->script && executable_error(interpreter) != 0) {
		advice->verdict = HST_ELF_NOT_FOUND;
		say(advice, true, "%s needs the interpreter %s, which is not there", name,
			interpreter);
		return;
	}
	advice->image = copy_path(advice->script ? interpreter : path);
	if (advice->path == NULL || advice->image == NULL) {
		return;
	}
	read_head(advice->image, &head);
	advice->elf = head.elf && !advice->script;
	if (!head.elf) {
		return;
	}
	if (head.interpreter[0] == '/') {
		advice->interpreter = strdup(head.interpreter);
	}
	judge_start(advice, name, &head);
	if (advice->verdict == HST_ELF_RECORD) {
		judge_image(advice, name, head.go);
	}
}

void hst_elf_advice_finish(struct hst_elf_advice *advice)
{
	free(advice->path);
	free(advice->image);
	free(advice->interpreter);
	*advice = (struct hst_elf_advice){ 0 };
}
