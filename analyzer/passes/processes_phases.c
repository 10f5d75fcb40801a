/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tool, language and phase of each image: by its own command line; of helpers by the image above; of
 * a program that a link of this recording wrote by that link. An image "above" is the one before it in
 * its process, or else the one that started the process.
 */
#include "passes/processes_pass.h"

#include "util/strtab.h"

#include <stdio.h>
#include <string.h>

#define PATH_BYTES 4096u
#define DELETED    " (deleted)"

struct phases {
	struct hst_proc_pass *pass;
	struct hst_strtab paths;
	struct hst_map written; /* number of a path → image that wrote it */
};

static uint32_t above(const struct hst_process_image *image)
{
	return image->previous != HST_PROCESS_NONE ? image->previous : image->parent;
}

/* Has it a phase that helpers below belong to? */
static bool has_helpers(enum hst_process_phase phase)
{
	return phase == HST_PROCESS_PHASE_COMPILE || phase == HST_PROCESS_PHASE_ASSEMBLE ||
	       phase == HST_PROCESS_PHASE_LINK || phase == HST_PROCESS_PHASE_ARCHIVE;
}

/* cwd/file without "//", "." and "x/.."; false: not absolute, or too long. */
static bool full_path(const char *cwd, const char *file, char ret_path[PATH_BYTES])
{
	char joined[PATH_BYTES];
	size_t have = 0;
	const char *at = joined;
	int got = file[0] == '/' ? snprintf(joined, sizeof joined, "%s", file)
				 : snprintf(joined, sizeof joined, "%s/%s", cwd, file);

	if (got <= 0 || (size_t)got >= sizeof joined || joined[0] != '/') {
		return false;
	}
	while (*at != '\0') {
		size_t bytes;

		at += strspn(at, "/");
		bytes = strcspn(at, "/");
		if (bytes == 2 && strncmp(at, "..", 2) == 0) {
			while (have > 0 && ret_path[--have] != '/') {
			}
		} else if (bytes != 0 && !(bytes == 1 && *at == '.')) {
			ret_path[have++] = '/';
			memcpy(ret_path + have, at, bytes);
			have += bytes;
		}
		at += bytes;
	}
	ret_path[have] = '\0';
	return have != 0;
}

static enum hst_status remember(
	struct phases *phases, const char *cwd, const char *file, uint32_t image)
{
	char path[PATH_BYTES];
	uint32_t id;

	if (!full_path(cwd, file, path)) {
		return HST_OK;
	}
	HST_TRY(hst_strtab_add(&phases->paths, path, &id));
	return hst_map_put(&phases->written, id, image);
}

/* rustc names its file by crate and hash; cargo links it to the folder above by the crate's name. */
static enum hst_status remember_crate(
	struct phases *phases, const char *cwd, const struct hst_tool_use *use, uint32_t image)
{
	const char *dir = use->out_dir != NULL ? use->out_dir : ".";
	char path[PATH_BYTES];

	if ((size_t)snprintf(path, sizeof path, "%s/%s%s", dir, use->crate,
		    use->extra != NULL ? use->extra : "") < sizeof path) {
		HST_TRY(remember(phases, cwd, path, image));
	}
	if ((size_t)snprintf(path, sizeof path, "%s/../%s", dir, use->crate) < sizeof path) {
		HST_TRY(remember(phases, cwd, path, image));
		for (char *at = strrchr(path, '/'); *at != '\0'; at++) {
			*at = *at == '_' ? '-' : *at;
		}
		HST_TRY(remember(phases, cwd, path, image));
	}
	return HST_OK;
}

/* The image that wrote this program in *ret_writer; it stays as it is if there is none. */
static enum hst_status find_writer(
	struct phases *phases, const struct hst_process_image *image, uint32_t *ret_writer)
{
	char path[PATH_BYTES];
	size_t bytes;
	uint32_t id;

	if (*image->exe == '\0' || !full_path(image->cwd, image->exe, path)) {
		return HST_OK;
	}
	bytes = strlen(path);
	if (bytes > strlen(DELETED) && strcmp(path + bytes - strlen(DELETED), DELETED) == 0) {
		path[bytes - strlen(DELETED)] = '\0';
	}
	HST_TRY(hst_strtab_add(&phases->paths, path, &id));
	(void)hst_map_get(&phases->written, id, ret_writer);
	return HST_OK;
}

/* Builds of cmake and meson that only try whether something compiles. */
static bool is_trial(const struct hst_process_image *image)
{
	return strstr(image->cwd, "/CMakeFiles/CMakeScratch") != NULL ||
	       strstr(image->cwd, "/CMakeFiles/CMakeTmp") != NULL ||
	       strstr(image->cwd, "/meson-private/") != NULL;
}

static const char *name_of(const struct hst_proc_pass *pass, const struct hst_process_image *image,
	const struct hst_tool_use *use)
{
	const struct hst_proc_life *life = &pass->lives.items[image->process];
	const char *name = "";

	if (use->script != NULL) {
		name = hst_tools_base(use->script);
	}
	if (*name == '\0' && image->argc > 0) {
		name = hst_tools_base(image->argv[0]);
		name += name[0] == '-'; /* a login shell */
	}
	if (*name == '\0') {
		name = hst_tools_base(image->exe);
	}
	if (*name == '\0' && life->sample != NULL && life->sample->texts->name != NULL) {
		name = life->sample->texts->name;
	}
	return *name == '\0' ? "?" : name;
}

/* What the image above says where its own command line does not. */
static void inherit(struct hst_proc_pass *pass, struct hst_process_image *image,
	const struct hst_tool_use *use, uint8_t *own)
{
	const struct hst_process_image *images = pass->result->images;
	uint32_t at = above(image);

	if (at == HST_PROCESS_NONE) {
		return;
	}
	if (use->sub && has_helpers(pass->own_phases.items[at]) && *images[at].language != '\0') {
		image->language = images[at].language;
	}
	if (use->tool == NULL && *own == HST_PROCESS_PHASE_OTHER &&
		has_helpers(pass->own_phases.items[at])) {
		*own = pass->own_phases.items[at];
		image->language = images[at].language;
		image->flags |= HST_PROCESS_PHASE_INHERITED;
	}
	image->phase = (enum hst_process_phase) * own;
	if (images[at].phase == HST_PROCESS_PHASE_PROBE) {
		image->phase = HST_PROCESS_PHASE_PROBE;
		image->flags |= HST_PROCESS_PHASE_INHERITED;
	}
}

/* Does the image belong to the same piece of work as the one above? */
static bool same_unit(const struct hst_process_image *image, const struct hst_process_image *upper)
{
	if (image->phase != upper->phase || strcmp(image->language, upper->language) != 0) {
		return false;
	}
	return image->began == HST_PROCESS_BEGAN_FORK || has_helpers(image->phase) ||
	       image->phase == HST_PROCESS_PHASE_BUILD || image->phase == HST_PROCESS_PHASE_PROBE;
}

static enum hst_status take(struct phases *phases, uint32_t at)
{
	struct hst_proc_pass *pass = phases->pass;
	struct hst_process_image *image = &pass->result->images[at];
	struct hst_tool_use use =
		hst_tools_recognise(pass->tools, image->exe, image->argv, image->argc);
	uint8_t own = (uint8_t)use.phase;
	uint32_t writer = HST_PROCESS_NONE;

	if (use.tool == NULL) {
		HST_TRY(find_writer(phases, image, &writer));
	}
	image->tool = use.tool != NULL ? use.tool->name : "";
	image->language = use.language;
	image->command = name_of(pass, image, &use);
	if (use.tool != NULL && use.tool->rule == HST_TOOL_WRAPPER) {
		image->flags |= HST_PROCESS_WRAPPER;
	}
	if (writer != HST_PROCESS_NONE) {
		own = HST_PROCESS_PHASE_RUN;
		image->language = pass->result->images[writer].language;
	} else if (use.tool == NULL &&
		   ((image->flags & HST_PROCESS_HOOKS) != 0 || at == pass->result->root)) {
		own = HST_PROCESS_PHASE_RUN;
	}
	image->phase = (enum hst_process_phase)own;
	inherit(pass, image, &use, &own);
	if (is_trial(image)) {
		image->phase = HST_PROCESS_PHASE_PROBE;
	}
	if (above(image) != HST_PROCESS_NONE) {
		const struct hst_process_image *upper = &pass->result->images[above(image)];

		image->unit = same_unit(image, upper) ? upper->unit : at;
	}
	if (!hst_vec_push(&pass->own_phases, own)) {
		return HST_E_MEMORY;
	}
	if (use.output != NULL) {
		return remember(phases, image->cwd, use.output, at);
	}
	return use.crate != NULL ? remember_crate(phases, image->cwd, &use, at) : HST_OK;
}

enum hst_status hst_proc_phases(struct hst_proc_pass *pass)
{
	struct phases phases = { .pass = pass };
	enum hst_status status = HST_OK;

	for (uint32_t i = 0; i < pass->result->image_count && status == HST_OK; i++) {
		status = take(&phases, i);
	}
	hst_strtab_finish(&phases.paths);
	hst_map_finish(&phases.written);
	return status;
}
