/* SPDX-License-Identifier: Apache-2.0 */
/* Finding, making and rotating the data directory. */
#include "sink/directory.h"

#include "core/procfs.h"
#include "core/sys.h"
#include "core/text.h"
#include "sink/file.h"

#include <errno.h>
#include <string.h>

#include "core/poison.h"

#define HST_MARK          "hasten-data 1\n"
#define HST_DIRECTORIES   100u
#define HST_ANCESTORS_MAX 64u
#define HST_MARK_NAP_NS   1000000
#define HST_MARK_NAPS     5u

struct session {
	uint32_t root;
	uint64_t root_start;
};

/* Only a directory that is ours and that no one else may write into. */
static int directory_open(const char *path)
{
	struct stat status = { 0 };
	long fd = hst_sys_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0);

	if (fd < 0) {
		return (int)fd;
	}
	if (hst_sys_fstat((int)fd, &status) != 0 || status.st_uid != hst_sys_geteuid() ||
		(status.st_mode & 022) != 0) {
		(void)hst_sys_close((int)fd);
		return -EPERM;
	}
	return (int)fd;
}

static void session_value(const char *text, const char *key, uint64_t *ret_value)
{
	for (const char *line = text; *line != '\0'; line++) {
		if ((line == text || line[-1] == '\n') && hst_text_starts(line, key)) {
			(void)hst_text_number(line + hst_text_length(key), ret_value);
			return;
		}
	}
}

/* false: no session file with our mark. */
static bool session_read(int directory, struct session *ret_session)
{
	char text[512];
	uint64_t root = 0;
	uint64_t start = 0;
	long fd = hst_sys_openat(
		directory, "session", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	long got;

	if (fd < 0) {
		return false;
	}
	got = hst_sys_read((int)fd, text, sizeof text - 1);
	(void)hst_sys_close((int)fd);
	text[got > 0 ? got : 0] = '\0';
	if (!hst_text_starts(text, HST_MARK)) {
		return false;
	}
	session_value(text, "root ", &root);
	session_value(text, "root_start ", &start);
	*ret_session = (struct session){ (uint32_t)root, start };
	return true;
}

/* The same from the file of the process that made the directory. */
static bool mark_read(int directory, struct session *ret_session)
{
	struct {
		uint8_t magic[8];
		uint8_t between[offsetof(struct hst_file_header, pid) - 8];
		uint32_t pid, ppid, uid;
		uint64_t pid_start;
	} mark = { 0 };
	long fd = hst_sys_openat(
		directory, "0.0.hst", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	long got;

	static_assert(offsetof(struct hst_file_header, pid_start) == sizeof mark - 8, "as there");
	if (fd < 0) {
		return false;
	}
	got = hst_sys_read((int)fd, &mark, sizeof mark);
	(void)hst_sys_close((int)fd);
	if (got != (long)sizeof mark ||
		memcmp(mark.magic, HST_TRACE_MAGIC, sizeof mark.magic) != 0) {
		return false;
	}
	*ret_session = (struct session){ mark.pid, mark.pid_start };
	return true;
}

static bool directory_is_ours(int directory, struct session *ret_session)
{
	return session_read(directory, ret_session) || mark_read(directory, ret_session);
}

/* The same, for a process that begins together with the one that just made the directory. */
static bool directory_becomes_ours(int directory, struct session *ret_session)
{
	for (uint32_t i = 0; i < HST_MARK_NAPS; i++) {
		if (directory_is_ours(directory, ret_session)) {
			return true;
		}
		hst_sys_nap(HST_MARK_NAP_NS);
	}
	return directory_is_ours(directory, ret_session);
}

/* A process that has the root's pid, but began after the root was seen, is another one. `pid` 0: the caller. */
static bool is_root(const struct session *session, uint32_t pid)
{
	uint32_t parent;
	uint64_t start;

	return hst_procfs_stat(pid, &parent, &start) && start <= session->root_start;
}

static bool is_ancestor(uint32_t pid, uint32_t wanted)
{
	for (uint32_t i = 0; i < HST_ANCESTORS_MAX && pid > 1; i++) {
		uint32_t parent = 0;
		uint64_t start;

		if (pid == wanted) {
			return true;
		}
		if (!hst_procfs_stat(pid, &parent, &start)) {
			return false;
		}
		pid = parent;
	}
	return false;
}

static bool name_is_ours(const char *name)
{
	size_t length = hst_text_length(name);

	return hst_text_equal(name, "session") ||
	       (length > 4 && hst_text_equal(name + length - 4, ".hst")) ||
	       (length > 4 && hst_text_equal(name + length - 4, ".hsj")) ||
	       (length > 5 && hst_text_equal(name + length - 5, ".plan"));
}

struct directory_entry {
	uint64_t inode, offset;
	uint16_t bytes;
	uint8_t type;
	char name[];
};

/* Removes what is ours among the entries that one call of getdents gave. */
static void remove_entries(int fd, const char *entries, long bytes)
{
	for (long at = 0; at < bytes;) {
		const struct directory_entry *entry = (const void *)(entries + at);

		if (name_is_ours(entry->name)) {
			(void)hst_sys_unlinkat(fd, entry->name, 0);
		}
		at += entry->bytes;
	}
}

/* Removes an older recording: only one with our mark, only files that are ours. */
static void remove_old(const char *path)
{
	_Alignas(8) char entries[2048];
	struct session session;
	int fd = directory_open(path);
	long got;

	if (fd < 0) {
		return;
	}
	if (directory_is_ours(fd, &session)) {
		while ((got = hst_sys_getdents(fd, entries, sizeof entries)) > 0) {
			remove_entries(fd, entries, got);
		}
		(void)hst_sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
	}
	(void)hst_sys_close(fd);
}

enum directory_answer {
	DIRECTORY_USE,
	DIRECTORY_NEXT,  /* somebody else's live recording */
	DIRECTORY_AGAIN, /* it was moved away */
	DIRECTORY_NO,
};

static enum directory_answer directory_join(
	const char *path, uint32_t pid, bool rotate, enum hst_directory_role *ret_role)
{
	char old[HST_PATH_BYTES];
	struct hst_text text = hst_text_begin(old, sizeof old);
	struct session session;
	int fd = directory_open(path);
	bool ours;

	if (fd < 0) {
		return DIRECTORY_NO;
	}
	ours = directory_becomes_ours(fd, &session);
	(void)hst_sys_close(fd);
	if (!ours) {
		return DIRECTORY_NO;
	}
	*ret_role = session.root == pid && is_root(&session, 0) ? HST_DIRECTORY_ROOT
								: HST_DIRECTORY_JOINS;
	if (!rotate || *ret_role == HST_DIRECTORY_ROOT) {
		return DIRECTORY_USE;
	}
	if (session.root != 0 && is_root(&session, session.root)) {
		return is_ancestor(pid, session.root) ? DIRECTORY_USE : DIRECTORY_NEXT;
	}
	hst_text_add(&text, path);
	hst_text_add(&text, ".old");
	if (text.full) {
		return DIRECTORY_NO;
	}
	remove_old(old);
	return hst_sys_rename(path, old) == 0 ? DIRECTORY_AGAIN : DIRECTORY_NEXT;
}

static enum directory_answer directory_try(
	const char *path, uint32_t pid, bool rotate, enum hst_directory_role *ret_role)
{
	long made = hst_sys_mkdir(path, 0700);

	if (made == -EEXIST) {
		return directory_join(path, pid, rotate, ret_role);
	}
	*ret_role = HST_DIRECTORY_MADE;
	return made == 0 ? DIRECTORY_USE : DIRECTORY_NO;
}

/* Absolute, since the program may change its working directory. */
static bool absolute(const char *path, struct hst_text *ret_text)
{
	if (path[0] != '/') {
		long got = hst_sys_getcwd(ret_text->bytes, ret_text->capacity);

		if (got <= 0 || ret_text->bytes[0] != '/') {
			return false;
		}
		ret_text->length = hst_text_length(ret_text->bytes);
		hst_text_add(ret_text, "/");
	}
	hst_text_add(ret_text, path);
	return !ret_text->full;
}

bool hst_directory_find(
	const struct hst_options *options, uint32_t pid, enum hst_directory_role *ret_role)
{
	bool named = options->data != NULL;
	struct hst_text path = hst_text_begin(hst_sink_path.text, sizeof hst_sink_path.text);
	enum directory_answer answer = DIRECTORY_NO;
	size_t length;
	uint32_t tries = 0;

	if (!absolute(named ? options->data : "hasten.data", &path)) {
		return false;
	}
	length = path.length;
	for (uint32_t n = 1; n <= HST_DIRECTORIES && tries < HST_DIRECTORIES; tries++) {
		answer = directory_try(path.bytes, pid, !named, ret_role);
		if (answer == DIRECTORY_USE || answer == DIRECTORY_NO) {
			break;
		}
		if (answer == DIRECTORY_NEXT) {
			n++;
			path.length = length;
			hst_text_add(&path, ".");
			hst_text_add_number(&path, n);
		}
	}
	hst_sink_path.directory = answer == DIRECTORY_USE && !path.full ? path.length : 0;
	return hst_sink_path.directory != 0;
}

void hst_directory_remove(void)
{
	if (hst_sink_path.directory != 0) {
		hst_sink_path.text[hst_sink_path.directory] = '\0';
		(void)hst_sys_unlinkat(AT_FDCWD, hst_sink_path.text, AT_REMOVEDIR);
		hst_sink_path.directory = 0;
	}
}
