/* SPDX-License-Identifier: Apache-2.0 */
/* The file is opened by its full path each time, and obeyed only if nobody else may have written it. */
#include "apply/memo_revoked.h"

#include "core/sys.h"
#include "core/text.h"
#include "hasten/plan.h"
#include "sink/file.h"
#include "sink/plan.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/poison.h"

#define REVOKED_MAX 1024u /* more are taken for damage */
#define OPEN_FLAGS  (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

static HST_LARGE char path[HST_PATH_BYTES];
static HST_LARGE struct hst_plan_revoked list[REVOKED_MAX];

static struct {
	uint32_t count;
	bool known;
} revoked;

/* A relative name holds for the working directory of now. */
static bool find_path(const struct hst_options *options)
{
	const char *name = options->revoked != NULL ? options->revoked : options->plan;
	struct hst_text text = hst_text_begin(path, sizeof path);

	if (name[0] != '/') {
		if (hst_sys_getcwd(path, sizeof path / 2) <= 0) {
			return false;
		}
		text.length = hst_text_length(path);
		hst_text_add(&text, "/");
	}
	hst_text_add(&text, name);
	if (options->revoked == NULL) {
		hst_text_add(&text, HST_REVOKED_SUFFIX);
	}
	return !text.full;
}

/* A last record that is not whole would make all those behind it unreadable. */
static bool is_whole(int fd, uint64_t *bytes)
{
	uint64_t torn = *bytes % sizeof list[0];

	*bytes -= torn;
	return torn == 0 || hst_sys6(SYS_ftruncate, fd, (long)*bytes, 0, 0, 0, 0) == 0;
}

static bool read_list(int fd, uint64_t bytes)
{
	uint64_t count = bytes / sizeof list[0];
	uint64_t wanted = count * sizeof list[0];
	uint64_t done = 0;

	if (count > REVOKED_MAX) {
		return false;
	}
	while (done < wanted) {
		long got = hst_sys_read(fd, (uint8_t *)list + done, wanted - done);

		if (got <= 0) {
			return false;
		}
		done += (uint64_t)got;
	}
	for (uint64_t i = 0; i < count; i++) {
		if (list[i].magic != HST_REVOKED_MAGIC || list[i].build_id_bytes == 0 ||
			list[i].build_id_bytes > sizeof list[i].build_id) {
			return false;
		}
	}
	revoked.count = (uint32_t)count;
	return true;
}

bool hst_revoked_start(const struct hst_options *options)
{
	uint64_t bytes = 0;
	long fd;

	if (!find_path(options)) {
		return false;
	}
	fd = hst_sys_open(path, O_RDONLY | OPEN_FLAGS, 0);
	if (fd == -ENOENT) {
		revoked.known = true;
		return true;
	}
	if (fd >= 0) {
		revoked.known = hst_plan_trusts((int)fd, &bytes) && read_list((int)fd, bytes);
		(void)hst_sys_close((int)fd);
	}
	return true;
}

bool hst_revoked_known(void)
{
	return revoked.known;
}

bool hst_revoked_has(const struct hst_loaded *module, uint64_t fn)
{
	for (uint32_t i = 0; i < revoked.count; i++) {
		if (list[i].fn == fn && list[i].build_id_bytes == module->build_id_bytes &&
			memcmp(list[i].build_id, module->build_id, module->build_id_bytes) == 0) {
			return true;
		}
	}
	return false;
}

/* For this process: its module may go and come back. Whoever adds is alone with his place. */
static void remember(const struct hst_plan_revoked *record)
{
	uint32_t index = __atomic_load_n(&revoked.count, __ATOMIC_RELAXED);

	do {
		if (index == REVOKED_MAX) {
			return;
		}
	} while (!__atomic_compare_exchange_n(
		&revoked.count, &index, index + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	list[index] = *record;
}

bool hst_revoked_add(const struct hst_loaded *module, uint64_t fn)
{
	struct hst_plan_revoked record = {
		.magic = HST_REVOKED_MAGIC, .build_id_bytes = module->build_id_bytes, .fn = fn
	};
	struct timespec now = { 0 };
	struct hst_held signals;
	uint64_t bytes = 0;
	bool done = false;
	long fd;

	if (!revoked.known) {
		return false;
	}
	memcpy(record.build_id, module->build_id, module->build_id_bytes);
	remember(&record);
	if (hst_sys_closed != 0) {
		return false;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	record.real_ns = (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
	signals = hst_sys_hold_signals();
	fd = hst_sys_open(path, O_WRONLY | O_APPEND | O_CREAT | OPEN_FLAGS, 0600);
	if (fd >= 0) {
		/* Beyond the limit of files the kernel would send SIGXFSZ. */
		done = hst_plan_trusts((int)fd, &bytes) && is_whole((int)fd, &bytes) &&
		       hst_sys_limit(RLIMIT_FSIZE) >= bytes + 2 * sizeof record &&
		       hst_sys_pwrite((int)fd, &record, sizeof record, bytes) ==
			       (long)sizeof record;
		(void)hst_sys_close((int)fd);
	}
	hst_sys_release_signals(signals);
	return done;
}
