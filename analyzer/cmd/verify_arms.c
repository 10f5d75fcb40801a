/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two arms of a verification.
 *
 *   baseline: the program (or PROG) as its user has it who does not use hasten: without any library of ours
 *   plan:     the program with the preload and the plan, as plan_environment() says
 *
 * Where the stack of a program begins depends on the size of its environment, and its speed may depend on that. So the
 * environments are equally large: where the one has a variable of ours, the other has one of no meaning.
 */
#include "cmd/run_clock.h"
#include "cmd/run_env.h"
#include "cmd/run_needed.h"
#include "cmd/verify.h"
#include "plan/plan_read.h"
#include "symbols/elf_file.h"
#include "util/hex.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PADDING "HST_PAD="
#define PRELOAD "LD_PRELOAD="

/* Variables that the plan's environment has and the program's own had not: to be made meaningless in the other one. */
static bool is_ours(const char *entry)
{
	return strncmp(entry, "HASTEN_", 7) == 0;
}

/* `length` bytes with the zero: a variable without meaning. */
static char *make_padding(size_t length)
{
	char *entry = malloc(length < sizeof PADDING ? sizeof PADDING : length);

	if (entry != NULL) {
		memcpy(entry, PADDING, sizeof PADDING);
		if (length > sizeof PADDING) {
			memset(entry + sizeof PADDING - 1, 'x', length - sizeof PADDING);
			entry[length - 1] = '\0';
		}
	}
	return entry;
}

/* LD_PRELOAD without `library`; colons, which mean nothing, take its room. NULL: out of memory. */
static char *without_library(const char *entry, const char *library)
{
	size_t length = strlen(entry);
	size_t name = strlen(library);
	char *other = strdup(entry);
	char *at = other != NULL ? strstr(other + sizeof PRELOAD - 1, library) : NULL;

	if (other == NULL) {
		return NULL;
	}
	if (at != NULL) {
		memset(at, ':', name);
	}
	if (strspn(other + sizeof PRELOAD - 1, ": ") == length - (sizeof PRELOAD - 1)) {
		free(other);
		return make_padding(length + 1);
	}
	return other;
}

/* The environment of the baseline: that of the plan, and nothing of ours in it. NULL: out of memory. */
static char **plain_environment(char *const *with, const char *library)
{
	char **plain;
	size_t count = 0;
	bool failed = false;

	while (with[count] != NULL) {
		count++;
	}
	plain = calloc(count + 1, sizeof *plain);
	if (plain == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		plain[i] = is_ours(with[i]) ? make_padding(strlen(with[i]) + 1)
			   : strncmp(with[i], PRELOAD, sizeof PRELOAD - 1) == 0
				   ? without_library(with[i], library)
				   : strdup(with[i]);
		failed |= plain[i] == NULL;
	}
	if (failed) {
		for (size_t i = 0; i < count; i++) {
			free(plain[i]);
		}
		free(plain);
		return NULL;
	}
	return plain;
}

/*
 * How the program with the plan is started: as `hasten run --plan` does in its cheapest form, with sums instead of
 * events, without allocations and CPU time. The one place to change that. NULL: out of memory.
 */
static char **plan_environment(const struct hst_verify_arms *arms, uint64_t tsc_hz)
{
	const struct hst_run_options options = {
		.mode = "profile", .no_memory = true, .no_cpu = true, .no_record = true
	};
	const struct hst_run_env env = {
		.library = arms->library,
		.directory = arms->dir.path,
		.plan = arms->plan_path,
		.tsc_hz = tsc_hz,
		.asan = arms->plan.asan_shared,
	};

	return hst_run_env_make(&env, &options);
}

/* The trace of a run is not wanted: the next one makes its own. */
static void forget_traces(void *context)
{
	const struct hst_verify_arms *arms = context;
	int fd = openat(arms->dir.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (folder == NULL) {
		if (fd >= 0) {
			close(fd);
		}
		return;
	}
	while ((entry = readdir(folder)) != NULL) {
		const char *end = strrchr(entry->d_name, '.');

		if (end != NULL && (strcmp(end, ".hst") == 0 || strcmp(end, ".hsj") == 0)) {
			(void)unlinkat(fd, entry->d_name, 0);
		}
	}
	closedir(folder);
}

static enum hst_status make_directory(const struct hst_verify_options *options,
	struct hst_verify_arms *arms, uint64_t *ret_tsc_hz, struct hst_diag *diag)
{
	const char *named = getenv("TMPDIR");
	struct hst_run_session session = { 0 };
	struct hst_process_stat self = { 0 };
	struct hst_run_clock clock;
	char *folder = realpath(named != NULL && named[0] != '\0' ? named : "/tmp", NULL);
	char *name = NULL;
	enum hst_status status;

	if (asprintf(&arms->temporary, "%s/hasten-verify-XXXXXX",
		    folder != NULL ? folder : "/tmp") < 0) {
		arms->temporary = NULL;
	}
	free(folder);
	if (arms->temporary == NULL || mkdtemp(arms->temporary) == NULL) {
		free(arms->temporary);
		arms->temporary = NULL;
		return hst_diag_set(diag, HST_E_IO,
			"verify: no temporary directory can be made: %s; name a folder for it in TMPDIR",
			strerror(errno));
	}
	if (asprintf(&name, "%s/data", arms->temporary) < 0) {
		return hst_diag_set(diag, HST_E_MEMORY, "verify: out of memory");
	}
	status = hst_run_session_init(&session, options->program, diag);
	if (status == HST_OK) {
		hst_run_clock_start(&clock, session.boot_id);
		*ret_tsc_hz = clock.cached_hz;
		(void)hst_process_stat(getpid(), &self);
		session.root = getpid();
		session.root_start = self.start;
		status = hst_run_dir_create(name, &session, &arms->dir, diag);
	}
	hst_run_session_finish(&session);
	free(name);
	return status;
}

struct for_whom {
	const struct hst_plan_content *plan;
	struct hst_build_id first; /* of the program itself */
	bool asked, is;
};

static void look_at_file(void *context, const char *path)
{
	struct for_whom *whom = context;
	struct hst_elf elf;

	if (hst_elf_open(path, &elf, NULL) == HST_OK) {
		whom->is |=
			hst_plan_content_is_for(whom->plan, elf.build_id.bytes, elf.build_id.count);
		if (!whom->asked) {
			whom->first = elf.build_id;
		}
		hst_elf_close(&elf);
	}
	whom->asked = true;
}

static const char *hexadecimal(const uint8_t *bytes, size_t count, char *buffer, size_t size)
{
	if (count == 0) {
		return "none";
	}
	(void)hst_hex(buffer, size, bytes, count);
	return buffer;
}

/* Is there anything in the plan for the program or a library that it needs? */
static enum hst_status check_plan(const struct hst_verify_options *options, const char *path,
	const struct hst_elf_advice *advice, struct hst_diag *diag)
{
	struct hst_plan_content content;
	struct for_whom whom = { .plan = &content, .is = options->force };
	enum hst_status status = HST_OK;
	char ids[2][24];

	HST_TRY(hst_plan_content_read(path, &content, diag));
	if (content.section_count == 0) {
		hst_plan_content_finish(&content);
		return hst_diag_set(diag, HST_E_EMPTY,
			"%s changes nothing: it has no sections; make one with hasten optimize -o",
			options->plan);
	}
	if (!whom.is) {
		hst_run_each_file(advice, look_at_file, &whom);
	}
	if (!whom.is) {
		status = hst_diag_set(diag, HST_E_USAGE,
			"%s is for another build than %s: it has nothing for its build-id %s, nor for a library that it needs (its "
			"first one is %s): make the plan anew with hasten optimize -o; --force, if it is for what the program loads or "
			"starts later",
			options->plan, advice->image,
			hexadecimal(whom.first.bytes, whom.first.count, ids[0], sizeof ids[0]),
			hexadecimal(content.sections[0].build_id,
				content.sections[0].build_id_bytes, ids[1], sizeof ids[1]));
	}
	hst_plan_content_finish(&content);
	return status;
}

static const char *advice_text(const struct hst_elf_advice *advice)
{
	for (size_t i = 0; i < advice->line_count; i++) {
		if (advice->lines[i].error) {
			return advice->lines[i].text;
		}
	}
	return advice->line_count != 0 ? advice->lines[0].text : "it cannot be examined";
}

static enum hst_status find_programs(const struct hst_verify_options *options,
	struct hst_verify_arms *arms, struct hst_diag *diag)
{
	const struct hst_elf_advice *advice = &arms->plan;

	hst_elf_advise(options->program[0], &arms->plan);
	hst_elf_advise(options->baseline != NULL ? options->baseline : options->program[0],
		&arms->baseline);
	if (advice->verdict == HST_ELF_NOT_FOUND || advice->verdict == HST_ELF_NOT_EXECUTABLE) {
		return hst_diag_set(diag, HST_E_USAGE, "verify: %s", advice_text(advice));
	}
	if (advice->verdict == HST_ELF_PLAIN) {
		return hst_diag_set(diag, HST_E_USAGE, "verify: no plan can be applied: %s",
			advice_text(advice));
	}
	if (arms->baseline.verdict == HST_ELF_NOT_FOUND ||
		arms->baseline.verdict == HST_ELF_NOT_EXECUTABLE) {
		return hst_diag_set(
			diag, HST_E_USAGE, "verify: --baseline: %s", advice_text(&arms->baseline));
	}
	return HST_OK;
}

/* Paths of different lengths move the stack as well. false: out of memory. */
static bool even_paths(struct hst_verify_arms *arms)
{
	const char *paths[HST_VERIFY_ARMS] = { arms->baseline.path, arms->plan.path };
	size_t lengths[HST_VERIFY_ARMS] = { strlen(paths[0]), strlen(paths[1]) };

	for (size_t arm = 0; arm < HST_VERIFY_ARMS && lengths[0] != lengths[1]; arm++) {
		size_t other = lengths[1 - arm];
		size_t more = other > lengths[arm] ? other - lengths[arm] : 0;
		size_t count = 0;
		char **grown;

		while (arms->environment[arm][count] != NULL) {
			count++;
		}
		grown = realloc(arms->environment[arm], (count + 2) * sizeof *grown);
		if (grown == NULL) {
			return false;
		}
		arms->environment[arm] = grown;
		grown[count] = make_padding(sizeof PADDING + more);
		grown[count + 1] = NULL;
		if (grown[count] == NULL) {
			return false;
		}
	}
	return true;
}

static enum hst_status make_environments(
	struct hst_verify_arms *arms, uint64_t tsc_hz, struct hst_diag *diag)
{
	char **with = plan_environment(arms, tsc_hz);

	arms->environment[HST_VERIFY_PLAN] = with;
	if (with != NULL) {
		arms->environment[HST_VERIFY_BASE] = plain_environment(with, arms->library);
	}
	return with != NULL && arms->environment[HST_VERIFY_BASE] != NULL && even_paths(arms)
		       ? HST_OK
		       : hst_diag_set(diag, HST_E_MEMORY, "verify: out of memory");
}

enum hst_status hst_verify_arms_make(const struct hst_verify_options *options,
	struct hst_verify_arms *arms, struct hst_verify_task *task, struct hst_diag *diag)
{
	uint64_t tsc_hz = 0;

	HST_TRY(find_programs(options, arms, diag));
	arms->plan_path = realpath(options->plan, NULL);
	if (arms->plan_path == NULL) {
		return hst_diag_set(diag, errno == ENOENT ? HST_E_NOT_FOUND : HST_E_IO,
			"%s cannot be read: %s; it is to be a plan: make one with hasten optimize -o",
			options->plan, strerror(errno));
	}
	HST_TRY(check_plan(options, arms->plan_path, &arms->plan, diag));
	HST_TRY(hst_run_find_library(&arms->library, diag));
	HST_TRY(make_directory(options, arms, &tsc_hz, diag));
	HST_TRY(make_environments(arms, tsc_hz, diag));
	for (size_t arm = 0; arm < HST_VERIFY_ARMS; arm++) {
		const struct hst_elf_advice *advice =
			arm == HST_VERIFY_PLAN ? &arms->plan : &arms->baseline;

		/* The same name for both: what a program says of itself shall not differ. */
		task->arms[arm] = (struct hst_verify_arm){ .path = advice->path,
			.shell = !advice->elf,
			.argv = options->program,
			.environment = arms->environment[arm] };
	}
	task->arms[HST_VERIFY_PLAN].after = forget_traces;
	task->arms[HST_VERIFY_PLAN].context = arms;
	return HST_OK;
}

void hst_verify_arms_finish(struct hst_verify_arms *arms)
{
	for (size_t arm = 0; arm < HST_VERIFY_ARMS; arm++) {
		hst_run_env_free(arms->environment[arm]);
	}
	if (arms->dir.path != NULL) {
		hst_run_dir_discard(&arms->dir);
	}
	hst_run_dir_finish(&arms->dir);
	if (arms->temporary != NULL) {
		(void)rmdir(arms->temporary);
	}
	free(arms->temporary);
	free(arms->library);
	free(arms->plan_path);
	hst_elf_advice_finish(&arms->plan);
	hst_elf_advice_finish(&arms->baseline);
}
