/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings that live as long as a test. */
#include "pass.h"

#include "copied.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_TICKS 1000000ull

static void must(int good, const char *what)
{
	if (!good) {
		perror(what);
		abort();
	}
}

void fixture_init(struct fixture *fixture)
{
	char path[128];
	FILE *file;

	*fixture = (struct fixture){ .dir = "/tmp/hasten-unit-XXXXXX" };
	must(mkdtemp(fixture->dir) != NULL, "mkdtemp");
	(void)snprintf(path, sizeof path, "%s/session", fixture->dir);
	file = fopen(path, "w");
	must(file != NULL, path);
	fputs("hasten-data 1\nroot 1\n", file);
	must(fclose(file) == 0, path);
}

void fixture_finish(struct fixture *fixture)
{
	DIR *dir = opendir(fixture->dir);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.') {
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	(void)rmdir(fixture->dir);
	hst_profile_finish(&fixture->profile);
}

int fixture_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	must(fixture != NULL, "calloc");
	fixture_init(fixture);
	*state = fixture;
	return 0;
}

int fixture_teardown(void **state)
{
	fixture_finish(*state);
	free(*state);
	return 0;
}

struct tracegen *fixture_trace(uint32_t pid)
{
	struct tracegen_options options = { .start_ticks = START_TICKS, .pid = pid };
	struct tracegen *gen = tracegen_create(&options);
	char name[8];

	for (uint32_t i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof name, "f%u", i);
		tracegen_region(gen, i, name);
	}
	return gen;
}

void fixture_add(struct fixture *fixture, struct tracegen *gen)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/%u.%u.hst", fixture->dir, tracegen_header(gen)->pid,
		++fixture->files);
	must(tracegen_save(gen, path), path);
	tracegen_destroy(gen);
}

void fixture_read(struct fixture *fixture, const struct hst_profile_options *options)
{
	struct hst_profile_options none = { 0 };
	struct hst_session session;
	struct hst_diag diag = { "" };

	hst_profile_finish(&fixture->profile);
	if (hst_session_open(fixture->dir, &session, &diag) != HST_OK ||
		hst_profile_read(&session, options == NULL ? &none : options, &fixture->profile,
			&diag) != HST_OK) {
		fprintf(stderr, "%s\n", diag.text);
		abort();
	}
	hst_session_close(&session);
}

uint64_t ticks_at(uint64_t ns)
{
	return START_TICKS + 2 * ns;
}

void at_enter(struct tracegen_stream *stream, uint64_t ns, uint32_t region)
{
	tracegen_enter(stream, ticks_at(ns), REGION(region), REGION(region));
}

void at_leave(struct tracegen_stream *stream, uint64_t ns)
{
	tracegen_exit(stream, ticks_at(ns));
}

const struct hst_function_row *row_of(const struct fixture *fixture, uint32_t number)
{
	static const struct hst_function_row none;
	char name[16];

	(void)snprintf(name, sizeof name, "f%u", number);
	for (size_t i = 0; i < fixture->profile.function_count; i++) {
		if (strcmp(fixture->profile.functions[i].name, name) == 0) {
			return &fixture->profile.functions[i];
		}
	}
	return &none;
}

uint64_t other_copy(void)
{
	return (uint64_t)(uintptr_t)&copied;
}

int has_note(const struct fixture *fixture, const char *text)
{
	for (size_t i = 0; i < fixture->profile.note_count; i++) {
		if (strstr(fixture->profile.notes[i].text, text) != NULL) {
			return 1;
		}
	}
	return 0;
}
