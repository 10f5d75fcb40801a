/* SPDX-License-Identifier: Apache-2.0 */
#include "read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static enum hst_program_kind look(const char *path, void *user)
{
	(void)path;
	return *(const enum hst_program_kind *)user;
}

enum hst_status read_status(struct journalgen *gen, enum hst_program_kind kind,
	struct hst_processes *ret_processes, struct hst_diag *diag)
{
	char dir[] = "/tmp/hst-processes-XXXXXX";
	struct hst_processes_options options = {
		.tools = "/dev/null", .look = look, .look_user = &kind
	};
	enum hst_status status;
	char path[64];
	char tools[64];
	FILE *file;

	diag->text[0] = '\0';
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/%s", dir, HST_JOURNAL_NAME);
	(void)snprintf(tools, sizeof tools, "%s/tools", dir);
	file = fopen(tools, "wbe");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	options.tools = tools; /* the user's own must not matter */
	if (gen != NULL) {
		assert_true(journalgen_save(gen, path));
		journalgen_finish(gen);
	}
	status = hst_processes_read(dir, &options, ret_processes, diag);
	(void)unlink(path);
	assert_int_equal(unlink(tools), 0);
	assert_int_equal(rmdir(dir), 0);
	return status;
}

struct hst_processes read_gen(struct journalgen *gen, enum hst_program_kind kind)
{
	struct hst_processes processes;
	struct hst_diag diag;
	enum hst_status status = read_status(gen, kind, &processes, &diag);

	if (status != HST_OK) {
		print_error("%s\n", diag.text);
	}
	assert_int_equal(status, HST_OK);
	check_result(&processes);
	return processes;
}

uint32_t index_of(const struct hst_processes *processes, const char *command, unsigned n)
{
	for (uint32_t i = 0; i < processes->image_count; i++) {
		if (strcmp(processes->images[i].command, command) == 0 && n-- == 0) {
			return i;
		}
	}
	print_error("no image '%s'\n", command);
	fail();
	return 0;
}

const struct hst_process_image *image_of(
	const struct hst_processes *processes, const char *command, unsigned n)
{
	return &processes->images[index_of(processes, command, n)];
}

bool has_note(const struct hst_processes *processes, const char *part)
{
	for (size_t i = 0; i < processes->note_count; i++) {
		if (strstr(processes->notes[i].text, part) != NULL) {
			return true;
		}
	}
	return false;
}
