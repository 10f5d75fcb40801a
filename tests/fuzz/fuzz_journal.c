/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a journal of processes. Reads it record by record, and makes the whole model of it, which must
 * meet what tests/unit/processes/check.c demands of any result.
 */
#include "fuzz.h"

#include "../unit/processes/read.h"

#include "reader/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void demand(bool condition)
{
	if (!condition) {
		abort();
	}
}

static int memory_file(const uint8_t *data, size_t bytes)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	demand(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes);
	return fd;
}

static void read_records(const uint8_t *data, size_t bytes)
{
	struct hst_journal journal;
	struct hst_journal_entry entry;
	uint64_t before = 0;
	uint64_t records = 0;

	demand(hst_journal_open_fd(memory_file(data, bytes), "fuzz", &journal, NULL) == HST_OK);
	while (hst_journal_next(&journal, &entry, NULL) == HST_OK) {
		demand(records == 0 || entry.offset > before);
		before = entry.offset;
		for (uint32_t i = 0; i < HST_JOURNAL_TEXTS; i++) {
			volatile char sink = 0;

			for (uint32_t at = 0; at < entry.texts[i].bytes; at++) {
				sink = (char)(sink ^ entry.texts[i].data[at]);
			}
		}
		records++;
	}
	demand(records == journal.records && journal.at == bytes);
	demand(journal.damaged_bytes <= bytes);
	hst_journal_close(&journal);
}

/* Blind programs are of a kind that their names decide, not of what this machine has. */
static enum hst_program_kind look(const char *path, void *user)
{
	(void)user;
	return (enum hst_program_kind)(strlen(path) % (HST_PROGRAM_SCRIPT + 1));
}

static void read_model(const uint8_t *data, size_t bytes, const char *dir)
{
	const struct hst_processes_options options = { .tools = "/dev/null", .look = look };
	struct hst_processes processes;
	struct hst_diag diag = { "" };
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof path, "%s/%s", dir, HST_JOURNAL_NAME);
	file = fopen(path, "wbe");
	demand(file != NULL && fwrite(data, 1, bytes, file) == bytes && fclose(file) == 0);
	if (hst_processes_read(dir, &options, &processes, &diag) == HST_OK) {
		check_result(&processes);
		hst_processes_finish(&processes);
	} else {
		demand(diag.text[0] != '\0');
	}
	(void)unlink(path);
}

/* Makes the checks right, or no change of a record would come further than the reader. */
static void mend(uint8_t *data, size_t bytes)
{
	size_t at = 0;

	while (at + sizeof(struct hst_journal_record) <= bytes) {
		struct hst_journal_record head;

		memcpy(&head, data + at, sizeof head);
		if (head.magic != HST_JOURNAL_MAGIC || head.bytes < sizeof head ||
			head.bytes % HST_JOURNAL_ALIGN != 0 || head.bytes > bytes - at) {
			at += HST_JOURNAL_ALIGN;
			continue;
		}
		head.check = hst_journal_check(data + at, head.bytes);
		memcpy(data + at, &head, sizeof head);
		at += head.bytes;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char dir[] = "/tmp/hst-fuzz-XXXXXX";
	uint8_t *copy = malloc(bytes + 1);

	demand(copy != NULL && mkdtemp(dir) != NULL);
	read_records(data, bytes);
	read_model(data, bytes, dir);
	memcpy(copy, data, bytes);
	mend(copy, bytes);
	read_records(copy, bytes);
	read_model(copy, bytes, dir);
	(void)rmdir(dir);
	free(copy);
	return 0;
}
