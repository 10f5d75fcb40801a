/* SPDX-License-Identifier: Apache-2.0 */
#include "reader/session.h"

#include "hasten/trace.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char work[64];

static const char *in_work(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof paths[0], "%s/%s", work, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(in_work(name), "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void make_data(const char *name, const char *text)
{
	char path[100];

	assert_int_equal(mkdir(in_work(name), 0700), 0);
	(void)snprintf(path, sizeof path, "%s/session", name);
	write_file(path, text);
}

static void remove_all(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char inner[400];

	if (dir == NULL) {
		(void)unlink(path);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			(void)snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
			remove_all(inner);
		}
	}
	(void)closedir(dir);
	(void)rmdir(path);
}

static int begin(void **state)
{
	(void)state;
	memcpy(work, "/tmp/hst-session-XXXXXX", 24);
	return mkdtemp(work) == NULL;
}

static int end(void **state)
{
	(void)state;
	remove_all(work);
	return 0;
}

static void write_header(const char *name, const struct hst_file_header *header)
{
	FILE *file = fopen(in_work(name), "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(header, sizeof *header, 1, file), 1);
	assert_int_equal(fclose(file), 0);
}

static void test_session_open_without_launcher_takes_the_first_file(void **state)
{
	struct hst_file_header header = { .magic = HST_TRACE_MAGIC,
		.pid = 20,
		.pid_start = 77,
		.boot_id = { 5 },
		.start_real_ns = 1700000000999999999u };
	struct hst_session session;
	struct hst_diag diag = { "" };

	(void)state;
	assert_int_equal(mkdir(in_work("bare"), 0700), 0);
	write_header("bare/0.0.hst", &header);
	write_file("bare/20.0.hst", "");
	write_file("bare/3.0.hst", "");
	assert_int_equal(hst_session_open(in_work("bare"), &session, &diag), HST_OK);
	assert_int_equal(session.root_pid, 20);
	assert_int_equal(session.root_start, 77);
	assert_int_equal(session.started, 1700000000);
	assert_int_equal(session.boot_id[0], 5);
	assert_int_equal(session.status, -1);
	assert_null(session.command);
	/* The process made another image after the one that made the directory. */
	assert_int_equal(session.file_count, 3);
	assert_int_equal(session.files[0].pid, 3);
	assert_int_equal(session.files[1].pid, 20);
	assert_non_null(strstr(session.files[1].path, "/0.0.hst"));
	assert_non_null(strstr(session.files[2].path, "/20.0.hst"));
	hst_session_close(&session);
	header.magic[0] = 'X';
	write_header("bare/0.0.hst", &header);
	assert_int_equal(hst_session_open(in_work("bare"), &session, &diag), HST_E_NOT_OURS);
	hst_session_close(&session);
}

static void test_session_open_reads_keys_and_files(void **state)
{
	struct hst_session session;
	struct hst_diag diag = { "" };
	uint8_t boot[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67,
		0x89, 0xab, 0xcd, 0xef };

	(void)state;
	make_data("d",
		"hasten-data 1\nroot 4711\nroot_start 99999999999\ncommand ./app --x  y\ncwd /home\n"
		"started 1700000000\ntsc_hz 2445404000\nunknown thing\nnonsense\nstatus 139\nsignal 11\n"
		"boot_id 01234567-89ab-cdef-0123-456789ABCDEF\nfinished 1\n");
	write_file("d/20.2.hst", "");
	write_file("d/20.10.hst", "");
	write_file("d/3.1.hst", "");
	write_file("d/x.hst", "");
	write_file("d/1.hst", "");
	write_file("d/1.2.3.hst", "");
	write_file("d/-1.2.hst", "");
	write_file("d/1.2.hstx", "");
	write_file("d/99999999999.1.hst", "");
	assert_int_equal(hst_session_open(in_work("d"), &session, &diag), HST_OK);
	assert_string_equal(session.command, "./app --x  y");
	assert_string_equal(session.cwd, "/home");
	assert_int_equal(session.root_pid, 4711);
	assert_int_equal(session.root_start, 99999999999);
	assert_int_equal(session.started, 1700000000);
	assert_int_equal(session.tsc_hz, 2445404000u);
	assert_int_equal(session.status, 139);
	assert_int_equal(session.signal, 11);
	assert_true(session.finished);
	assert_memory_equal(session.boot_id, boot, 16);
	assert_int_equal(session.file_count, 3);
	assert_int_equal(session.files[0].pid, 3);
	assert_int_equal(session.files[1].pid, 20);
	assert_int_equal(session.files[1].number, 2);
	assert_int_equal(session.files[2].number, 10);
	assert_string_equal(session.files[0].path, in_work("d/3.1.hst"));
	hst_session_close(&session);
	hst_session_close(NULL);
}

static void test_session_values_that_make_no_sense_count_as_absent(void **state)
{
	static const char text[] =
		"hasten-data 1\nroot 12x\nroot_start -1\nstatus 256\nsignal 1000\n"
		"started 99999999999999999999999\ntsc_hz \nboot_id 0123\nfinished 2";
	struct hst_session session = { 0 };

	(void)state;
	assert_int_equal(hst_session_parse(text, sizeof text - 1, "x", &session, NULL), HST_OK);
	assert_int_equal(session.root_pid, 0);
	assert_int_equal(session.root_start, 0);
	assert_int_equal(session.status, -1);
	assert_int_equal(session.signal, 0);
	assert_int_equal(session.started, 0);
	assert_int_equal(session.tsc_hz, 0);
	assert_int_equal(session.boot_id[0], 0);
	assert_false(session.finished);
	assert_null(session.command);
	hst_session_close(&session);
}

static void test_session_mark_is_checked(void **state)
{
	static const struct {
		const char *text;
		enum hst_status status;
	} cases[] = {
		{ "hasten-data 1", HST_OK },
		{ "hasten-data 1\n", HST_OK },
		{ "hasten-data 2\n", HST_E_VERSION },
		{ "hasten-data 4000000000\n", HST_E_VERSION },
		{ "hasten-data 0\n", HST_E_NOT_OURS },
		{ "hasten-data \n", HST_E_NOT_OURS },
		{ "hasten-data 1x\n", HST_E_NOT_OURS },
		{ "hasten-data 99999999999999999999\n", HST_E_NOT_OURS },
		{ "hasten\n", HST_E_NOT_OURS },
		{ "\nhasten-data 1\n", HST_E_NOT_OURS },
		{ "", HST_E_NOT_OURS },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hst_session session = { 0 };
		struct hst_diag diag = { "" };

		assert_int_equal(hst_session_parse(cases[i].text, strlen(cases[i].text), "here",
					 &session, &diag),
			cases[i].status);
		assert_int_equal(cases[i].status != HST_OK, strstr(diag.text, "'here'") != NULL);
		hst_session_close(&session);
	}
}

static void test_session_open_says_what_is_wrong(void **state)
{
	struct hst_session session;
	struct hst_diag diag = { "" };

	(void)state;
	assert_int_equal(hst_session_open(in_work("none"), &session, &diag), HST_E_NOT_FOUND);
	assert_non_null(strstr(diag.text, "hasten run -- PROGRAM"));
	write_file("file", "x");
	assert_int_equal(hst_session_open(in_work("file"), &session, &diag), HST_E_NOT_OURS);
	assert_non_null(strstr(diag.text, "not a directory"));
	assert_int_equal(mkdir(in_work("other"), 0700), 0);
	assert_int_equal(hst_session_open(in_work("other"), &session, &diag), HST_E_NOT_OURS);
	assert_non_null(strstr(diag.text, "no file 'session'"));
	make_data("newer", "hasten-data 7\n");
	assert_int_equal(hst_session_open(in_work("newer"), &session, &diag), HST_E_VERSION);
	assert_non_null(strstr(diag.text, "update hasten"));
	make_data("empty", "hasten-data 1\n");
	assert_int_equal(hst_session_open(in_work("empty"), &session, &diag), HST_OK);
	assert_int_equal(session.file_count, 0);
	hst_session_close(&session);
	assert_int_equal(symlink("/etc/passwd", in_work("other/session")), 0);
	assert_int_equal(hst_session_open(in_work("other"), &session, &diag), HST_E_NOT_OURS);
}

static void assert_finds(const char *name)
{
	struct hst_diag diag = { "" };
	char *found = NULL;

	assert_int_equal(hst_session_find(work, &found, &diag), HST_OK);
	assert_string_equal(found, in_work(name));
	free(found);
}

static void test_session_find_takes_the_newest(void **state)
{
	struct hst_diag diag = { "" };
	char *found = NULL;

	(void)state;
	assert_int_equal(hst_session_find(work, &found, &diag), HST_E_NOT_FOUND);
	assert_non_null(strstr(diag.text, "hasten run"));
	make_data("hasten.data.old", "hasten-data 1\nstarted 50\n");
	assert_finds("hasten.data.old");
	make_data("hasten.data.2", "hasten-data 1\nstarted 100\n");
	assert_finds("hasten.data.2");
	make_data("hasten.data", "hasten-data 1\nstarted 200\n");
	assert_finds("hasten.data");
	make_data("hasten.data.10", "hasten-data 1\nstarted 300\n");
	make_data("hasten.data.9", "hasten-data 1\nstarted 300\n");
	assert_finds("hasten.data.10");
	make_data("hasten.data.1", "hasten-data 1\nstarted 900\n");
	make_data("hasten.data.x", "hasten-data 1\nstarted 900\n");
	make_data("hasten.data.11", "something else\nstarted 900\n");
	assert_finds("hasten.data.10");
}

/* One that cannot be read is named all the same: opening it says why. */
static void test_session_find_names_one_that_cannot_be_read(void **state)
{
	(void)state;
	make_data("hasten.data", "hasten-data 7\n");
	assert_finds("hasten.data");
}

static void test_session_find_in_the_working_directory_gives_plain_names(void **state)
{
	char *found = NULL;
	char before[400];

	(void)state;
	make_data("hasten.data", "hasten-data 1\n");
	assert_non_null(getcwd(before, sizeof before));
	assert_int_equal(chdir(work), 0);
	assert_int_equal(hst_session_find(".", &found, NULL), HST_OK);
	assert_int_equal(chdir(before), 0);
	assert_string_equal(found, "hasten.data");
	free(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_session_open_reads_keys_and_files, begin, end),
		cmocka_unit_test_setup_teardown(
			test_session_open_without_launcher_takes_the_first_file, begin, end),
		cmocka_unit_test(test_session_values_that_make_no_sense_count_as_absent),
		cmocka_unit_test(test_session_mark_is_checked),
		cmocka_unit_test_setup_teardown(test_session_open_says_what_is_wrong, begin, end),
		cmocka_unit_test_setup_teardown(test_session_find_takes_the_newest, begin, end),
		cmocka_unit_test_setup_teardown(
			test_session_find_names_one_that_cannot_be_read, begin, end),
		cmocka_unit_test_setup_teardown(
			test_session_find_in_the_working_directory_gives_plain_names, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
