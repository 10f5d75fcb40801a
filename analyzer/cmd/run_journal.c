/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records are put together in memory and appended in one write, so that those of the program's
 * processes stand before or behind them, never in between. What cannot be written is lost and said once, at the end: the
 * program never waits for it.
 */
#include "cmd/run_journal.h"

#include "util/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static size_t aligned(size_t bytes)
{
	return (bytes + HST_JOURNAL_ALIGN - 1) & ~(size_t)(HST_JOURNAL_ALIGN - 1);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec time = { 0 };

	(void)clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t hst_run_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

enum hst_status hst_run_journal_open(int directory, struct hst_run_journal *ret_journal)
{
	int fd = openat(directory, HST_JOURNAL_NAME,
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0) {
		return HST_E_IO;
	}
	/* A umask may have taken our own right to write away: the processes open it anew. */
	if (fchmod(fd, 0600) != 0) {
		int error = errno;

		close(fd);
		errno = error;
		return HST_E_IO;
	}
	*ret_journal = (struct hst_run_journal){ .fd = fd };
	return HST_OK;
}

void hst_run_journal_close(struct hst_run_journal *journal)
{
	hst_run_journal_flush(journal);
	if (journal->fd >= 0) {
		close(journal->fd);
	}
	free(journal->bytes);
	journal->fd = -1;
	journal->bytes = NULL;
	journal->count = journal->capacity = 0;
}

/* Why a write was cut: the limit of this process, or else the disk. */
static int cut_by(int fd)
{
	struct rlimit limit;
	struct stat stat;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 && fstat(fd, &stat) == 0 &&
			       (uint64_t)stat.st_size >= limit.rlim_cur
		       ? EFBIG
		       : ENOSPC;
}

void hst_run_journal_flush(struct hst_run_journal *journal)
{
	ssize_t wrote;

	if (journal->fd < 0 || journal->count == 0) {
		return;
	}
	do {
		wrote = write(journal->fd, journal->bytes, journal->count);
	} while (wrote < 0 && errno == EINTR);
	/* The rest of a cut write would stand behind another process' record: better none. */
	if (wrote != (ssize_t)journal->count && journal->error == 0) {
		journal->error = wrote < 0 ? errno : cut_by(journal->fd);
	}
	journal->count = 0;
}

static size_t bytes_of(size_t fields, const struct hst_run_text *texts, size_t count)
{
	size_t bytes = aligned(fields);

	for (size_t i = 0; i < count; i++) {
		if (texts[i].count > HST_JOURNAL_BYTES_MAX) {
			return SIZE_MAX;
		}
		bytes += sizeof(struct hst_journal_text) + aligned(texts[i].count);
	}
	return bytes;
}

static void put(struct hst_run_journal *journal, const void *bytes, size_t count)
{
	size_t padding = aligned(count) - count;

	if (count != 0) {
		memcpy(journal->bytes + journal->count, bytes, count);
	}
	memset(journal->bytes + journal->count + count, 0, padding);
	journal->count += count + padding;
}

void hst_run_journal_add(struct hst_run_journal *journal, void *fields, size_t bytes,
	const struct hst_run_text *texts, size_t text_count, uint32_t *cut)
{
	struct hst_journal_record *record = fields;
	size_t whole = bytes_of(bytes, texts, text_count);
	size_t begin = journal->count;

	if (journal->fd < 0) {
		return;
	}
	if (whole > HST_JOURNAL_BYTES_MAX) {
		text_count = 0;
		whole = aligned(bytes);
		if (cut != NULL) {
			*cut |= HST_JOURNAL_CUT;
		}
	}
	if (!hst_vec_room(&journal->bytes, &journal->capacity, begin + whole, 1)) {
		journal->error = journal->error == 0 ? ENOMEM : journal->error;
		return;
	}
	record->magic = HST_JOURNAL_MAGIC;
	record->bytes = (uint32_t)whole;
	record->version = HST_JOURNAL_VERSION;
	record->check = 0;
	record->tid = (uint32_t)getpid();
	record->mono_ns = record->mono_ns == 0 ? hst_run_now_ns() : record->mono_ns;
	put(journal, fields, bytes);
	for (size_t i = 0; i < text_count; i++) {
		const struct hst_journal_text text = { .kind = texts[i].kind,
			.bytes = (uint32_t)texts[i].count };

		put(journal, &text, sizeof text);
		put(journal, texts[i].bytes, texts[i].count);
	}
	record->check = hst_journal_check(journal->bytes + begin, whole);
	memcpy(journal->bytes + begin + offsetof(struct hst_journal_record, check), &record->check,
		sizeof record->check);
}

uint64_t hst_run_time_ns(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

void hst_run_journal_wait(struct hst_run_journal *journal, pid_t child, int wait_status,
	const struct rusage *usage, bool orphan)
{
	struct hst_journal_wait wait = {
		.record = { .type = HST_JOURNAL_WAIT, .pid = (uint32_t)getpid() },
		.call = HST_CALL_LAUNCHER,
		.flags = HST_JOURNAL_LAUNCHER | (orphan ? HST_JOURNAL_ORPHAN : 0u),
		.child = (uint32_t)child,
		.status = wait_status,
		.usage = {
			.user_ns = hst_run_time_ns(usage->ru_utime),
			.system_ns = hst_run_time_ns(usage->ru_stime),
			.hwm_bytes = HST_JOURNAL_UNKNOWN,
			.maxrss_bytes = (uint64_t)usage->ru_maxrss * 1024u,
			.minor_faults = (uint64_t)usage->ru_minflt,
			.major_faults = (uint64_t)usage->ru_majflt,
			.voluntary = (uint64_t)usage->ru_nvcsw,
			.involuntary = (uint64_t)usage->ru_nivcsw,
			.blocks_in = (uint64_t)usage->ru_inblock,
			.blocks_out = (uint64_t)usage->ru_oublock,
		},
	};

	hst_run_journal_add(journal, &wait, sizeof wait, NULL, 0, NULL);
	hst_run_journal_flush(journal);
}

/* The arguments as the kernel keeps them, each with its NUL; malloc'd, NULL out of memory. */
static char *join(char *const argv[], size_t *ret_bytes)
{
	size_t bytes = 0;
	char *joined;

	for (size_t i = 0; argv[i] != NULL; i++) {
		bytes += strlen(argv[i]) + 1;
	}
	joined = malloc(bytes == 0 ? 1 : bytes);
	for (size_t i = 0, at = 0; joined != NULL && argv[i] != NULL; i++) {
		size_t length = strlen(argv[i]) + 1;

		memcpy(joined + at, argv[i], length);
		at += length;
	}
	*ret_bytes = bytes;
	return joined;
}

void hst_run_journal_mark(struct hst_run_journal *journal, const struct hst_run_mark *mark)
{
	struct hst_journal_run run = {
		.record = { .type = HST_JOURNAL_RUN, .pid = (uint32_t)mark->root },
		.launcher = (uint32_t)getpid(),
		.flags = HST_JOURNAL_LAUNCHER | (mark->begins ? HST_JOURNAL_BEGINS : 0u),
		.real_ns = (int64_t)clock_ns(CLOCK_REALTIME),
		.interval_ns = mark->interval_ns,
		.oom_kills = mark->oom_kills,
		.sampling_ns = mark->sampling_ns,
	};
	struct hst_run_text texts[2];
	size_t count = 0;
	size_t bytes;
	char *joined = join(mark->argv, &bytes);

	if (joined != NULL) {
		texts[count++] = (struct hst_run_text){ HST_TEXT_ARGV, joined, bytes };
	} else {
		run.flags |= HST_JOURNAL_CUT;
	}
	if (mark->cwd != NULL) {
		texts[count++] =
			(struct hst_run_text){ HST_TEXT_CWD, mark->cwd, strlen(mark->cwd) };
	}
	hst_run_journal_add(journal, &run, sizeof run, texts, count, &run.flags);
	hst_run_journal_flush(journal);
	free(joined);
}
