/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the journal: put together on the stack, or in a mapping of their own if they are long, and appended by one write. */
#include "sink/journal.h"

#include "core/attr.h"
#include "core/clock.h"
#include "core/process.h"
#include "core/procfs.h"
#include "core/sys.h"
#include "core/text.h"
#include "sink/file.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/poison.h"

#define HST_JOURNAL_SMALL 1024u
#define NS_PER_US         1000u
#define NS_PER_S          1000000000ull
#define KIB               1024u

static struct {
	uint64_t device, inode; /* of the file that was written to first */
	char path[HST_PATH_BYTES];
} journal;

/* Records that were lost and of which nothing tells yet. */
static struct {
	uint32_t count; /* atomic */
	int32_t error;  /* of the latest */
} lost;

static uint64_t round_up(uint64_t bytes)
{
	return (bytes + HST_JOURNAL_ALIGN - 1) & ~(uint64_t)(HST_JOURNAL_ALIGN - 1);
}

void hst_journal_start(void)
{
	struct hst_text path = hst_text_begin(journal.path, sizeof journal.path);
	size_t length = hst_sink_path.directory;

	if (length == 0 || length >= sizeof journal.path) {
		return;
	}
	memcpy(journal.path, hst_sink_path.text, length);
	journal.path[length] = '\0';
	path.length = length;
	hst_text_add(&path, "/" HST_JOURNAL_NAME);
	if (path.full) {
		journal.path[0] = '\0';
	}
}

bool hst_journal_on(void)
{
	return journal.path[0] != '\0' && hst_sys_closed == 0;
}

uint64_t hst_journal_now(void)
{
	return hst_clock_mono_ns();
}

/* The file, opened to append; below 0: it cannot be had, or is not the one that we wrote to. */
static long open_journal(uint64_t more)
{
	uint64_t limit = hst_sys_limit(RLIMIT_FSIZE);
	bool fits;
	struct stat status = { 0 };
	/* Made by the first record only: later, in another root, the path may mean somebody else's directory. */
	int make = journal.inode == 0 ? O_CREAT : 0;
	long fd = hst_sys_open(journal.path,
		O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | make, 0600);
	bool good;

	if (fd < 0) {
		return fd;
	}
	good = hst_sys_fstat((int)fd, &status) == 0 && S_ISREG(status.st_mode) &&
	       (journal.inode == 0 ||
		       (journal.device == status.st_dev && journal.inode == status.st_ino));
	fits = limit == UINT64_MAX || (uint64_t)status.st_size + more <= limit;
	if (!good || !fits) {
		(void)hst_sys_close((int)fd);
		return good ? -EFBIG : -ESTALE;
	}
	/* Whoever writes these writes the same. */
	journal.device = status.st_dev;
	journal.inode = status.st_ino;
	return fd;
}

/* 0, or why it is lost. */
static long write_record(const void *record, uint64_t bytes)
{
	long fd = open_journal(bytes);
	long done;

	if (fd < 0) {
		return fd;
	}
	do {
		done = hst_sys6(SYS_write, fd, (long)record, (long)bytes, 0, 0, 0);
	} while (done == -EINTR);
	if (done == -EFBIG) {
		hst_sys_take_signal(SIGXFSZ);
	}
	(void)hst_sys_close((int)fd);
	if (done >= 0 && (uint64_t)done != bytes) {
		return -ENOSPC;
	}
	return done < 0 ? done : 0;
}

static uint64_t piece_bytes(const struct hst_journal_piece *piece)
{
	uint64_t bytes = piece->bytes != NULL ? piece->size : 0;

	if (piece->list != NULL) {
		for (char *const *text = piece->list; *text != NULL; text++) {
			bytes += hst_text_length(*text) + 1;
		}
	}
	return bytes;
}

/* Behind `at`; returns what is behind the text. The bytes there are 0. */
static uint8_t *put_piece(uint8_t *at, const struct hst_journal_piece *piece, uint64_t bytes)
{
	struct hst_journal_text text = { .kind = piece->kind, .bytes = (uint32_t)bytes };
	uint8_t *end = at + sizeof text + round_up(bytes);

	memcpy(at, &text, sizeof text);
	at += sizeof text;
	if (piece->list == NULL) {
		memcpy(at, piece->bytes, bytes);
		return end;
	}
	for (char *const *item = piece->list; *item != NULL; item++) {
		size_t length = hst_text_length(*item) + 1;

		/* Another thread may change what it gave meanwhile: never more than was measured. */
		if (length > bytes) {
			break;
		}
		memcpy(at, *item, length);
		at += length;
		bytes -= length;
	}
	return end;
}

/* 0, or why the record is lost. */
static HST_NOINLINE long append(struct hst_journal_record *record, size_t bytes,
	enum hst_journal_type type, const struct hst_journal_piece *pieces, size_t count)
{
	uint8_t small[HST_JOURNAL_SMALL];
	uint8_t *all = small;
	uint64_t sizes[8] = { 0 };
	uint64_t total = bytes;
	uint8_t *at;
	long error;

	if (count > sizeof sizes / sizeof sizes[0]) {
		return -E2BIG;
	}
	for (size_t i = 0; i < count; i++) {
		sizes[i] = piece_bytes(&pieces[i]);
		if (total + sizes[i] + 64 > HST_JOURNAL_BYTES_MAX) {
			sizes[i] = 0;
		}
		total += sizes[i] == 0 ? 0 : sizeof(struct hst_journal_text) + round_up(sizes[i]);
	}
	if (total > sizeof small) {
		all = hst_sys_mmap(
			NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (all == NULL) {
			return -ENOMEM;
		}
	} else {
		memset(small, 0, total);
	}
	record->magic = HST_JOURNAL_MAGIC;
	record->bytes = (uint32_t)total;
	record->type = (uint16_t)type;
	record->version = HST_JOURNAL_VERSION;
	record->check = 0;
	record->pid = record->pid != 0 ? record->pid : hst_sys_getpid();
	record->tid = hst_sys_gettid();
	record->mono_ns = hst_journal_now();
	memcpy(all, record, bytes);
	at = all + bytes;
	for (size_t i = 0; i < count; i++) {
		if (sizes[i] != 0) {
			at = put_piece(at, &pieces[i], sizes[i]);
		}
	}
	record->check = hst_journal_check(all, total);
	memcpy(all + offsetof(struct hst_journal_record, check), &record->check,
		sizeof record->check);
	error = write_record(all, total);
	if (all != small) {
		(void)hst_sys_munmap(all, total);
	}
	return error;
}

/* Until a record can say it, the trace file does, which is mapped. A child of fork may have none of its own. */
static void carry(void)
{
	if (hst_sink.ready && hst_sink.pid == hst_sys_getpid()) {
		__atomic_store_n(&hst_sink.header->journal_lost,
			__atomic_load_n(&lost.count, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
		hst_sink.header->journal_error = lost.error;
	}
}

static void tell_lost(void)
{
	struct hst_journal_lost record = { .error = lost.error };

	/* A child of vfork cannot take it out of the trace file; its parent will. */
	if (hst_process.tracked_pid != hst_sys_getpid()) {
		return;
	}
	record.count = __atomic_exchange_n(&lost.count, 0, __ATOMIC_RELAXED);
	if (record.count == 0) {
		return;
	}
	if (append(&record.record, sizeof record, HST_JOURNAL_LOST, NULL, 0) != 0) {
		(void)__atomic_add_fetch(&lost.count, (uint32_t)record.count, __ATOMIC_RELAXED);
	}
	carry();
}

void hst_journal_append(struct hst_journal_record *record, size_t bytes, enum hst_journal_type type,
	const struct hst_journal_piece *pieces, size_t count)
{
	long error;

	if (!hst_journal_on()) {
		return;
	}
	error = append(record, bytes, type, pieces, count);
	if (error != 0) {
		(void)__atomic_add_fetch(&lost.count, 1, __ATOMIC_RELAXED);
		lost.error = (int32_t)-error;
		carry();
	} else if (__atomic_load_n(&lost.count, __ATOMIC_RELAXED) != 0) {
		tell_lost();
	}
}

void hst_journal_forked(void)
{
	lost.count = 0;
}

static uint64_t timeval_ns(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_usec * NS_PER_US;
}

void hst_journal_from_rusage(struct hst_journal_usage *ret_usage, const struct rusage *rusage)
{
	*ret_usage = (struct hst_journal_usage){
		.user_ns = timeval_ns(&rusage->ru_utime),
		.system_ns = timeval_ns(&rusage->ru_stime),
		.hwm_bytes = HST_JOURNAL_UNKNOWN,
		.maxrss_bytes = (uint64_t)rusage->ru_maxrss * KIB,
		.minor_faults = (uint64_t)rusage->ru_minflt,
		.major_faults = (uint64_t)rusage->ru_majflt,
		.voluntary = (uint64_t)rusage->ru_nvcsw,
		.involuntary = (uint64_t)rusage->ru_nivcsw,
		.blocks_in = (uint64_t)rusage->ru_inblock,
		.blocks_out = (uint64_t)rusage->ru_oublock,
	};
}

/*
 * ru_maxrss is the greater one of what was before the exec, the parent's memory among it, and of the present image's
 * VmHWM: where it has grown since the image began, it is the latter, and nothing need be read. A child of fork that has not come
 * to an exec has nothing before (base 0).
 */
static uint64_t peak_of(uint64_t maxrss)
{
	uint64_t kib;

	if (maxrss > hst_process.base_maxrss) {
		return maxrss;
	}
	return hst_procfs_status("VmHWM:", &kib) ? kib * KIB : HST_JOURNAL_UNKNOWN;
}

void hst_journal_usage(struct hst_journal_usage *ret_usage, bool peak)
{
	struct rusage rusage = { 0 };

	if (hst_sys6(SYS_getrusage, RUSAGE_SELF, (long)&rusage, 0, 0, 0, 0) != 0) {
		memset(ret_usage, 0xff, sizeof *ret_usage);
		return;
	}
	hst_journal_from_rusage(ret_usage, &rusage);
	if (peak) {
		ret_usage->hwm_bytes = peak_of(ret_usage->maxrss_bytes);
	}
}
