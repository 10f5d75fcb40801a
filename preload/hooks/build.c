/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of hasten build, and one edit of a compiler's arguments (hooks/compiler.h) in memory of exec and posix_spawn. */
#include "hooks/build.h"

#include "core/attr.h"
#include "core/process.h"
#include "core/sys.h"
#include "core/text.h"
#include "hooks/compiler.h"
#include "hooks/environment.h"

#include <stdbool.h>

#include "core/poison.h"

#define PATH_BYTES 512u

/* Set by the constructor, not changed any more. */
static struct {
	bool on;
	bool own_flags;
	char flags[HST_COMPILER_FLAGS_BYTES];
} build HST_LARGE;

static bool runs_compilers(void)
{
	char exe[PATH_BYTES];
	enum hst_compiler_language language;
	long length = hst_sys_readlink("/proc/self/exe", exe, sizeof exe - 1);

	exe[length > 0 ? length : 0] = '\0';
	return hst_compiler_is_cache(exe) ||
	       hst_compiler_named(exe, &language) != HST_COMPILER_IS_NONE;
}

void hst_build_start(void)
{
	struct hst_text text = hst_text_begin(build.flags, sizeof build.flags);

	if (!hst_process.options.build || runs_compilers()) {
		return;
	}
	build.own_flags = hst_process.options.build_flags != NULL;
	if (build.own_flags) {
		/* The program may overwrite what it was started with. */
		hst_text_add(&text, hst_process.options.build_flags);
	}
	build.on = !text.full;
}

static size_t flags_bytes(void)
{
	return build.own_flags ? HST_COMPILER_FLAGS_BYTES : 0;
}

size_t hst_build_needs(const char *file, char *const *argv)
{
	size_t bytes;

	if (!build.on ||
		hst_compiler_judge(file, argv, build.own_flags).verdict != HST_VERDICT_EDIT) {
		return 0;
	}
	bytes = hst_compiler_room(argv) * sizeof(char *) + flags_bytes();
	return bytes <= HST_BUILD_STACK ? bytes : 0;
}

char **hst_build_make(
	const char *file, char *const *argv, const char *path, void *room, size_t bytes)
{
	const struct hst_compiler_settings settings = {
		.flags = build.own_flags ? build.flags : NULL,
		/* Also for a path: what it leads to may be a cache, and the compiler behind it. */
		.path = path != NULL ? path : hst_environment_path("cc"),
	};
	size_t pointers = (bytes - flags_bytes()) / sizeof(char *);
	struct hst_compiler_edit edit = {
		.argv = room,
		.room = pointers,
		.flags = (char *)room + pointers * sizeof(char *),
	};

	return hst_compiler_edit(&settings, file, argv, &edit) ? edit.argv : NULL;
}
