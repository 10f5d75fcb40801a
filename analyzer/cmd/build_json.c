/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten build --json`: each call of a compiler and each file that it made. */
#include "cmd/build.h"

#include "writers/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEW ".new"

static void put_strings(struct hst_json *json, const char *key, const char *const *items)
{
	hst_json_list(json, key);
	for (size_t i = 0; items != NULL && items[i] != NULL; i++) {
		hst_json_string(json, NULL, items[i]);
	}
	hst_json_end(json);
}

static void put_call(struct hst_json *json, const struct hst_build_call *call)
{
	const struct hst_process_image *image = call->image;
	const char *const *given = image->original != NULL ? image->original : image->argv;

	hst_json_row(json, NULL);
	hst_json_u64(json, "pid", image->pid);
	hst_json_string(json, "cwd", image->cwd[0] != '\0' ? image->cwd : NULL);
	put_strings(json, "arguments", given);
	hst_json_string(json, "verdict", hst_build_verdict_word(call->compiler.verdict));
	hst_json_bool(json, "added", call->added);
	hst_json_bool(json, "missed", call->missed);
	hst_json_string(json, "source", call->compiler.source);
	if (image->exit_status >= 0) {
		hst_json_i64(json, "exit_status", image->exit_status);
	} else {
		hst_json_null(json, "exit_status");
	}
	if (image->wall_ns != HST_PROCESS_UNKNOWN) {
		hst_json_u64(json, "wall_ns", image->wall_ns);
	} else {
		hst_json_null(json, "wall_ns");
	}
	hst_json_end(json);
}

static void put_verdicts(struct hst_json *json, const struct hst_build *build)
{
	hst_json_row(json, "verdicts");
	for (size_t i = 0; i < HST_VERDICTS; i++) {
		if (i != HST_VERDICT_NONE) {
			hst_json_u64(json, hst_build_verdict_word((enum hst_compiler_verdict)i),
				build->verdicts[i]);
		}
	}
	hst_json_end(json);
}

static void put_files(struct hst_json *json, const struct hst_build *build)
{
	hst_json_array(json, "files");
	for (size_t i = 0; i < build->files.count; i++) {
		const struct hst_build_file *file = &build->files.items[i];

		hst_json_row(json, NULL);
		hst_json_string(json, "path", file->path);
		hst_json_string(json, "hooks", hst_build_found_word(file->found));
		hst_json_u64(json, "call", file->call);
		hst_json_end(json);
	}
	hst_json_end(json);
}

static void put_notes(struct hst_json *json, const struct hst_processes *processes)
{
	hst_json_list(json, "notes");
	for (size_t i = 0; i < processes->note_count; i++) {
		hst_json_string(json, NULL, processes->notes[i].text);
	}
	hst_json_end(json);
}

static void put_report(struct hst_json *json, const struct hst_build_report *report)
{
	const struct hst_build *build = report->build;

	hst_json_object(json, NULL);
	hst_json_u64(json, "schema", 1);
	put_strings(json, "command", (const char *const *)report->options->program);
	hst_json_i64(json, "exit_status", report->status);
	hst_json_string(json, "flags", report->flags);
	hst_json_bool(json, "complete",
		report->processes->complete && build->missed == 0 && build->unwatched == 0);
	hst_json_u64(json, "calls_seen", build->calls.count);
	hst_json_u64(json, "calls_added", build->added);
	hst_json_u64(json, "calls_missed", build->missed);
	hst_json_u64(json, "calls_failed", build->failed);
	hst_json_u64(json, "unwatched_programs", build->unwatched);
	put_verdicts(json, build);
	hst_json_string(json, "program", hst_build_program(build));
	put_files(json, build);
	hst_json_array(json, "calls");
	for (size_t i = 0; i < build->calls.count; i++) {
		put_call(json, &build->calls.items[i]);
	}
	hst_json_end(json);
	put_notes(json, report->processes);
	hst_json_end(json);
	hst_json_finish(json);
}

enum hst_status hst_build_write_json(const struct hst_build_report *report, struct hst_diag *diag)
{
	const char *path = report->options->json;
	size_t bytes = strlen(path) + sizeof NEW;
	char *name = malloc(bytes);
	struct hst_json json;
	FILE *file;
	bool good;

	if (name == NULL) {
		return hst_diag_set(diag, HST_E_MEMORY, "build: out of memory");
	}
	/* Under another name until it is whole. */
	snprintf(name, bytes, "%s" NEW, path);
	file = fopen(name, "we");
	good = file != NULL;
	if (good) {
		hst_json_begin(&json, file);
		put_report(&json, report);
		good = ferror(file) == 0;
		good = fclose(file) == 0 && good;
		good = good && rename(name, path) == 0;
	}
	if (!good) {
		enum hst_status status = hst_diag_set(diag, HST_E_IO,
			"build: the list cannot be written to %s: %s", path, strerror(errno));

		(void)unlink(name);
		free(name);
		return status;
	}
	free(name);
	return HST_OK;
}
