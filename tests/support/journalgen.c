/* SPDX-License-Identifier: Apache-2.0 */
#include "journalgen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXTS_MAX 65536u

struct texts {
	uint8_t bytes[TEXTS_MAX];
	size_t count;
};

static void reset(struct journalgen *gen)
{
	gen->next = (struct journalgen_next){ .oom_kills = HST_JOURNAL_UNKNOWN, .uid = 1000 };
	memset(&gen->next.usage, 0xff, sizeof gen->next.usage);
	gen->next.usage.user_ns = 0;
	gen->next.usage.system_ns = 0;
	memset(&gen->next.limits, 0xff, sizeof gen->next.limits);
}

void journalgen_init(struct journalgen *gen)
{
	*gen = (struct journalgen){ 0 };
	reset(gen);
}

void journalgen_finish(struct journalgen *gen)
{
	free(gen->bytes);
	*gen = (struct journalgen){ 0 };
}

void journalgen_raw(struct journalgen *gen, const void *data, size_t bytes)
{
	if (gen->count + bytes > gen->capacity) {
		gen->capacity = (gen->count + bytes) * 2;
		gen->bytes = realloc(gen->bytes, gen->capacity);
		if (gen->bytes == NULL) {
			abort();
		}
	}
	if (bytes != 0) {
		memcpy(gen->bytes + gen->count, data, bytes);
	}
	gen->count += bytes;
}

/* A sum of its own: word by word as the header says it, not by its function. */
static uint32_t check_of(const uint8_t *record, size_t bytes)
{
	uint64_t sum = 0x9e3779b97f4a7c15ull ^ bytes;

	for (size_t at = 0; at < bytes; at += 8) {
		uint64_t word = 0;

		for (unsigned i = 0; i < 8; i++) {
			/* The field `check` counts as 0. */
			uint64_t byte = at + i >= 12 && at + i < 16 ? 0 : record[at + i];

			word |= byte << (8 * i);
		}
		sum = (sum ^ word) * 0x2545f4914f6cdd1dull;
		sum ^= sum >> 29;
	}
	return (uint32_t)(sum ^ sum >> 32);
}

void journalgen_recheck(struct journalgen *gen)
{
	struct hst_journal_record head;

	memcpy(&head, gen->bytes + gen->last, sizeof head);
	head.check = check_of(gen->bytes + gen->last, gen->count - gen->last);
	memcpy(gen->bytes + gen->last, &head, sizeof head);
}

void journalgen_record(struct journalgen *gen, uint16_t type, uint64_t at_ns, uint32_t pid,
	void *fields, size_t field_bytes, const void *texts, size_t text_bytes)
{
	struct hst_journal_record *head = fields;

	*head = (struct hst_journal_record){ .magic = HST_JOURNAL_MAGIC,
		.bytes = (uint32_t)(field_bytes + text_bytes),
		.type = type,
		.version = HST_JOURNAL_VERSION,
		.pid = pid,
		.tid = pid,
		.mono_ns = at_ns };
	gen->last = gen->count;
	journalgen_raw(gen, fields, field_bytes);
	journalgen_raw(gen, texts, text_bytes);
	journalgen_recheck(gen);
	reset(gen);
}

static void add_bytes(struct texts *texts, uint32_t kind, const void *data, size_t bytes)
{
	struct hst_journal_text head = { kind, (uint32_t)bytes };
	size_t padded = (bytes + 7) / 8 * 8;

	if (texts->count + sizeof head + padded > sizeof texts->bytes) {
		abort();
	}
	memcpy(texts->bytes + texts->count, &head, sizeof head);
	texts->count += sizeof head;
	memset(texts->bytes + texts->count, 0, padded);
	memcpy(texts->bytes + texts->count, data, bytes);
	texts->count += padded;
}

static void add_text(struct texts *texts, uint32_t kind, const char *text)
{
	if (text != NULL) {
		add_bytes(texts, kind, text, strlen(text));
	}
}

/* Each argument with its NUL. */
static void add_command(struct texts *texts, uint32_t kind, const char *command)
{
	char *copy = command == NULL ? NULL : strdup(command);
	size_t bytes = command == NULL ? 0 : strlen(command) + 1;

	if (copy == NULL) {
		return;
	}
	for (size_t i = 0; i < bytes; i++) {
		copy[i] = copy[i] == ' ' ? '\0' : copy[i];
	}
	add_bytes(texts, kind, copy, bytes);
	free(copy);
}

static uint32_t call_or(const struct journalgen *gen, uint32_t usual)
{
	return gen->next.call != 0 ? gen->next.call : usual;
}

void journalgen_start(struct journalgen *gen, uint64_t at_ns, uint32_t pid, uint32_t ppid,
	const char *exe, const char *command)
{
	struct hst_journal_start fields = { .ppid = ppid,
		.flags = gen->next.flags,
		.base = gen->next.usage,
		.limits = gen->next.limits,
		.uid = gen->next.uid,
		.gid = gen->next.uid };
	static struct texts texts;

	texts.count = 0;
	add_text(&texts, HST_TEXT_EXE, exe);
	add_text(&texts, HST_TEXT_CWD, gen->next.cwd != NULL ? gen->next.cwd : "/src");
	add_command(&texts, HST_TEXT_ARGV, command);
	add_text(&texts, HST_TEXT_EXECFN, gen->next.execfn);
	add_bytes(&texts, HST_TEXT_BUILD_ID, "\x01\xab", 2);
	journalgen_record(gen, HST_JOURNAL_START, at_ns, pid, &fields, sizeof fields, texts.bytes,
		texts.count);
}

void journalgen_fork(struct journalgen *gen, uint64_t at_ns, uint32_t pid, uint32_t ppid)
{
	struct hst_journal_fork fields = { .ppid = ppid, .call = HST_CALL_FORK };

	journalgen_record(gen, HST_JOURNAL_FORK, at_ns, pid, &fields, sizeof fields, NULL, 0);
}

static void add_intent(
	struct journalgen *gen, struct texts *texts, const char *file, const char *command)
{
	texts->count = 0;
	add_text(texts, HST_TEXT_FILE, file);
	add_command(texts, HST_TEXT_ARGV, command);
	add_text(texts, HST_TEXT_PATH, gen->next.path);
	add_text(texts, HST_TEXT_CWD, gen->next.cwd);
	add_command(texts, HST_TEXT_ORIGINAL, gen->next.original);
}

void journalgen_exec(struct journalgen *gen, uint64_t at_ns, uint32_t pid, uint32_t ppid,
	const char *file, const char *command)
{
	struct hst_journal_exec fields = { .call = call_or(gen, HST_CALL_EXECVE),
		.flags = gen->next.flags,
		.ppid = ppid,
		.usage = gen->next.usage };
	static struct texts texts;

	add_intent(gen, &texts, file, command);
	journalgen_record(gen, HST_JOURNAL_EXEC, at_ns, pid, &fields, sizeof fields, texts.bytes,
		texts.count);
}

void journalgen_exec_failed(struct journalgen *gen, uint64_t at_ns, uint32_t pid, int32_t error)
{
	struct hst_journal_exec_failed fields = { .call = call_or(gen, HST_CALL_EXECVE),
		.error = error };

	journalgen_record(
		gen, HST_JOURNAL_EXEC_FAILED, at_ns, pid, &fields, sizeof fields, NULL, 0);
}

void journalgen_spawn(struct journalgen *gen, uint64_t began_ns, uint64_t at_ns, uint32_t pid,
	uint32_t child, int32_t error, const char *file, const char *command)
{
	struct hst_journal_spawn fields = { .began_ns = began_ns,
		.call = call_or(gen, HST_CALL_POSIX_SPAWN),
		.flags = gen->next.flags,
		.error = error,
		.child = child,
		.rss_bytes = gen->next.rss_bytes };
	static struct texts texts;

	add_intent(gen, &texts, file, command);
	journalgen_record(gen, HST_JOURNAL_SPAWN, at_ns, pid, &fields, sizeof fields, texts.bytes,
		texts.count);
}

void journalgen_wait(
	struct journalgen *gen, uint64_t at_ns, uint32_t pid, uint32_t child, int32_t status)
{
	struct hst_journal_wait fields = { .call = call_or(gen, HST_CALL_WAITPID),
		.flags = gen->next.flags,
		.child = child,
		.status = status,
		.usage = gen->next.usage };

	journalgen_record(gen, HST_JOURNAL_WAIT, at_ns, pid, &fields, sizeof fields, NULL, 0);
}

void journalgen_end(struct journalgen *gen, uint64_t at_ns, uint32_t pid, int32_t status)
{
	struct hst_journal_end fields = {
		.kind = 1, .status = status, .flags = gen->next.flags, .usage = gen->next.usage
	};

	journalgen_record(gen, HST_JOURNAL_END, at_ns, pid, &fields, sizeof fields, NULL, 0);
}

void journalgen_shell(struct journalgen *gen, uint64_t began_ns, uint64_t at_ns, uint32_t pid,
	enum hst_journal_call call, uint32_t child, int32_t status, const char *command)
{
	struct hst_journal_shell fields = {
		.began_ns = began_ns, .call = call, .child = child, .status = status
	};
	static struct texts texts;

	texts.count = 0;
	add_text(&texts, HST_TEXT_COMMAND, command);
	journalgen_record(gen, HST_JOURNAL_SHELL, at_ns, pid, &fields, sizeof fields, texts.bytes,
		texts.count);
}

void journalgen_no_memory(struct journalgen *gen, uint64_t at_ns, uint32_t pid, uint64_t bytes,
	uint64_t address_space_bytes)
{
	struct hst_journal_no_memory fields = { .bytes = bytes,
		.address_space_bytes = address_space_bytes };

	journalgen_record(gen, HST_JOURNAL_NO_MEMORY, at_ns, pid, &fields, sizeof fields, NULL, 0);
}

void journalgen_run(
	struct journalgen *gen, uint64_t at_ns, uint32_t pid, uint32_t launcher, bool begins)
{
	struct hst_journal_run fields = { .launcher = launcher,
		.flags = HST_JOURNAL_LAUNCHER | (begins ? HST_JOURNAL_BEGINS : 0u),
		.real_ns = 1700000000000000000,
		.interval_ns = 100000000,
		.oom_kills = gen->next.oom_kills,
		.sampling_ns = begins ? HST_JOURNAL_UNKNOWN : 7000 };

	journalgen_record(gen, HST_JOURNAL_RUN, at_ns, pid, &fields, sizeof fields, NULL, 0);
}

void journalgen_system(struct journalgen *gen, const struct hst_journal_system *from)
{
	struct hst_journal_system fields = *from;

	journalgen_record(
		gen, HST_JOURNAL_SYSTEM, from->record.mono_ns, 0, &fields, sizeof fields, NULL, 0);
}

void journalgen_sample(
	struct journalgen *gen, const struct hst_journal_sample *from, const char *name)
{
	struct hst_journal_sample fields = *from;
	static struct texts texts;

	texts.count = 0;
	add_text(&texts, HST_TEXT_NAME, name);
	journalgen_record(gen, HST_JOURNAL_SAMPLE, from->record.mono_ns, from->record.pid, &fields,
		sizeof fields, texts.bytes, texts.count);
}

bool journalgen_save(const struct journalgen *gen, const char *path)
{
	FILE *file = fopen(path, "wbe");
	bool good = file != NULL &&
		    (gen->count == 0 || fwrite(gen->bytes, 1, gen->count, file) == gen->count);

	if (file != NULL) {
		good = fclose(file) == 0 && good;
	}
	return good;
}
