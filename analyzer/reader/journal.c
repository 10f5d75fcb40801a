/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds sound records: magic, length and check are right, the fields of the type fit, and each text
 * lies within the record. Anything else is stepped over to the next magic at a multiple of 8.
 */
#include "reader/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW_BYTES (2u * HST_JOURNAL_BYTES_MAX)
/* A file of nothing but magics must not take forever: this much is checked per byte of the file. */
#define CHECKS_PER_BYTE 8u
#define CHECKS_MIN      (64u << 20)

static const uint32_t field_bytes[] = {
	[HST_JOURNAL_START] = sizeof(struct hst_journal_start),
	[HST_JOURNAL_FORK] = sizeof(struct hst_journal_fork),
	[HST_JOURNAL_EXEC] = sizeof(struct hst_journal_exec),
	[HST_JOURNAL_EXEC_FAILED] = sizeof(struct hst_journal_exec_failed),
	[HST_JOURNAL_SPAWN] = sizeof(struct hst_journal_spawn),
	[HST_JOURNAL_WAIT] = sizeof(struct hst_journal_wait),
	[HST_JOURNAL_END] = sizeof(struct hst_journal_end),
	[HST_JOURNAL_SHELL] = sizeof(struct hst_journal_shell),
	[HST_JOURNAL_NO_MEMORY] = sizeof(struct hst_journal_no_memory),
	[HST_JOURNAL_SYSTEM] = sizeof(struct hst_journal_system),
	[HST_JOURNAL_SAMPLE] = sizeof(struct hst_journal_sample),
	[HST_JOURNAL_RUN] = sizeof(struct hst_journal_run),
	[HST_JOURNAL_LOST] = sizeof(struct hst_journal_lost),
};
#define TYPES (sizeof field_bytes / sizeof field_bytes[0])

const char *hst_journal_call_text(uint32_t call)
{
	static const char *const names[] = {
#define HST_CALL(NAME, name, number) [number] = #name,
#include "hasten/calls.def"
#undef HST_CALL
	};

	return call < sizeof names / sizeof names[0] && names[call] != NULL ? names[call] : "?";
}

enum hst_status hst_journal_open_fd(
	int fd, const char *name, struct hst_journal *ret_journal, struct hst_diag *diag)
{
	struct hst_journal journal = { .fd = fd, .name = name };
	struct stat info;

	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
		(void)close(fd);
		return hst_diag_set(diag, HST_E_NOT_OURS,
			"'%s' is no ordinary file: name the data directory that 'hasten run' made",
			name);
	}
	journal.file_bytes = (uint64_t)info.st_size;
	if (journal.file_bytes > HST_JOURNAL_FILE_BYTES_MAX) {
		(void)close(fd);
		return hst_diag_set(diag, HST_E_LIMIT,
			"'%s' is larger than 16 GiB: record a shorter time, or without samples",
			name);
	}
	journal.budget = CHECKS_MIN + CHECKS_PER_BYTE * journal.file_bytes;
	journal.window_capacity =
		journal.file_bytes < WINDOW_BYTES ? (size_t)journal.file_bytes : WINDOW_BYTES;
	journal.window = malloc(journal.window_capacity + 1);
	if (journal.window == NULL) {
		(void)close(fd);
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory");
	}
	*ret_journal = journal;
	return HST_OK;
}

enum hst_status hst_journal_open(
	const char *path, struct hst_journal *ret_journal, struct hst_diag *diag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0) {
		return hst_journal_open_fd(fd, path, ret_journal, diag);
	}
	switch (errno) {
	case ENOENT:
		return hst_diag_set(diag, HST_E_NOT_FOUND, "there is no file '%s'", path);
	case EACCES:
	case EPERM:
		return hst_diag_set(diag, HST_E_PERMISSION,
			"'%s' may not be read: it belongs to another user", path);
	case ELOOP:
		return hst_diag_set(diag, HST_E_NOT_OURS,
			"'%s' is a symbolic link, which hasten does not follow: copy the file "
			"there",
			path);
	default:
		return hst_diag_set(
			diag, HST_E_IO, "'%s' cannot be opened: %s", path, strerror(errno));
	}
}

void hst_journal_close(struct hst_journal *journal)
{
	if (journal == NULL || journal->window == NULL) {
		return;
	}
	(void)close(journal->fd);
	free(journal->window);
	*journal = (struct hst_journal){ 0 };
}

/* `need` bytes of the file at `at`, which lie within it; NULL with a sentence: it cannot be read. */
static const uint8_t *look(
	struct hst_journal *journal, uint64_t at, size_t need, struct hst_diag *diag)
{
	if (at >= journal->window_at && at + need <= journal->window_at + journal->window_bytes) {
		return journal->window + (at - journal->window_at);
	}
	journal->window_at = at;
	journal->window_bytes = 0;
	while (journal->window_bytes < journal->window_capacity) {
		ssize_t got = pread(journal->fd, journal->window + journal->window_bytes,
			journal->window_capacity - journal->window_bytes,
			(off_t)(at + journal->window_bytes));

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			break;
		}
		journal->window_bytes += (size_t)got;
	}
	if (journal->window_bytes < need) {
		(void)hst_diag_set(diag, HST_E_IO,
			"'%s' cannot be read, or was made shorter meanwhile: try again",
			journal->name);
		return NULL;
	}
	return journal->window;
}

/* Texts of a record whose check was right; false if they do not fit. */
static bool take_texts(
	const uint8_t *data, size_t at, size_t bytes, struct hst_journal_entry *entry)
{
	while (at < bytes) {
		struct hst_journal_text text;

		if (bytes - at < sizeof text) {
			return false;
		}
		memcpy(&text, data + at, sizeof text);
		at += sizeof text;
		if (text.bytes > bytes - at) {
			return false;
		}
		if (text.kind < HST_JOURNAL_TEXTS && entry->texts[text.kind].data == NULL) {
			entry->texts[text.kind] =
				(struct hst_journal_extent){ (const char *)data + at, text.bytes };
		}
		/* The record is a multiple of 8, so padding lies within it. */
		at += ((size_t)text.bytes + HST_JOURNAL_ALIGN - 1) &
		      ~(size_t)(HST_JOURNAL_ALIGN - 1);
	}
	return true;
}

enum found {
	FOUND_NOTHING,
	FOUND_SOUND,
	FOUND_BEYOND_END,
	FOUND_NO_BUDGET,
	FOUND_FAILED
};

/* Is there a record at `at`? *ret_head and *ret_data of a sound one. */
static enum found probe(struct hst_journal *journal, uint64_t at,
	struct hst_journal_record *ret_head, const uint8_t **ret_data, struct hst_diag *diag)
{
	uint64_t left = journal->file_bytes - at;
	const uint8_t *data;

	if (left < sizeof *ret_head) {
		return FOUND_BEYOND_END;
	}
	data = look(journal, at, sizeof *ret_head, diag);
	if (data == NULL) {
		return FOUND_FAILED;
	}
	memcpy(ret_head, data, sizeof *ret_head);
	if (ret_head->magic != HST_JOURNAL_MAGIC || ret_head->bytes < sizeof *ret_head ||
		ret_head->bytes > HST_JOURNAL_BYTES_MAX ||
		ret_head->bytes % HST_JOURNAL_ALIGN != 0) {
		return FOUND_NOTHING;
	}
	if (ret_head->bytes > left) {
		return FOUND_BEYOND_END;
	}
	if (ret_head->bytes > journal->budget) {
		return FOUND_NO_BUDGET;
	}
	data = look(journal, at, ret_head->bytes, diag);
	if (data == NULL) {
		return FOUND_FAILED;
	}
	*ret_data = data;
	if (hst_journal_check(data, ret_head->bytes) == ret_head->check) {
		return FOUND_SOUND;
	}
	journal->budget -= ret_head->bytes;
	return FOUND_NOTHING;
}

/*
 * Nothing sound is at journal->at: goes to the next sound record, or to the end of the file. What is
 * left when a record reaches beyond the end is the work of whoever was stopped while writing.
 */
static enum hst_status resync(struct hst_journal *journal, bool beyond, struct hst_diag *diag)
{
	uint64_t from = journal->at;
	uint64_t at = from + HST_JOURNAL_ALIGN;
	struct hst_journal_record head;
	const uint8_t *data;

	at -= at % HST_JOURNAL_ALIGN;
	for (; at + sizeof head <= journal->file_bytes; at += HST_JOURNAL_ALIGN) {
		enum found found = probe(journal, at, &head, &data, diag);

		if (found == FOUND_FAILED) {
			return HST_E_IO;
		}
		if (found == FOUND_SOUND) {
			journal->at = at;
			journal->damaged++;
			journal->damaged_bytes += at - from;
			return HST_OK;
		}
		if (found == FOUND_NO_BUDGET) {
			beyond = false;
			break;
		}
	}
	journal->at = journal->file_bytes;
	journal->cut |= beyond;
	journal->damaged += !beyond;
	journal->damaged_bytes += journal->file_bytes - from;
	return HST_OK;
}

/* A sound record to an entry; false: of a type or version that we do not know, or its texts are wrong. */
static bool take(struct hst_journal *journal, const struct hst_journal_record *head,
	const uint8_t *data, struct hst_journal_entry *entry)
{
	if (head->version != HST_JOURNAL_VERSION) {
		journal->newer++;
		return false;
	}
	if (head->type >= TYPES || field_bytes[head->type] == 0) {
		journal->unknown++;
		return false;
	}
	*entry = (struct hst_journal_entry){ .field_bytes = field_bytes[head->type],
		.offset = journal->at };
	if (head->bytes < entry->field_bytes ||
		!take_texts(data, entry->field_bytes, head->bytes, entry)) {
		journal->damaged++;
		journal->damaged_bytes += head->bytes;
		return false;
	}
	memcpy(&entry->fields, data, entry->field_bytes);
	journal->records++;
	return true;
}

enum hst_status hst_journal_next(
	struct hst_journal *journal, struct hst_journal_entry *ret_entry, struct hst_diag *diag)
{
	struct hst_journal_record head;
	const uint8_t *data = NULL;
	enum hst_status status;
	bool taken;

	while (journal->at < journal->file_bytes) {
		enum found found = probe(journal, journal->at, &head, &data, diag);

		if (found == FOUND_FAILED) {
			return HST_E_IO;
		}
		if (found != FOUND_SOUND) {
			status = resync(journal, found == FOUND_BEYOND_END, diag);
			if (status != HST_OK) {
				return status;
			}
			continue;
		}
		taken = take(journal, &head, data, ret_entry);
		journal->at += head.bytes;
		if (taken) {
			return HST_OK;
		}
	}
	return HST_E_EMPTY;
}
