/* SPDX-License-Identifier: Apache-2.0 */
/* The trace file: created once, grown by whoever needs space, never kept open. */
#include "sink/file.h"

#include "core/attr.h"
#include "core/clock.h"
#include "core/procfs.h"
#include "core/sys.h"
#include "core/text.h"
#include "sink/ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define HST_FILES_PER_PID 10000u
#define HST_SYNC_NS       10000000ull
#define HST_ROOM_BYTES    16384u /* behind the header: modules and the first tail */

static_assert(offsetof(struct hst_file_header, control) % 8 == 0, "one load for control and word");

static struct hst_file_header no_header = { .control = UINT32_MAX };

struct hst_sink hst_sink = { .header = &no_header };

HST_LARGE struct hst_sink_path hst_sink_path;

/* With the first bytes of a block behind the page. */
static const uint8_t zeros[HST_PAGE + HST_BLOCK_ALIGN];

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

void hst_sink_flag(uint32_t flag)
{
	__atomic_fetch_or(&hst_sink.header->flags, flag, __ATOMIC_RELAXED);
}

void hst_sink_alarm(void)
{
	__atomic_fetch_add(&hst_sink.header->word, 1, __ATOMIC_SEQ_CST);
}

void hst_sink_sync(struct hst_clock_pair pair)
{
	struct hst_file_header *header = hst_sink.header;
	uint32_t now = header->sync_index & 1u;
	uint32_t next = now ^ 1u;

	if (!hst_sink.ready || pair.mono_ns < header->sync[now].mono_ns + HST_SYNC_NS) {
		return;
	}
	/* Two threads may write at once: each pair is of one moment within a few hundred
	 * nanoseconds, so that a mixed one is still good to that. */
	header->sync[next] = pair;
	hst_barrier();
	header->sync_index = next;
}

/* -1: could not be had, the reason is in the flags. */
static int sink_reopen(void)
{
	struct stat status = { 0 };
	long fd;

	if (!hst_sink.ready || hst_sys_closed != 0 ||
		(hst_sink.header->flags & HST_FLAG_PATH_LOST) != 0) {
		return -1;
	}
	fd = hst_sys_open(hst_sink_path.text, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0);
	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -EINTR) {
		return -1; /* may go well another time */
	}
	if (fd < 0) {
		hst_sink_flag(HST_FLAG_PATH_LOST);
		return -1;
	}
	if (hst_sys_fstat((int)fd, &status) != 0 || status.st_dev != hst_sink.device ||
		status.st_ino != hst_sink.inode) {
		(void)hst_sys_close((int)fd);
		hst_sink_flag(HST_FLAG_PATH_LOST);
		return -1;
	}
	return (int)fd;
}

/* Growing beyond the limit raises SIGXFSZ, whose default ends the program. Another thread may lower it after this look. */
static bool sink_fits(uint64_t end)
{
	if (end > hst_sys_limit(RLIMIT_FSIZE)) {
		hst_sink_flag(HST_FLAG_DISK_FULL);
		return false;
	}
	return true;
}

static uint64_t sink_reserve(uint64_t bytes, uint64_t align)
{
	uint64_t end = __atomic_load_n(&hst_sink.header->file_end, __ATOMIC_RELAXED);
	uint64_t start;

	do {
		start = round_up(end, align);
	} while (!__atomic_compare_exchange_n(&hst_sink.header->file_end, &end, start + bytes, true,
		__ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return start;
}

/* The disk is full, or the limit was lowered: then a signal waits that is not meant for the program. */
static void sink_refused(long error)
{
	hst_sink_flag(HST_FLAG_DISK_FULL);
	if (error == -EFBIG) {
		hst_sys_take_signal(SIGXFSZ);
	}
}

static bool sink_write_at(const void *data, uint64_t bytes, uint64_t offset, int fd)
{
	const uint8_t *at = data;

	while (bytes > 0) {
		long done = hst_sys_pwrite(fd, at, bytes, offset);

		if (done == -EINTR) {
			continue;
		}
		if (done <= 0) {
			sink_refused(done);
			return false;
		}
		at += done;
		offset += (uint64_t)done;
		bytes -= (uint64_t)done;
	}
	return true;
}

void *hst_sink_room(uint64_t bytes, uint64_t *ret_offset)
{
	uint64_t at = __atomic_load_n(&hst_sink.room, __ATOMIC_RELAXED);

	do {
		if (hst_sink.room_end - at < bytes) {
			return NULL;
		}
	} while (!__atomic_compare_exchange_n(
		&hst_sink.room, &at, at + bytes, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	*ret_offset = at;
	return (uint8_t *)hst_sink.header + at;
}

void *hst_sink_rest(uint64_t least, uint64_t *ret_bytes, uint64_t *ret_offset)
{
	uint64_t at = __atomic_load_n(&hst_sink.room, __ATOMIC_RELAXED);

	do {
		*ret_bytes = hst_sink.room_end - at;
		if (*ret_bytes < least) {
			return NULL;
		}
	} while (!__atomic_compare_exchange_n(
		&hst_sink.room, &at, hst_sink.room_end, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	*ret_offset = at;
	return (uint8_t *)hst_sink.header + at;
}

void *hst_sink_reserve(uint64_t *ret_offset)
{
	*ret_offset = __atomic_exchange_n(&hst_sink.reserve, 0, __ATOMIC_RELAXED);
	return *ret_offset == 0 ? NULL : (uint8_t *)hst_sink.header + *ret_offset;
}

static bool sink_append(const void *block, uint32_t bytes, uint64_t *ret_offset)
{
	int fd = sink_reopen();
	uint64_t offset;
	bool done;

	if (fd < 0) {
		return false;
	}
	done = sink_fits(hst_sink.header->file_end + bytes + HST_PAGE);
	if (done) {
		offset = sink_reserve(bytes, HST_BLOCK_ALIGN);
		/* Others may have taken room since the first look. */
		done = sink_fits(offset + bytes) && sink_write_at(block, bytes, offset, fd);
		*ret_offset = offset;
	}
	(void)hst_sys_close(fd);
	return done;
}

bool hst_sink_append(const void *block, uint32_t bytes, uint64_t *ret_offset)
{
	struct hst_block *room = hst_sink_room(bytes, ret_offset);
	uint64_t kind; /* type, flags and length, in one store */

	if (room == NULL) {
		return sink_append(block, bytes, ret_offset);
	}
	/* Another thread may end the process at any moment: until all is there, it is one block of no type, which readers skip. */
	room->bytes = bytes;
	hst_barrier();
	room->magic = HST_BLOCK_MAGIC;
	hst_barrier();
	memcpy(room + 1, (const struct hst_block *)block + 1, bytes - sizeof *room);
	hst_barrier();
	memcpy(&kind, (const uint8_t *)block + offsetof(struct hst_block, type), sizeof kind);
	memcpy((uint8_t *)room + offsetof(struct hst_block, type), &kind, sizeof kind);
	return true;
}

/* Writes the chunk over the oldest one of the flight recorder, or in a new place. */
static bool sink_append_ring(struct hst_chunk *chunk, uint32_t bytes, uint64_t *ret_offset)
{
	uint64_t now = hst_clock_mono_ns();
	uint64_t trailer = HST_CHUNK_TRAILER ^ chunk->seq;
	uint64_t offset = 0;
	struct hst_block header;
	int fd = sink_reopen();
	bool done;

	if (fd < 0) {
		return false;
	}
	if (!hst_ring_oldest(now, hst_sink.header->ring_ns, hst_sink.limit, &offset)) {
		if (!sink_fits(hst_sink.header->file_end + HST_CHUNK_BYTES_MAX)) {
			(void)hst_sys_close(fd);
			return false;
		}
		offset = sink_reserve(HST_CHUNK_BYTES_MAX, HST_BLOCK_ALIGN);
		if (!sink_fits(offset + HST_CHUNK_BYTES_MAX)) {
			(void)hst_sys_close(fd);
			return false;
		}
	} else {
		hst_sink_flag(HST_FLAG_RING);
	}
	/* The old chunk's trailer does not fit the new sequence: until the last write the reader
	 * sees no whole chunk here. */
	header = chunk->block;
	header.bytes = HST_CHUNK_BYTES_MAX;
	done = sink_write_at(&header, sizeof header, offset, fd) &&
	       sink_write_at(&chunk->block + 1, bytes - sizeof header - sizeof trailer,
		       offset + sizeof header, fd) &&
	       sink_write_at(
		       &trailer, sizeof trailer, offset + HST_CHUNK_BYTES_MAX - sizeof trailer, fd);
	(void)hst_sys_close(fd);
	if (done) {
		hst_ring_add(offset, now);
	}
	*ret_offset = offset;
	return done;
}

/*
 * Tells a process of this boot from one before, for readers of a file that does not say how it ended. The session of a
 * launcher has it; here it is asked for when the first events are written, and never in a short program.
 */
static void sink_boot(void)
{
	if (!hst_sink.boot_known && (hst_sink.header->flags & HST_FLAG_BARE) != 0) {
		hst_sink.boot_known = true;
		(void)hst_procfs_boot_id(hst_sink.header->boot_id);
	}
}

bool hst_sink_append_events(struct hst_chunk *chunk, uint32_t bytes, uint64_t *ret_offset)
{
	sink_boot();
	if (hst_sink.header->ring_ns != 0) {
		return sink_append_ring(chunk, bytes, ret_offset);
	}
	if (hst_sink.header->file_end + bytes > hst_sink.limit) {
		hst_sink_flag(HST_FLAG_LIMIT_REACHED);
		return false;
	}
	return sink_append(chunk, bytes, ret_offset);
}

/* Disk space must be there before a mapped page is touched, or a full disk ends the program by SIGBUS. */
static bool sink_make_solid(int fd, uint64_t offset, uint64_t bytes)
{
	long done = hst_sys_fallocate(fd, offset, bytes);

	if (done == 0) {
		return true;
	}
	if (done != -EOPNOTSUPP && done != -ENOSYS) {
		sink_refused(done);
		return false;
	}
	for (uint64_t at = 0; at < bytes; at += HST_PAGE) {
		if (!sink_write_at(zeros, HST_PAGE, offset + at, fd)) {
			return false;
		}
	}
	return true;
}

/* The file reaches to the end of the piece, so that a reader sees it whole. Never shrinks the file. */
static bool sink_extend(int fd, uint64_t end)
{
	static const uint8_t zero;

	return sink_write_at(&zero, 1, end - 1, fd);
}

void *hst_sink_map(uint64_t bytes, uint64_t solid, uint64_t *ret_offset)
{
	int fd = sink_reopen();
	void *map = NULL;
	uint64_t offset;

	if (fd < 0) {
		return NULL;
	}
	bytes = round_up(bytes, HST_PAGE);
	if (sink_fits(hst_sink.header->file_end + bytes + HST_PAGE)) {
		offset = sink_reserve(bytes, HST_PAGE);
		solid = round_up(solid, HST_PAGE);
		if (sink_fits(offset + bytes) && sink_make_solid(fd, offset, solid) &&
			(solid == bytes || sink_extend(fd, offset + bytes))) {
			map = hst_sys_mmap(
				NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
			if (map == NULL) {
				hst_sink_flag(HST_FLAG_NO_MEMORY);
			}
			*ret_offset = offset;
		}
	}
	(void)hst_sys_close(fd);
	return map;
}

bool hst_sink_solidify(uint64_t offset, uint64_t bytes)
{
	int fd = sink_reopen();
	bool done;

	if (fd < 0) {
		return false;
	}
	done = sink_fits(offset + bytes) && sink_make_solid(fd, offset, bytes);
	(void)hst_sys_close(fd);
	return done;
}

static const uint8_t op_words[HST_OPS] = {
#define HST_RECORD(NAME, name, number, words, text) [number] = words,
#include "hasten/records.def"

#include "core/poison.h"
#undef HST_RECORD
};

static void sink_fill_header(
	struct hst_file_header *header, const struct hst_options *options, uint32_t flags)
{
	header->major = HST_TRACE_MAJOR;
	header->minor = HST_TRACE_MINOR;
	header->header_bytes = HST_HEADER_BYTES;
	header->endian = HST_TRACE_ENDIAN;
	header->pointer_bytes = sizeof(void *);
	header->clock = hst_clock_tsc ? HST_CLOCK_TSC : HST_CLOCK_MONO;
	header->time_shift = HST_TIME_SHIFT;
	header->mode = options->profile ? HST_MODE_PROFILE : HST_MODE_TRACE;
	header->flags = flags;
	header->pid = hst_sink.pid;
	header->pid_start = hst_clock_boot_ticks();
	header->ppid = hst_sys_getppid();
	header->uid = hst_sys_geteuid();
	header->control = options->paused ? HST_CONTROL_PAUSE : HST_CONTROL_RECORD;
	header->control_seen = header->control;
	header->word = 1;
	header->tsc_hz = hst_clock_tsc ? options->tsc_hz : 0;
	header->limit_bytes = options->limit_bytes;
	header->ring_ns = options->ring_ns;
	header->generation = 1;
	header->end_status = -1;
	memcpy(header->op_words, op_words, sizeof op_words);
	hst_barrier();
	memcpy(header->magic, HST_TRACE_MAGIC, sizeof header->magic); /* last: the file is a mark */
}

/*
 * A new file of its own for this image: PID.N.hst with the first N that is free. The mark of a directory is found without
 * knowing who made it: 0.0.hst.
 */
static long sink_create_name(bool marks)
{
	for (uint32_t n = 0; n < HST_FILES_PER_PID; n++) {
		struct hst_text path = { hst_sink_path.text, sizeof hst_sink_path.text,
			hst_sink_path.directory, false };
		long fd;

		hst_text_add(&path, "/");
		hst_text_add_number(&path, marks ? 0 : hst_sink.pid);
		hst_text_add(&path, ".");
		hst_text_add_number(&path, n);
		hst_text_add(&path, ".hst");
		if (path.full) {
			return -ENAMETOOLONG;
		}
		fd = hst_sys_open(
			path.bytes, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd != -EEXIST || marks) {
			return fd;
		}
	}
	return -EEXIST;
}

/* Events take at most 2 % of the free space, whatever the user allowed. */
static uint64_t sink_limit(int fd, uint64_t wanted)
{
	struct {
		uint64_t type, block_bytes, blocks, unused, available, rest[10];
	} status = { 0 };
	uint64_t allowed;

	if (hst_sys6(SYS_fstatfs, fd, (long)&status, 0, 0, 0, 0) != 0) {
		return wanted;
	}
	allowed = status.available / 50 * status.block_bytes;
	return allowed < wanted ? allowed : wanted;
}

/* How many bytes there are: with room and reserve, or if that is too much, the header's. 0: not even they. */
static uint64_t sink_first_bytes(int fd, const struct hst_options *options)
{
	uint64_t limit = hst_sys_limit(RLIMIT_FSIZE);
	uint64_t room = options->profile ? HST_PAGE : HST_ROOM_BYTES;
	uint64_t bytes = HST_HEADER_BYTES + room + HST_RESERVE_BYTES;

	if (bytes <= limit && sink_make_solid(fd, 0, bytes)) {
		/* The first two pages are touched in any case: a write makes them at half the price of
		 * faults. If it fails nothing is lost. */
		(void)hst_sys_pwrite(fd, zeros, sizeof zeros, 0);
		hst_sink.room = HST_HEADER_BYTES;
		hst_sink.room_end = HST_HEADER_BYTES + room;
		hst_sink.reserve = hst_sink.room_end;
		return bytes;
	}
	return HST_HEADER_BYTES <= limit && sink_make_solid(fd, 0, HST_HEADER_BYTES)
		       ? HST_HEADER_BYTES
		       : 0;
}

/* A file that others may write is not used: the file system knows no rights, say. */
static bool sink_is_private(const struct stat *status)
{
	return status->st_uid == hst_sys_geteuid() && (status->st_mode & 022) == 0;
}

bool hst_sink_create(const struct hst_options *options, uint32_t flags, bool marks)
{
	struct hst_file_header *header = NULL;
	struct stat status = { 0 };
	uint64_t bytes = 0;
	long fd;

	hst_sink = (struct hst_sink){ .header = &no_header, .pid = hst_sink.pid };
	if (hst_sink_path.directory == 0) {
		return false;
	}
	fd = sink_create_name(marks);
	if (fd < 0) {
		return false;
	}
	if (hst_sys_fstat((int)fd, &status) == 0 && sink_is_private(&status)) {
		bytes = sink_first_bytes((int)fd, options);
	}
	if (bytes != 0) {
		header = hst_sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
	}
	if (header != NULL) {
		hst_sink.device = status.st_dev;
		hst_sink.inode = status.st_ino;
		hst_sink.limit = sink_limit((int)fd, options->limit_bytes);
		header->file_end = bytes;
		sink_fill_header(header, options, flags);
		hst_sink.header = header;
		hst_sink.ready = true;
	} else {
		hst_sink.room_end = hst_sink.room;
		hst_sink.reserve = 0;
		(void)hst_sys_unlinkat(AT_FDCWD, hst_sink_path.text, 0);
	}
	(void)hst_sys_close((int)fd);
	return hst_sink.ready;
}
