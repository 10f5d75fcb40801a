/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From images of processes to calls of compilers: each image is judged by the arguments that it was given before flags were added. Images
 * come with parents before children, so one pass knows for each whether a compiler or a cache stands above it.
 */
#include "cmd/build_calls.h"

#include "util/map.h"
#include "util/strtab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *word, *text;
} found_texts[] = {
#define HST_BUILD_CONSTANT(NAME, word, text) { word, text },
	HST_BUILD_FOUND_LIST(HST_BUILD_CONSTANT)
#undef HST_BUILD_CONSTANT
};

static const struct {
	const char *word, *text;
} verdict_texts[] = {
#define HST_COMPILER_VERDICT(NAME, name, text) { #name, text },
#include "hasten/compilers.def"
};

const char *hst_build_found_word(enum hst_build_found found)
{
	return found_texts[found].word;
}

const char *hst_build_found_text(enum hst_build_found found)
{
	return found_texts[found].text;
}

const char *hst_build_verdict_word(enum hst_compiler_verdict verdict)
{
	return verdict_texts[verdict].word;
}

const char *hst_build_verdict_text(enum hst_compiler_verdict verdict)
{
	return verdict_texts[verdict].text;
}

struct collecting {
	const struct hst_processes *processes;
	struct hst_build *build;
	struct hst_strtab paths;
	struct hst_map places; /* number of a path -> in build->files */
	bool *below;           /* by image: it is a compiler or a cache, or below one */
	bool own_flags;
};

/* The arguments before flags were added, in the type that exec has for what nobody changes. */
static char *const *given_to(const struct hst_process_image *image)
{
	return (char *const *)(uintptr_t)(image->original != NULL ? image->original : image->argv);
}

/* The image that decided what this one runs: the one before it in its process, else the one that started the process. */
static uint32_t caller_of(const struct hst_process_image *image)
{
	return image->previous != HST_PROCESS_NONE ? image->previous : image->parent;
}

static const char *cwd_of(
	const struct hst_processes *processes, const struct hst_process_image *image)
{
	for (size_t steps = 0; steps <= processes->image_count; steps++) {
		uint32_t caller = caller_of(image);

		if (image->cwd[0] != '\0' || caller >= processes->image_count) {
			break;
		}
		image = &processes->images[caller];
	}
	return image->cwd;
}

static const char *absolute(
	struct collecting *all, const struct hst_process_image *image, const char *path)
{
	const char *cwd = cwd_of(all->processes, image);
	size_t bytes = strlen(cwd) + strlen(path) + 2;
	char *joined = hst_arena_alloc(&all->build->arena, bytes);

	while (strncmp(path, "./", 2) == 0) {
		path += 2;
	}
	if (joined != NULL) {
		snprintf(joined, bytes, "%s%s%s", path[0] == '/' ? "" : cwd,
			path[0] == '/' || cwd[0] == '\0' ? "" : "/", path);
	}
	return joined;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);
	size_t end_length = strlen(end);

	return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* A header that was compiled is no object file. */
static bool makes_header(const struct hst_compiler_call *compiler)
{
	static const char *const ends[] = { ".gch", ".pch", ".h", ".hh", ".hp", ".hpp", ".hxx",
		".H", ".HPP", ".h++", ".tcc", ".pcm" };
	const char *name = compiler->output != NULL ? compiler->output : compiler->source;

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		if (ends_with(name, ends[i])) {
			return true;
		}
	}
	return false;
}

static enum hst_status add_file(struct collecting *all, size_t call, const char *path)
{
	const struct hst_process_image *image = all->build->calls.items[call].image;
	struct hst_build_file file = { .path = absolute(all, image, path), .call = call };
	uint32_t number;
	uint32_t place;

	if (file.path == NULL) {
		return HST_E_MEMORY;
	}
	HST_TRY(hst_strtab_add(&all->paths, file.path, &number));
	if (hst_map_get(&all->places, number, &place)) {
		all->build->files.items[place] = file;
		return HST_OK;
	}
	HST_TRY(hst_map_put(&all->places, number, (uint32_t)all->build->files.count));
	return hst_vec_push(&all->build->files, file) ? HST_OK : HST_E_MEMORY;
}

/* "dir/a.c" makes a.o in the working directory. */
static enum hst_status add_object_of(struct collecting *all, size_t call, const char *source)
{
	const char *base = hst_compiler_base(source);
	const char *dot = strrchr(base, '.');
	size_t length = dot != NULL ? (size_t)(dot - base) : strlen(base);
	char *object = hst_arena_alloc(&all->build->arena, length + 3);

	if (object == NULL) {
		return HST_E_MEMORY;
	}
	snprintf(object, length + 3, "%.*s.o", (int)length, base);
	return add_file(all, call, object);
}

static bool is_source(const char *argument)
{
	enum hst_compiler_language language = hst_compiler_language_of_suffix(argument);

	return argument[0] != '-' && (language == HST_LANGUAGE_C || language == HST_LANGUAGE_CXX);
}

/* Without -o, each source makes an object. Values of options that look like a source are so rare that they may count. */
static enum hst_status add_objects(struct collecting *all, size_t call)
{
	const struct hst_build_call *made = &all->build->calls.items[call];
	char *const *argv = given_to(made->image);
	enum hst_status status = HST_OK;

	if (made->compiler.sources == 1) {
		return add_object_of(all, call, made->compiler.source);
	}
	for (size_t i = made->compiler.at + 1; argv[i] != NULL && status == HST_OK; i++) {
		if (is_source(argv[i])) {
			status = add_object_of(all, call, argv[i]);
		}
	}
	return status;
}

static enum hst_status add_linked(struct collecting *all, size_t call)
{
	const struct hst_build_call *made = &all->build->calls.items[call];
	struct hst_build_file file = { .call = call };

	file.path = absolute(
		all, made->image, made->compiler.output != NULL ? made->compiler.output : "a.out");
	return file.path != NULL && hst_vec_push(&all->build->linked, file) ? HST_OK : HST_E_MEMORY;
}

/* Which files a call made, as far as they matter. */
static enum hst_status add_files(struct collecting *all, size_t call)
{
	const struct hst_build_call *made = &all->build->calls.items[call];
	const struct hst_compiler_call *compiler = &made->compiler;
	bool compiled =
		compiler->verdict == HST_VERDICT_EDIT || compiler->verdict == HST_VERDICT_ALREADY;

	if (made->failed || compiler->assembly ||
		(!compiled && compiler->verdict != HST_VERDICT_LINK)) {
		return HST_OK;
	}
	if (!compiled) {
		return add_linked(all, call);
	}
	if (makes_header(compiler)) {
		return HST_OK;
	}
	if (compiler->object) {
		return compiler->output != NULL ? add_file(all, call, compiler->output)
						: add_objects(all, call);
	}
	HST_TRY(add_linked(all, call));
	return add_file(all, call, compiler->output != NULL ? compiler->output : "a.out");
}

static void count_call(struct hst_build *build, const struct hst_build_call *call)
{
	build->verdicts[call->compiler.verdict]++;
	build->added += call->added;
	build->missed += call->missed;
	build->failed += call->failed;
}

/*
 * Compilers that a program starts without us in it have no hooks. It matters only if it starts something: what a static program starts is
 * seen, since it inherits the environment; what a privileged one starts is not.
 */
static void count_unwatched(struct hst_build *build, const struct hst_process_image *image)
{
	if (image->blind == HST_PROCESS_BLIND_NONE || image->blind == HST_PROCESS_BLIND_NOT_SEEN ||
		image->class == HST_PROCESS_CLASS_EXEC ||
		(image->blind != HST_PROCESS_BLIND_PRIVILEGED &&
			image->first_child == HST_PROCESS_NONE &&
			image->next == HST_PROCESS_NONE)) {
		return;
	}
	if (build->unwatched++ == 0) {
		build->unwatched_example = image->command;
		build->unwatched_why = image->blind;
	}
}

static enum hst_status collect_image(struct collecting *all, size_t index)
{
	const struct hst_process_image *image = &all->processes->images[index];
	uint32_t caller = caller_of(image);
	bool inside = caller < index && all->below[caller];
	char *const *argv = given_to(image);
	const char *file = image->file[0] != '\0' ? image->file : argv[0];
	struct hst_build_call call = { .image = image };

	all->below[index] = inside;
	/* A child of fork is what its parent is until it executes something. */
	if (image->began == HST_PROCESS_BEGAN_FORK || file == NULL) {
		return HST_OK;
	}
	call.compiler = hst_compiler_judge(file, argv, all->own_flags);
	if (call.compiler.verdict == HST_VERDICT_NONE) {
		all->below[index] |= hst_compiler_is_cache(file);
		if (!inside) {
			count_unwatched(all->build, image);
		}
		return HST_OK;
	}
	all->below[index] = true;
	if (inside || image->class == HST_PROCESS_CLASS_EXEC) {
		return HST_OK;
	}
	call.added = (image->flags & HST_PROCESS_FLAGS_ADDED) != 0;
	call.missed = !call.added && call.compiler.verdict == HST_VERDICT_EDIT;
	call.failed = hst_process_class_failed(image->class);
	count_call(all->build, &call);
	if (!hst_vec_push(&all->build->calls, call)) {
		return HST_E_MEMORY;
	}
	return add_files(all, all->build->calls.count - 1);
}

enum hst_status hst_build_collect(
	const struct hst_processes *processes, bool own_flags, struct hst_build *ret_build)
{
	struct collecting all = {
		.processes = processes, .build = ret_build, .own_flags = own_flags
	};
	enum hst_status status = HST_OK;

	*ret_build = (struct hst_build){ 0 };
	all.below = calloc(processes->image_count + 1, sizeof *all.below);
	if (all.below == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < processes->image_count && status == HST_OK; i++) {
		status = collect_image(&all, i);
	}
	free(all.below);
	hst_strtab_finish(&all.paths);
	hst_map_finish(&all.places);
	return status;
}

void hst_build_finish(struct hst_build *build)
{
	hst_vec_finish(&build->calls);
	hst_vec_finish(&build->files);
	hst_vec_finish(&build->linked);
	hst_arena_finish(&build->arena);
}

void hst_build_check(struct hst_build *build)
{
	for (size_t i = 0; i < build->files.count; i++) {
		struct hst_build_file *file = &build->files.items[i];

		file->found = hst_build_look(file->path, &file->program);
		build->found[file->found]++;
	}
	for (size_t i = 0; i < build->linked.count; i++) {
		struct hst_build_file *file = &build->linked.items[i];

		file->found = hst_build_look(file->path, &file->program);
	}
}
