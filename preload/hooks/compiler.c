/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which flags, and where they go. Why these (gcc 12 and clang 14):
 *  - gcc hooks functions before it inlines them, so those of the C++ library would be hooked by the thousand: they are excluded by the
 *    folders of their headers. The option adds up with one that is there already.
 *  - clang has no such list, but hooks after inlining, which leaves out nearly all of them; that option alone is enough.
 *  - A compiler that may be either gets the flag that both know.
 */
#include "hooks/compiler.h"

#include "core/sys.h"
#include "core/text.h"

#include "core/poison.h"

/* On the stack of whoever calls exec; of a longer path is not known what it leads to. */
#define PATH_BYTES 512u

static const char flag_hooks[] = "-finstrument-functions";
static const char flag_hooks_clang[] = "-finstrument-functions-after-inlining";
static const char flag_exclude[] =
	"-finstrument-functions-exclude-file-list=/usr/include,/include/c++/";
static const char flag_debug[] = "-g";

size_t hst_compiler_room(char *const *argv)
{
	size_t count = 0;

	while (argv != NULL && argv[count] != NULL) {
		count++;
	}
	return count + 1 + HST_COMPILER_ADDED_MAX;
}

/* The kind of compiler that `path` is in the end; ANY if that cannot be told, NONE if it is a cache or not there. */
static enum hst_compiler_kind behind_file(const char *path)
{
	/* What the name of a descriptor in /proc leads to has all links resolved. */
	char name[64];
	char real[PATH_BYTES];
	struct hst_text text = hst_text_begin(name, sizeof name);
	enum hst_compiler_language language;
	enum hst_compiler_kind kind;
	long fd = hst_sys_open(path, O_PATH | O_CLOEXEC, 0);
	long length;

	if (fd < 0) {
		return HST_COMPILER_IS_NONE;
	}
	hst_text_add(&text, "/proc/self/fd/");
	hst_text_add_number(&text, (uint64_t)fd);
	length = hst_sys_readlink(name, real, sizeof real - 1);
	(void)hst_sys_close((int)fd);
	if (length <= 0 || length == sizeof real - 1) {
		return HST_COMPILER_IS_ANY;
	}
	real[length] = '\0';
	if (hst_compiler_is_cache(real)) {
		return HST_COMPILER_IS_NONE;
	}
	kind = hst_compiler_named(real, &language);
	return kind == HST_COMPILER_IS_GCC || kind == HST_COMPILER_IS_CLANG ? kind
									    : HST_COMPILER_IS_ANY;
}

enum hst_compiler_kind hst_compiler_behind(const char *file, const char *path)
{
	const char *base = hst_text_base(file);
	enum hst_compiler_kind kind = HST_COMPILER_IS_NONE;

	if (base != file) {
		kind = behind_file(file);
	}
	while (kind == HST_COMPILER_IS_NONE && path != NULL && *path != '\0') {
		char candidate[PATH_BYTES];
		struct hst_text text = hst_text_begin(candidate, sizeof candidate);
		size_t length = 0;

		while (path[length] != '\0' && path[length] != ':') {
			length++;
		}
		if (length + 1 + hst_text_length(base) < sizeof candidate) {
			__builtin_memcpy(
				candidate, length == 0 ? "." : path, length == 0 ? 1 : length);
			text.length = length == 0 ? 1 : length;
			candidate[text.length] = '\0';
			hst_text_add(&text, "/");
			hst_text_add(&text, base);
			kind = behind_file(candidate);
		}
		path += length + (path[length] == ':');
	}
	return kind == HST_COMPILER_IS_NONE ? HST_COMPILER_IS_ANY : kind;
}

struct list {
	const char *items[HST_COMPILER_ADDED_MAX];
	size_t count;
	bool full;
};

static void add(struct list *list, const char *flag)
{
	if (list->count == HST_COMPILER_ADDED_MAX) {
		list->full = true;
		return;
	}
	list->items[list->count++] = flag;
}

/* A name of gcc may be clang's too; that matters only for an option that clang would refuse. */
static enum hst_compiler_kind kind_of(
	const struct hst_compiler_call *call, const char *file, char *const *argv, const char *path)
{
	bool named = call->at == 0 && file != NULL && file[0] != '\0';
	enum hst_compiler_kind behind;

	if (call->kind != HST_COMPILER_IS_ANY &&
		!(call->kind == HST_COMPILER_IS_GCC && call->cxx)) {
		return call->kind;
	}
	behind = hst_compiler_behind(named ? file : argv[call->at], path);
	return behind == HST_COMPILER_IS_ANY ? call->kind : behind;
}

/* Our own flags. */
static void choose(
	const struct hst_compiler_call *call, enum hst_compiler_kind kind, struct list *list)
{
	add(list, kind == HST_COMPILER_IS_CLANG ? flag_hooks_clang : flag_hooks);
	if (kind == HST_COMPILER_IS_GCC && call->cxx) {
		add(list, flag_exclude);
	}
	if (!call->debug) {
		add(list, flag_debug);
	}
}

/* The user's flags; copied, since each needs its NUL. */
static void split(const char *flags, char *copy, struct list *list)
{
	bool lines = false;
	bool inside = false;
	size_t at = 0;

	for (; flags[at] != '\0'; at++) {
		lines |= flags[at] == '\n';
	}
	if (at >= HST_COMPILER_FLAGS_BYTES) {
		list->full = true;
		return;
	}
	for (at = 0; flags[at] != '\0'; at++) {
		bool between =
			flags[at] == '\n' || (!lines && (flags[at] == ' ' || flags[at] == '\t'));

		copy[at] = between ? '\0' : flags[at];
		if (!between && !inside) {
			add(list, copy + at);
		}
		inside = !between;
	}
	copy[at] = '\0';
}

bool hst_compiler_edit(const struct hst_compiler_settings *settings, const char *file,
	char *const *argv, struct hst_compiler_edit *edit)
{
	struct hst_compiler_call call = hst_compiler_judge(file, argv, settings->flags != NULL);
	struct list list = { .count = 0 };
	size_t to = 0;

	if (call.verdict != HST_VERDICT_EDIT || edit->room < hst_compiler_room(argv)) {
		return false;
	}
	if (settings->flags != NULL) {
		split(settings->flags, edit->flags, &list);
	} else {
		choose(&call, kind_of(&call, file, argv, settings->path), &list);
	}
	if (list.full || list.count == 0) {
		return false;
	}
	for (size_t from = 0; from <= call.at; from++) {
		edit->argv[to++] = argv[from];
	}
	for (size_t i = 0; i < list.count; i++) {
		edit->argv[to++] = (char *)(uintptr_t)list.items[i];
	}
	for (size_t from = call.at + 1; argv[from] != NULL; from++) {
		edit->argv[to++] = argv[from];
	}
	edit->argv[to] = NULL;
	return true;
}
