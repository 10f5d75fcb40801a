/* SPDX-License-Identifier: Apache-2.0 */
/* Recognises build systems by the files that they leave in build folders; reads none of them. */
#include "cmd/run_fix.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEVELS_MAX 6

/* `files`: all must be there. `format`: %1$s the folder, %2$s the flags. */
struct build_system {
	const char *files[2];
	const char *format;
};

/* In the order of precedence within one folder: CMake and autotools leave a Makefile too. */
static const struct build_system systems[] = {
	{ { "CMakeCache.txt", NULL },
		"cmake -B '%1$s' -DCMAKE_C_FLAGS='%2$s' -DCMAKE_CXX_FLAGS='%2$s' && "
		"cmake --build '%1$s' --clean-first" },
	{ { "build.ninja", "meson-private" },
		"meson configure '%1$s' -Dc_args='%2$s' -Dcpp_args='%2$s' && ninja -C '%1$s'" },
	{ { "config.status", NULL },
		"cd '%1$s' && ./configure CFLAGS='-O2 %2$s' CXXFLAGS='-O2 %2$s' && make clean all" },
	{ { "GNUmakefile", NULL },
		"make -C '%1$s' clean; make -C '%1$s' CFLAGS='-O2 %2$s' CXXFLAGS='-O2 %2$s'" },
	{ { "makefile", NULL },
		"make -C '%1$s' clean; make -C '%1$s' CFLAGS='-O2 %2$s' CXXFLAGS='-O2 %2$s'" },
	{ { "Makefile", NULL },
		"make -C '%1$s' clean; make -C '%1$s' CFLAGS='-O2 %2$s' CXXFLAGS='-O2 %2$s'" },
};

static bool has_file(const char *folder, const char *name)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

static const struct build_system *recognise(const char *folder)
{
	for (size_t i = 0; i < sizeof systems / sizeof systems[0]; i++) {
		const struct build_system *system = &systems[i];

		if (has_file(folder, system->files[0]) &&
			(system->files[1] == NULL || has_file(folder, system->files[1]))) {
			return system;
		}
	}
	return NULL;
}

static bool is_system_folder(const char *folder)
{
	static const char *const prefixes[] = { "/usr/", "/bin/", "/sbin/", "/lib", "/opt/",
		"/nix/", "/snap/" };

	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		if (strncmp(folder, prefixes[i], strlen(prefixes[i])) == 0) {
			return true;
		}
	}
	return false;
}

/* Looks in `folder` and those above it, which it is shortened to; the root is not looked at. */
static const struct build_system *climb(char *folder)
{
	for (int level = 0; level < LEVELS_MAX && folder[0] == '/' && folder[1] != '\0'; level++) {
		const struct build_system *system = recognise(folder);

		if (system != NULL) {
			return system;
		}
		*strrchr(folder, '/') = '\0';
	}
	return NULL;
}

static const struct build_system *find(const char *program, char *folder, size_t size)
{
	const struct build_system *system = NULL;
	char *slash;

	snprintf(folder, size, "%s", program);
	/* A Makefile in the working directory builds no program of the system. */
	if (is_system_folder(folder)) {
		return NULL;
	}
	slash = strrchr(folder, '/');
	if (slash != NULL) {
		*slash = '\0';
		system = climb(folder);
	}
	if (system == NULL && getcwd(folder, size) != NULL) {
		system = climb(folder);
	}
	return system;
}

/* The folder as seen from the working directory, where that is shorter. */
static const char *relative(const char *folder)
{
	static const char here[] = ".";
	char cwd[PATH_MAX];
	size_t length;

	if (getcwd(cwd, sizeof cwd) == NULL) {
		return folder;
	}
	length = strlen(cwd);
	if (strncmp(folder, cwd, length) != 0 || length < 2) {
		return folder;
	}
	if (folder[length] == '\0') {
		return here;
	}
	return folder[length] == '/' ? folder + length + 1 : folder;
}

/* Writes the format with its two numbered arguments; those are data, never format. */
static void fill_in(
	const char *format, const char *folder, const char *flags, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (const char *p = format; *p != '\0' && used + 1 < size;) {
		const char *text = NULL;

		if (strncmp(p, "%1$s", 4) == 0) {
			text = folder;
		} else if (strncmp(p, "%2$s", 4) == 0) {
			text = flags;
		}
		if (text == NULL) {
			buffer[used++] = *p++;
			buffer[used] = '\0';
			continue;
		}
		snprintf(buffer + used, size - used, "%s", text);
		used += strlen(buffer + used);
		p += 4;
	}
}

void hst_run_fix(const char *program, const char *flags, char *buffer, size_t size)
{
	char folder[PATH_MAX];
	const struct build_system *system = find(program, folder, sizeof folder);

	if (system == NULL) {
		snprintf(buffer, size, "gcc -O2 %s ... (g++, clang and clang++ alike)", flags);
		return;
	}
	fill_in(system->format, relative(folder), flags, buffer, size);
}
