/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten cache --patch`: a cache of one function as a diff against its source, or as code where that cannot be. */
#include "cmd/cache.h"
#include "plan/memo.h"
#include "symbols/function_rules.h"
#include "symbols/recipes.h"
#include "symbols/symbols.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096

struct patch {
	struct hst_cache_show *show;
	const struct hst_cache_function *function;
	const struct hst_function_row *row;
	struct hst_image *image;
	const struct hst_function *symbol;
	struct hst_prototype prototype;
	uint8_t *contents; /* by parameter */
	struct hst_memo_source source;
	bool has_source;
	char why[HST_DIAG_BYTES]; /* there is no diff */
	char base
		[PATH_BYTES]; /* the directory in which the diff applies, "" the working directory */
	const char *name;     /* of the file below it */
	struct hst_memo memo;
};

/* The row with this name; several functions may have it. */
static enum hst_status find_row(struct patch *patch, const char *name, struct hst_diag *diag)
{
	const struct hst_cache_show *show = patch->show;
	size_t found = 0;

	for (size_t i = 0; i < show->order_count; i++) {
		const struct hst_cache_function *function = &show->cache->functions[show->order[i]];
		const struct hst_function_row *row = &show->rows[function->row];

		if (hst_row_is_named(row, name)) {
			patch->function = function;
			patch->row = row;
			found++;
		}
	}
	if (patch->row == NULL) {
		(void)hst_diag_set(diag, HST_E_NOT_FOUND,
			"--patch: no row has the name '%s'; hasten cache -n 0 lists them all",
			name);
		return HST_E_NOT_FOUND;
	}
	if (found > 1) {
		return hst_diag_set(diag, HST_E_USAGE,
			"--patch: %zu functions are called '%s'; choose one by its full name or by -F file:GLOB",
			found, name);
	}
	return HST_OK;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The function in the program as it is on the disk now. */
static enum hst_status find_function(struct patch *patch, struct hst_diag *diag)
{
	const struct hst_function_row *row = patch->row;
	const struct hst_function *functions;
	size_t count;

	HST_TRY(hst_image_open(row->module, NULL, 0, &patch->image, diag));
	count = hst_image_functions(patch->image, &functions);
	for (size_t i = 0; i < count; i++) {
		const struct hst_function *symbol =
			hst_image_function(patch->image, functions[i].address);

		if (symbol != NULL && strcmp(symbol->linkage, row->linkage) == 0 &&
			symbol->line == row->line && same_text(symbol->file, row->file)) {
			patch->symbol = symbol;
			break;
		}
	}
	if (patch->symbol == NULL) {
		return hst_diag_set(diag, HST_E_NOT_FOUND,
			"--patch: %s does not have '%s' as it was recorded: record again",
			row->module, row->name);
	}
	return hst_prototype_read(
		patch->image, patch->symbol->address, row->name, &patch->prototype, diag);
}

/* How the recording keyed each parameter: by the recipes that it was made with. */
static void take_contents(struct patch *patch, const struct hst_recipes *recipes)
{
	const struct hst_recipe_site *found = NULL;

	for (size_t i = 0; i < recipes->site_count; i++) {
		const struct hst_recipe_site *site = &recipes->sites[i];

		if (!site->exit && site->fn == patch->symbol->address &&
			hst_recipes_complete(recipes, site) && (found == NULL || !site->inlined)) {
			found = site;
		}
	}
	for (uint32_t i = 0; found != NULL && i < found->param_count && i < patch->prototype.count;
		i++) {
		const struct hst_recipe_param *param = &recipes->params[found->first_param + i];

		if (param->content == HST_PLAN_CONTENT_STRING) {
			patch->contents[i] = HST_MEMO_STRING;
		} else if (param->content == HST_PLAN_CONTENT_BYTES && i + 1 < found->param_count) {
			patch->contents[i] = HST_MEMO_BYTES;
		}
	}
}

static enum hst_status read_contents(struct patch *patch, struct hst_diag *diag)
{
	struct hst_recipes recipes = { 0 };
	struct hst_function_rules *rules = NULL;
	enum hst_status status;

	patch->contents = calloc(patch->prototype.count + 1, 1);
	if (patch->contents == NULL) {
		return HST_E_MEMORY;
	}
	HST_TRY(hst_function_rules_read(NULL, &rules, diag));
	status = hst_recipes_read(patch->image, &recipes, diag);
	if (status == HST_OK) {
		hst_recipes_contents(&recipes, patch->image, rules);
		take_contents(patch, &recipes);
	}
	hst_recipes_finish(&recipes);
	hst_function_rules_destroy(rules);
	return status;
}

/* Is `path` below the directory? Then what is behind it, else NULL. */
static const char *below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	while (length > 0 && directory[length - 1] == '/') {
		length--;
	}
	return length > 0 && strncmp(path, directory, length) == 0 && path[length] == '/' &&
			       path[length + 1] != '\0'
		       ? path + length + 1
		       : NULL;
}

/* The nearest directory above the file that is a repository. */
static bool find_repository(const char *path, char base[PATH_BYTES])
{
	char mark[PATH_BYTES + 8];
	char *slash;

	(void)snprintf(base, PATH_BYTES, "%s", path);
	while ((slash = strrchr(base, '/')) != NULL && slash != base) {
		*slash = '\0';
		(void)snprintf(mark, sizeof mark, "%s/.git", base);
		if (access(mark, F_OK) == 0) {
			return true;
		}
	}
	return false;
}

/* By which name the diff has the file: from here, from its repository, or from where it was compiled. */
static void name_file(struct patch *patch)
{
	const char *path = patch->symbol->file;
	const char *directory = patch->prototype.directory;
	char here[PATH_BYTES];

	patch->name = getcwd(here, sizeof here) == NULL ? NULL : below(path, here);
	if (patch->name != NULL) {
		return;
	}
	if (find_repository(path, patch->base)) {
		patch->name = below(path, patch->base);
		return;
	}
	(void)snprintf(patch->base, sizeof patch->base, "%s",
		directory != NULL && below(path, directory) != NULL ? directory : "/");
	patch->name = below(path, patch->base);
	if (patch->name == NULL) {
		patch->name = path[0] == '/' ? path + 1 : path;
	}
}

static bool is_newer(const char *path, const char *than)
{
	struct stat one;
	struct stat other;

	return stat(path, &one) == 0 && stat(than, &other) == 0 &&
	       (one.st_mtim.tv_sec > other.st_mtim.tv_sec ||
		       (one.st_mtim.tv_sec == other.st_mtim.tv_sec &&
			       one.st_mtim.tv_nsec > other.st_mtim.tv_nsec));
}

static enum hst_status read_source(struct patch *patch, struct hst_diag *diag)
{
	const struct hst_function *symbol = patch->symbol;
	enum hst_status status;

	if (symbol->file == NULL || symbol->line == 0) {
		(void)snprintf(patch->why, sizeof patch->why,
			"the debug information does not say where it is defined");
		return HST_OK;
	}
	status = hst_memo_source_read(
		symbol->file, symbol->line, &patch->prototype, &patch->source, diag);
	if (status == HST_E_NOT_FOUND) {
		(void)snprintf(patch->why, sizeof patch->why, "%s", diag->text);
		return HST_OK;
	}
	patch->has_source = status == HST_OK;
	if (patch->has_source) {
		name_file(patch);
	}
	return status;
}

static enum hst_status write_text(const struct patch *patch, FILE *out)
{
	if (patch->has_source) {
		return hst_memo_diff(out, &patch->memo, &patch->source, patch->name);
	}
	(void)fprintf(out,
		"/*\n * No diff: %s.\n * Rename the definition of %s() to %s(), and put this behind it.\n */\n\n",
		patch->why, patch->prototype.name, patch->memo.uncached);
	if (patch->memo.ttl_ns != 0) {
		(void)fprintf(out, "#include <time.h>\n\n");
	}
	hst_memo_code(out, &patch->memo, NULL, 0);
	return HST_OK;
}

static enum hst_status write_out(const struct patch *patch, struct hst_diag *diag)
{
	const char *path = patch->show->reading->options.output;
	FILE *out = path == NULL ? stdout : fopen(path, "we");
	enum hst_status status;
	bool bad;

	if (out == NULL) {
		return hst_diag_set(
			diag, HST_E_IO, "-o: '%s' cannot be written: %s", path, strerror(errno));
	}
	status = write_text(patch, out);
	bad = ferror(out) != 0;
	bad |= (path == NULL ? fflush(out) : fclose(out)) != 0;
	if (bad) {
		return hst_diag_set(diag, HST_E_IO, "the patch could not be written to %s: %s",
			path == NULL ? "standard output" : path, strerror(errno));
	}
	return status;
}

/* On standard error: what the text itself does not say. */
static void say(const struct patch *patch)
{
	const struct hst_reading *reading = patch->show->reading;
	const char *name = patch->prototype.name;

	if (!patch->has_source) {
		(void)hst_reading_fail(reading,
			"--patch: no diff, only the code of a cache of %s, because %s", name,
			patch->why);
	} else if (is_newer(patch->symbol->file, patch->row->module)) {
		(void)hst_reading_fail(reading,
			"--patch: %s is newer than %s: the definition was found, but it may not be the one that was recorded",
			patch->symbol->file, patch->row->module);
	}
	if (patch->has_source && patch->base[0] != '\0' && !reading->options.quiet) {
		(void)hst_reading_fail(reading,
			"--patch: the paths of the diff count from %s: apply it there (patch -p1)",
			patch->base);
	}
	if (patch->function->verdict != HST_CACHE_VERDICT_WORTH) {
		(void)hst_reading_fail(reading, "--patch: %s: %s", name,
			hst_cache_verdict_text(patch->function->verdict));
	}
	if (!reading->options.quiet) {
		(void)hst_reading_fail(reading,
			"--patch: hasten cannot see side effects: read the comment above the code and check that %s has none",
			name);
	}
}

static enum hst_status make(struct patch *patch, struct hst_diag *diag)
{
	struct hst_memo_wanted wanted = { .prototype = &patch->prototype };

	HST_TRY(find_row(patch, patch->show->reading->options.patch, diag));
	HST_TRY(find_function(patch, diag));
	HST_TRY(read_contents(patch, diag));
	HST_TRY(read_source(patch, diag));
	wanted.function = patch->function;
	wanted.contents = patch->contents;
	wanted.force = patch->show->reading->options.force;
	HST_TRY(hst_memo_decide(
		&wanted, patch->source.text == NULL ? NULL : &patch->source, &patch->memo, diag));
	HST_TRY(write_out(patch, diag));
	say(patch);
	return HST_OK;
}

enum hst_status hst_cache_patch(struct hst_cache_show *show, struct hst_diag *diag)
{
	struct patch patch = { .show = show };
	enum hst_status status = make(&patch, diag);

	hst_memo_source_finish(&patch.source);
	hst_prototype_finish(&patch.prototype);
	free(patch.contents);
	hst_image_close(patch.image);
	return status;
}
