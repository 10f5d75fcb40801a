/* SPDX-License-Identifier: Apache-2.0 */
/* What runs wrote, compared byte for byte; and input that every run can read. Output is mapped, not read into memory of ours. */
#include "plan/verify_run.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FNV_BASIS  UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME  UINT64_C(0x100000001b3)
#define INPUT_NAME "standard input"

struct bytes {
	const unsigned char *data;
	size_t count;
	bool missing;
};

static enum hst_status map(int fd, struct bytes *ret_bytes, struct hst_diag *diag)
{
	struct bytes bytes = { .missing = fd < 0 };
	struct stat status = { 0 };
	void *data;

	if (fd >= 0 && fstat(fd, &status) != 0) {
		return hst_diag_set(
			diag, HST_E_IO, "verify: output cannot be looked at: %s", strerror(errno));
	}
	if (status.st_size > 0) {
		data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (data == MAP_FAILED) {
			return hst_diag_set(diag, HST_E_IO,
				"verify: output cannot be looked at: %s", strerror(errno));
		}
		bytes.data = data;
		bytes.count = (size_t)status.st_size;
	}
	*ret_bytes = bytes;
	return HST_OK;
}

static void unmap(const struct bytes *bytes)
{
	if (bytes->count != 0) {
		munmap((void *)(uintptr_t)bytes->data, bytes->count);
	}
}

enum hst_status hst_verify_output_describe(const struct hst_verify_output *output,
	struct hst_verify_stream *ret_streams, struct hst_diag *diag)
{
	for (size_t i = 0; i < output->count; i++) {
		uint64_t hash = FNV_BASIS;
		struct bytes bytes = { .data = NULL };

		HST_TRY(map(output->fds[i], &bytes, diag));
		for (size_t at = 0; at < bytes.count; at++) {
			hash = (hash ^ bytes.data[at]) * FNV_PRIME;
		}
		ret_streams[i] = (struct hst_verify_stream){ bytes.count, hash, bytes.missing };
		unmap(&bytes);
	}
	return HST_OK;
}

static size_t first_difference(const struct bytes *a, const struct bytes *b)
{
	size_t count = a->count < b->count ? a->count : b->count;
	size_t at = 0;

	/* In steps that memcmp is quick at. */
	while (count - at >= 4096 && memcmp(a->data + at, b->data + at, 4096) == 0) {
		at += 4096;
	}
	while (at < count && a->data[at] == b->data[at]) {
		at++;
	}
	return at;
}

/* The line around the place, as much of it as there is room for, a little of it before the place. */
static void excerpt(
	const struct bytes *bytes, size_t at, size_t arm, struct hst_verify_difference *difference)
{
	size_t begin = at;
	size_t end = at;

	while (begin > 0 && at - begin < HST_VERIFY_EXCERPT_MAX / 3 &&
		bytes->data[begin - 1] != '\n') {
		begin--;
	}
	while (end < bytes->count && end - begin < HST_VERIFY_EXCERPT_MAX &&
		bytes->data[end] != '\n') {
		end++;
	}
	if (end != begin) {
		memcpy(difference->excerpt[arm], bytes->data + begin, end - begin);
	}
	difference->excerpt_bytes[arm] = end - begin;
	difference->missing[arm] = bytes->missing;
}

static void locate(const struct bytes *reference, const struct bytes *bytes, size_t stream,
	struct hst_verify_difference *ret_difference)
{
	struct hst_verify_difference difference = { .found = true, .stream = stream, .line = 1 };
	size_t at = first_difference(reference, bytes);

	assert(at == 0 || (reference->data != NULL && bytes->data != NULL));
	difference.offset = at;
	for (size_t i = 0; i < at; i++) {
		difference.line += reference->data[i] == '\n';
	}
	excerpt(reference, at, HST_VERIFY_BASE, &difference);
	excerpt(bytes, at, HST_VERIFY_PLAN, &difference);
	*ret_difference = difference;
}

enum hst_status hst_verify_output_compare(const struct hst_verify_output *reference,
	const struct hst_verify_output *output, struct hst_verify_difference *ret_difference,
	struct hst_diag *diag)
{
	ret_difference->found = false;
	for (size_t i = 0; i < output->count && !ret_difference->found; i++) {
		struct bytes a = { .data = NULL };
		struct bytes b = { .data = NULL };
		enum hst_status status;

		HST_TRY(map(reference->fds[i], &a, diag));
		status = map(output->fds[i], &b, diag);
		if (status != HST_OK) {
			unmap(&a);
			return status;
		}
		if (a.missing != b.missing || a.count != b.count ||
			(a.count != 0 && memcmp(a.data, b.data, a.count) != 0)) {
			locate(&a, &b, i, ret_difference);
		}
		unmap(&a);
		unmap(&b);
	}
	return HST_OK;
}

/* Waits for something to read. */
static bool readable(int fd, uint64_t until_ns)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	uint64_t now = hst_verify_now_ns();
	uint64_t left_ms = until_ns > now ? (until_ns - now) / 1000000 + 1 : 0;

	return poll(&poll_fd, 1, left_ms > 1000000 ? 1000000 : (int)left_ms) > 0 ||
	       (errno == EINTR && hst_verify_now_ns() < until_ns);
}

static enum hst_status read_all(int from, int to, uint64_t timeout_ns, struct hst_diag *diag)
{
	uint64_t now = hst_verify_now_ns();
	uint64_t until_ns = timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;
	uint64_t bytes = 0;
	char buffer[1 << 16];

	for (;;) {
		ssize_t got;

		errno = 0;
		if (!readable(from, until_ns)) {
			return hst_diag_set(diag, HST_E_LIMIT,
				"verify: " INPUT_NAME
				" is a pipe that did not end within %.0f s; each run is to read the same, so it is read "
				"first: give a file (< FILE), or < /dev/null",
				(double)timeout_ns / 1e9);
		}
		got = read(from, buffer, sizeof buffer);
		if (got == 0) {
			return HST_OK;
		}
		if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
			continue;
		}
		bytes += got > 0 ? (uint64_t)got : 0;
		if (bytes > HST_VERIFY_OUTPUT_MAX) {
			return hst_diag_set(diag, HST_E_LIMIT,
				"verify: " INPUT_NAME
				" is a pipe of more than %llu MiB: give it as a file (< FILE)",
				(unsigned long long)(HST_VERIFY_OUTPUT_MAX >> 20));
		}
		if (got < 0 || write(to, buffer, (size_t)got) != got) {
			return hst_diag_set(diag, HST_E_IO,
				"verify: " INPUT_NAME " cannot be kept: %s", strerror(errno));
		}
	}
}

static enum hst_status keep_input(int fd, uint64_t timeout_ns, int *ret_fd, struct hst_diag *diag)
{
	int kept = memfd_create("hasten input", MFD_CLOEXEC);
	enum hst_status status;

	if (kept < 0) {
		return hst_diag_set(diag, HST_E_IO, "verify: " INPUT_NAME " cannot be kept: %s",
			strerror(errno));
	}
	status = read_all(fd, kept, timeout_ns, diag);
	if (status != HST_OK || lseek(kept, 0, SEEK_SET) != 0) {
		close(kept);
		return status;
	}
	*ret_fd = kept;
	return HST_OK;
}

enum hst_status hst_verify_input(int fd, uint64_t timeout_ns, int *ret_fd,
	enum hst_verify_input_kind *ret_kind, struct hst_diag *diag)
{
	struct stat status = { 0 };
	bool there = fstat(fd, &status) == 0;
	int made;

	*ret_kind = !there                    ? HST_VERIFY_INPUT_DEVICE
		    : isatty(fd) == 1         ? HST_VERIFY_INPUT_TERMINAL
		    : S_ISREG(status.st_mode) ? HST_VERIFY_INPUT_FILE
		    : S_ISCHR(status.st_mode) ? HST_VERIFY_INPUT_DEVICE
					      : HST_VERIFY_INPUT_COPY;
	if (*ret_kind == HST_VERIFY_INPUT_COPY) {
		return keep_input(fd, timeout_ns, ret_fd, diag);
	}
	made = !there || *ret_kind == HST_VERIFY_INPUT_TERMINAL
		       ? open("/dev/null", O_RDONLY | O_CLOEXEC)
		       : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (made < 0) {
		return hst_diag_set(diag, HST_E_IO, "verify: " INPUT_NAME " cannot be kept: %s",
			strerror(errno));
	}
	*ret_fd = made;
	return HST_OK;
}
