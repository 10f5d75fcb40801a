/* SPDX-License-Identifier: Apache-2.0 */
#include "reader/journal.h"

#include "journalgen.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct hst_journal open_bytes(const void *bytes, size_t count)
{
	struct hst_journal journal;
	int fd = memfd_create("journal", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, count), (ssize_t)count);
	assert_int_equal(hst_journal_open_fd(fd, "test", &journal, NULL), HST_OK);
	return journal;
}

/* Types of all records that are read, one digit or letter each. */
static const char *types_of(struct hst_journal *journal)
{
	static char types[64];
	struct hst_journal_entry entry;
	size_t count = 0;

	while (hst_journal_next(journal, &entry, NULL) == HST_OK) {
		assert_true(count < sizeof types - 1);
		types[count++] = (char)('a' + entry.fields.record.type);
	}
	types[count] = '\0';
	return types;
}

static bool is_text(const struct hst_journal_entry *entry, uint32_t kind, const char *text)
{
	return entry->texts[kind].data != NULL && entry->texts[kind].bytes == strlen(text) &&
	       memcmp(entry->texts[kind].data, text, strlen(text)) == 0;
}

static void test_journal_reads_every_type(void **state)
{
	const struct hst_journal_system machine = { .record.mono_ns = 10, .processors = 4 };
	const struct hst_journal_sample sample = { .record = { .mono_ns = 11, .pid = 7 },
		.threads = 3 };
	struct hst_journal_lost lost = { .count = 3 };
	struct journalgen gen;
	struct hst_journal journal;

	(void)state;
	journalgen_init(&gen);
	journalgen_start(&gen, 1, 7, 1, "/bin/x", "x y");
	journalgen_fork(&gen, 2, 8, 7);
	journalgen_exec(&gen, 3, 8, 7, "z", "z");
	journalgen_exec_failed(&gen, 4, 8, ENOENT);
	journalgen_spawn(&gen, 4, 5, 7, 9, 0, "z", "z");
	journalgen_wait(&gen, 6, 7, 9, 0);
	journalgen_end(&gen, 7, 7, 0);
	journalgen_shell(&gen, 7, 8, 7, HST_CALL_SYSTEM, 0, 0, "true");
	journalgen_no_memory(&gen, 9, 7, 100, 200);
	journalgen_system(&gen, &machine);
	journalgen_sample(&gen, &sample, "x");
	journalgen_run(&gen, 12, 7, 6, true);
	journalgen_record(&gen, HST_JOURNAL_LOST, 13, 7, &lost, sizeof lost, NULL, 0);
	journal = open_bytes(gen.bytes, gen.count);
	assert_string_equal(types_of(&journal), "bcdefghijklmn");
	assert_int_equal(journal.records, 13);
	assert_int_equal(journal.damaged, 0);
	assert_false(journal.cut);
	hst_journal_close(&journal);
	journalgen_finish(&gen);
}

static void test_journal_gives_fields_and_texts(void **state)
{
	struct hst_journal_entry entry;
	struct hst_journal journal;
	struct journalgen gen;

	(void)state;
	journalgen_init(&gen);
	gen.next.cwd = "/tmp";
	gen.next.limits.cpu_seconds = 9;
	journalgen_start(&gen, 123, 7, 1, "/bin/x", "x -y");
	journal = open_bytes(gen.bytes, gen.count);
	assert_int_equal(hst_journal_next(&journal, &entry, NULL), HST_OK);
	assert_int_equal(entry.fields.record.mono_ns, 123);
	assert_int_equal(entry.fields.start.ppid, 1);
	assert_int_equal(entry.fields.start.limits.cpu_seconds, 9);
	assert_true(is_text(&entry, HST_TEXT_EXE, "/bin/x"));
	assert_true(is_text(&entry, HST_TEXT_CWD, "/tmp"));
	assert_int_equal(entry.texts[HST_TEXT_ARGV].bytes, 5);
	assert_memory_equal(entry.texts[HST_TEXT_ARGV].data, "x\0-y\0", 5);
	assert_null(entry.texts[HST_TEXT_PATH].data);
	assert_int_equal(hst_journal_next(&journal, &entry, NULL), HST_E_EMPTY);
	assert_int_equal(hst_journal_next(&journal, &entry, NULL), HST_E_EMPTY);
	hst_journal_close(&journal);
	hst_journal_close(&journal);
	journalgen_finish(&gen);
}

/* Three records; `middle` is where the second begins. */
static void three(struct journalgen *gen, size_t *ret_middle, size_t *ret_last)
{
	journalgen_init(gen);
	journalgen_fork(gen, 1, 2, 1);
	journalgen_start(gen, 2, 2, 1, "/bin/x", "x");
	*ret_middle = gen->last;
	journalgen_wait(gen, 3, 1, 2, 0);
	*ret_last = gen->last;
}

static void test_journal_steps_over_any_flipped_byte(void **state)
{
	struct journalgen gen;
	size_t middle;
	size_t last;

	(void)state;
	three(&gen, &middle, &last);
	for (size_t at = middle; at < last; at++) {
		struct hst_journal journal;

		gen.bytes[at] ^= 0x40;
		journal = open_bytes(gen.bytes, gen.count);
		assert_string_equal(types_of(&journal), "cg");
		assert_int_equal(journal.damaged, 1);
		assert_int_equal(journal.damaged_bytes, last - middle);
		assert_false(journal.cut);
		hst_journal_close(&journal);
		gen.bytes[at] ^= 0x40;
	}
	journalgen_finish(&gen);
}

static void test_journal_cut_anywhere_keeps_what_is_whole(void **state)
{
	struct journalgen gen;
	size_t middle;
	size_t last;

	(void)state;
	three(&gen, &middle, &last);
	for (size_t count = last; count <= gen.count; count++) {
		struct hst_journal journal = open_bytes(gen.bytes, count);

		assert_string_equal(types_of(&journal), count == gen.count ? "cbg" : "cb");
		assert_int_equal(journal.damaged, 0);
		assert_int_equal(journal.cut, count != last && count != gen.count);
		hst_journal_close(&journal);
	}
	journalgen_finish(&gen);
}

static void test_journal_cut_record_before_others_is_damage(void **state)
{
	struct hst_journal journal;
	struct journalgen gen;
	struct journalgen whole;
	size_t middle;
	size_t last;

	(void)state;
	three(&whole, &middle, &last);
	journalgen_init(&gen);
	journalgen_raw(&gen, whole.bytes, middle + 40); /* a full disk, for a while */
	journalgen_raw(&gen, whole.bytes + last, whole.count - last);
	journal = open_bytes(gen.bytes, gen.count);
	assert_string_equal(types_of(&journal), "cg");
	assert_int_equal(journal.damaged, 1);
	assert_int_equal(journal.damaged_bytes, 40);
	hst_journal_close(&journal);
	journalgen_finish(&gen);
	journalgen_finish(&whole);
}

static void test_journal_texts_that_do_not_fit_are_damage(void **state)
{
	static const uint32_t lengths[] = { 9, 4096, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct hst_journal_fork fields = { .ppid = 1 };
		struct hst_journal_text text = { HST_TEXT_EXE, lengths[i] };
		uint8_t room[16] = { 0 };
		struct hst_journal journal;
		struct journalgen gen;

		memcpy(room, &text, sizeof text);
		journalgen_init(&gen);
		journalgen_record(&gen, HST_JOURNAL_FORK, 1, 2, &fields, sizeof fields, room, 16);
		journalgen_wait(&gen, 3, 1, 2, 0);
		journal = open_bytes(gen.bytes, gen.count);
		assert_string_equal(types_of(&journal), "g");
		assert_int_equal(journal.damaged, 1);
		hst_journal_close(&journal);
		journalgen_finish(&gen);
	}
}

static void test_journal_fields_that_do_not_fit_are_damage(void **state)
{
	struct hst_journal_record fields;
	struct hst_journal journal;
	struct journalgen gen;

	(void)state;
	journalgen_init(&gen);
	journalgen_record(&gen, HST_JOURNAL_START, 1, 2, &fields, sizeof fields, NULL, 0);
	journal = open_bytes(gen.bytes, gen.count);
	assert_string_equal(types_of(&journal), "");
	assert_int_equal(journal.damaged, 1);
	hst_journal_close(&journal);
	journalgen_finish(&gen);
}

static void test_journal_steps_over_what_is_newer(void **state)
{
	struct hst_journal_fork fields = { .ppid = 1 };
	struct hst_journal_record head;
	struct hst_journal journal;
	struct journalgen gen;

	(void)state;
	journalgen_init(&gen);
	journalgen_record(&gen, 77, 1, 2, &fields, sizeof fields, NULL, 0);
	journalgen_record(&gen, 0, 1, 2, &fields, sizeof fields, NULL, 0);
	journalgen_fork(&gen, 1, 2, 1);
	memcpy(&head, gen.bytes + gen.last, sizeof head);
	head.version = HST_JOURNAL_VERSION + 1;
	memcpy(gen.bytes + gen.last, &head, sizeof head);
	journalgen_recheck(&gen);
	journalgen_wait(&gen, 3, 1, 2, 0);
	journal = open_bytes(gen.bytes, gen.count);
	assert_string_equal(types_of(&journal), "g");
	assert_int_equal(journal.unknown, 2);
	assert_int_equal(journal.newer, 1);
	assert_int_equal(journal.damaged, 0);
	hst_journal_close(&journal);
	journalgen_finish(&gen);
}

/* Records near the limit of their size cross the window of the reader. */
static void test_journal_larger_than_the_window(void **state)
{
	size_t bytes = HST_JOURNAL_BYTES_MAX - sizeof(struct hst_journal_fork);
	uint8_t *texts = calloc(1, bytes);
	struct hst_journal_text text = { HST_TEXT_ARGV, (uint32_t)(bytes - sizeof text) };
	struct hst_journal_entry entry;
	struct hst_journal journal;
	struct journalgen gen;

	(void)state;
	assert_non_null(texts);
	memcpy(texts, &text, sizeof text);
	journalgen_init(&gen);
	for (uint32_t i = 0; i < 5; i++) {
		struct hst_journal_fork fields = { .ppid = 1 };

		texts[bytes - 1] = (uint8_t)i;
		journalgen_record(
			&gen, HST_JOURNAL_FORK, i, i, &fields, sizeof fields, texts, bytes);
		journalgen_fork(&gen, i, i, 1);
	}
	journal = open_bytes(gen.bytes, gen.count);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(hst_journal_next(&journal, &entry, NULL), HST_OK);
		assert_int_equal(entry.texts[HST_TEXT_ARGV].bytes, text.bytes);
		assert_int_equal(entry.texts[HST_TEXT_ARGV].data[text.bytes - 1], (char)i);
		assert_int_equal(hst_journal_next(&journal, &entry, NULL), HST_OK);
		assert_int_equal(entry.fields.record.pid, i);
	}
	assert_int_equal(hst_journal_next(&journal, &entry, NULL), HST_E_EMPTY);
	hst_journal_close(&journal);
	journalgen_finish(&gen);
	free(texts);
}

static void test_journal_of_nothing_but_heads_comes_to_an_end(void **state)
{
	const struct hst_journal_record head = { .magic = HST_JOURNAL_MAGIC,
		.bytes = HST_JOURNAL_BYTES_MAX,
		.type = HST_JOURNAL_START,
		.version = HST_JOURNAL_VERSION };
	struct hst_journal journal;
	struct journalgen gen;

	(void)state;
	journalgen_init(&gen);
	while (gen.count < 6u << 20) {
		journalgen_raw(&gen, &head, sizeof head);
	}
	journal = open_bytes(gen.bytes, gen.count);
	assert_string_equal(types_of(&journal), "");
	assert_int_equal(journal.damaged, 1);
	assert_int_equal(journal.damaged_bytes, gen.count);
	/* Checking all of them would be 2 MiB / 32 times 4 MiB. */
	assert_true(journal.budget < HST_JOURNAL_BYTES_MAX);
	hst_journal_close(&journal);
	journalgen_finish(&gen);
}

static void test_journal_that_cannot_be_opened_says_why(void **state)
{
	char dir[] = "/tmp/hst-journal-XXXXXX";
	struct hst_journal journal;
	struct hst_diag diag = { "" };
	char path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(hst_journal_open(dir, &journal, &diag), HST_E_NOT_OURS);
	assert_non_null(strstr(diag.text, "no ordinary file"));
	(void)snprintf(path, sizeof path, "%s/processes.hsj", dir);
	assert_int_equal(hst_journal_open(path, &journal, &diag), HST_E_NOT_FOUND);
	assert_non_null(strstr(diag.text, path));
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(hst_journal_open(path, &journal, &diag), HST_E_NOT_OURS);
	assert_non_null(strstr(diag.text, "symbolic link"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(hst_journal_open(path, &journal, &diag), HST_E_NOT_OURS);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void test_journal_call_names(void **state)
{
	(void)state;
	assert_string_equal(hst_journal_call_text(HST_CALL_POSIX_SPAWNP), "posix_spawnp");
	assert_string_equal(hst_journal_call_text(HST_CALL_EXECVE), "execve");
	assert_string_equal(hst_journal_call_text(0), "?");
	assert_string_equal(hst_journal_call_text(UINT32_MAX), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal_reads_every_type),
		cmocka_unit_test(test_journal_gives_fields_and_texts),
		cmocka_unit_test(test_journal_steps_over_any_flipped_byte),
		cmocka_unit_test(test_journal_cut_anywhere_keeps_what_is_whole),
		cmocka_unit_test(test_journal_cut_record_before_others_is_damage),
		cmocka_unit_test(test_journal_texts_that_do_not_fit_are_damage),
		cmocka_unit_test(test_journal_fields_that_do_not_fit_are_damage),
		cmocka_unit_test(test_journal_steps_over_what_is_newer),
		cmocka_unit_test(test_journal_larger_than_the_window),
		cmocka_unit_test(test_journal_of_nothing_but_heads_comes_to_an_end),
		cmocka_unit_test(test_journal_that_cannot_be_opened_says_why),
		cmocka_unit_test(test_journal_call_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
