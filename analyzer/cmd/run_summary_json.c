/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the document says, from three sources: the launcher's own figures, which are always there; the model of the processes;
 * the models of calls and memory. A source that cannot be read has a sentence among the losses.
 */
#include "cmd/run_summary.h"

#include "cmd/answered.h"

#include "cmd/common.h"
#include "model/processes.h"
#include "passes/heap.h"
#include "passes/processes.h"
#include "passes/profile.h"
#include "util/vec.h"
#include "writers/json.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define TOP_ROWS     10u
#define FAILURES_MAX 50u
/* A recording beyond this takes so long to read that the end of the run would be felt. */
#define READ_BYTES_MAX (UINT64_C(1) << 30)

struct summary {
	const struct hst_run_outcome *outcome;
	struct hst_json json;
	struct hst_processes processes;
	struct hst_profile profile;
	struct hst_heap heap;
	bool has_processes, has_profile, has_heap;
	const struct hst_process_image *root; /* last image of the first process, NULL unknown */
	HST_VEC(char *) losses;               /* of our own; owned */
};

static void lose(struct summary *summary, const char *fmt, ...) HST_PRINTF(2, 3);

static void lose(struct summary *summary, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0) {
		text = NULL;
	}
	va_end(args);
	if (text != NULL && !hst_vec_push(&summary->losses, text)) {
		free(text);
	}
}

static void number(struct summary *summary, const char *key, uint64_t value)
{
	if (value == UINT64_MAX) {
		hst_json_null(&summary->json, key);
	} else {
		hst_json_u64(&summary->json, key, value);
	}
}

static void text_or_null(struct summary *summary, const char *key, const char *text)
{
	hst_json_string(&summary->json, key, text == NULL || text[0] == '\0' ? NULL : text);
}

static uint64_t bytes_on_disk(const struct hst_session *session)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < session->file_count; i++) {
		struct stat stat_of;

		if (stat(session->files[i].path, &stat_of) == 0) {
			bytes += (uint64_t)stat_of.st_blocks * 512u;
		}
	}
	return bytes;
}

static void read_models(struct summary *summary, const struct hst_session *session)
{
	const struct hst_run_outcome *outcome = summary->outcome;
	const struct hst_profile_options profile = { 0 };
	struct hst_heap_options heap = { 0 };
	struct hst_diag diag = { "" };

	if (session->file_count == 0) {
		return;
	}
	if (bytes_on_disk(session) > READ_BYTES_MAX) {
		lose(summary,
			"functions and allocators are left out: the recording is larger than 1 GiB, and "
			"reading it would hold up the end of the run (hasten report reads it)");
		return;
	}
	if (hst_profile_read(session, &profile, &summary->profile, &diag) != HST_OK) {
		lose(summary, "the calls cannot be read: %s", diag.text);
		return;
	}
	summary->has_profile = true;
	heap.profile = &summary->profile;
	if (!outcome->memory) {
		return;
	}
	if (hst_heap_read(session, &heap, &summary->heap, &diag) != HST_OK) {
		lose(summary, "the memory cannot be read: %s", diag.text);
		return;
	}
	summary->has_heap = summary->heap.recorded;
}

static void read_session(struct summary *summary)
{
	struct hst_session session;
	struct hst_diag diag = { "" };

	if (hst_session_open(summary->outcome->directory, &session, &diag) != HST_OK) {
		lose(summary, "the recording cannot be read: %s", diag.text);
		return;
	}
	read_models(summary, &session);
	hst_session_close(&session);
}

static void read_processes(struct summary *summary)
{
	struct hst_diag diag = { "" };
	uint32_t image;

	if (hst_processes_read(summary->outcome->directory, NULL, &summary->processes, &diag) !=
		HST_OK) {
		lose(summary, "the processes cannot be read: %s", diag.text);
		return;
	}
	summary->has_processes = true;
	image = summary->processes.root;
	while (image < summary->processes.image_count) {
		summary->root = &summary->processes.images[image];
		image = summary->root->next > image ? summary->root->next : HST_PROCESS_NONE;
	}
}

/* What the wait status alone tells; the model of the processes knows more. */
static enum hst_process_class own_class(const struct hst_run_outcome *outcome)
{
	if (!outcome->started) {
		return HST_PROCESS_CLASS_EXEC;
	}
	if (WIFSIGNALED(outcome->wait_status)) {
		int signal = WTERMSIG(outcome->wait_status);

		return signal == SIGXCPU   ? HST_PROCESS_CLASS_TLE_CPU
		       : signal == SIGXFSZ ? HST_PROCESS_CLASS_OLE
					   : HST_PROCESS_CLASS_RE_SIGNAL;
	}
	return WEXITSTATUS(outcome->wait_status) == 0 ? HST_PROCESS_CLASS_OK
						      : HST_PROCESS_CLASS_RE_NZEC;
}

static void own_verdict(const struct hst_run_outcome *outcome, enum hst_process_class class,
	char *verdict, size_t verdict_bytes, char *evidence, size_t evidence_bytes)
{
	const char *word = hst_process_class_text(class);
	const char *name;

	(void)snprintf(verdict, verdict_bytes, "%s", word);
	evidence[0] = '\0';
	if (!outcome->started) {
		name = outcome->error == 0 ? NULL : strerrorname_np(outcome->error);
		(void)snprintf(verdict, verdict_bytes, "%s%s%s", word, name != NULL ? " " : "",
			name != NULL ? name : "");
		(void)snprintf(evidence, evidence_bytes, "%s", outcome->reason);
	} else if (WIFSIGNALED(outcome->wait_status)) {
		name = sigabbrev_np(WTERMSIG(outcome->wait_status));
		(void)snprintf(evidence, evidence_bytes, "it was ended by signal %d%s%s%s",
			WTERMSIG(outcome->wait_status), name != NULL ? " (SIG" : "",
			name != NULL ? name : "", name != NULL ? ")" : "");
		if (class == HST_PROCESS_CLASS_RE_SIGNAL && name != NULL) {
			(void)snprintf(verdict, verdict_bytes, "RE-SIG%s", name);
		}
	} else if (class == HST_PROCESS_CLASS_RE_NZEC) {
		(void)snprintf(
			verdict, verdict_bytes, "%s %d", word, WEXITSTATUS(outcome->wait_status));
		(void)snprintf(evidence, evidence_bytes, "it exited with status %d",
			WEXITSTATUS(outcome->wait_status));
	}
}

static void put_status(struct summary *summary)
{
	const struct hst_run_outcome *outcome = summary->outcome;
	bool exited = outcome->started && WIFEXITED(outcome->wait_status);
	bool killed = outcome->started && WIFSIGNALED(outcome->wait_status);
	enum hst_process_class class = own_class(outcome);
	struct hst_json *json = &summary->json;
	char verdict[64];
	char evidence[sizeof outcome->reason + 64];
	char name[32] = "";

	own_verdict(outcome, class, verdict, sizeof verdict, evidence, sizeof evidence);
	if (killed && sigabbrev_np(WTERMSIG(outcome->wait_status)) != NULL) {
		(void)snprintf(
			name, sizeof name, "SIG%s", sigabbrev_np(WTERMSIG(outcome->wait_status)));
	}
	hst_json_object(json, "status");
	number(summary, "exit", exited ? (uint64_t)WEXITSTATUS(outcome->wait_status) : UINT64_MAX);
	number(summary, "signal", killed ? (uint64_t)WTERMSIG(outcome->wait_status) : UINT64_MAX);
	text_or_null(summary, "signal_name", name);
	hst_json_bool(json, "core", killed && WCOREDUMP(outcome->wait_status));
	hst_json_u64(json, "returned", (uint64_t)outcome->returned);
	hst_json_string(json, "class",
		hst_process_class_text(summary->root != NULL ? summary->root->class : class));
	hst_json_string(json, "verdict", summary->root != NULL ? summary->root->verdict : verdict);
	text_or_null(
		summary, "evidence", summary->root != NULL ? summary->root->evidence : evidence);
	hst_json_end(json);
}

/* The largest image of which it is known; the launcher's samples otherwise. */
static uint64_t image_peak(const struct summary *summary, enum hst_process_hwm *ret_source)
{
	const struct hst_run_watch *watch = summary->outcome->watch;
	uint64_t peak = 0;

	*ret_source = HST_PROCESS_HWM_UNKNOWN;
	for (size_t i = 0; i < summary->processes.image_count; i++) {
		const struct hst_process_image *image = &summary->processes.images[i];
		bool known = image->hwm_source == HST_PROCESS_HWM_EXACT ||
			     image->hwm_source == HST_PROCESS_HWM_LOWER;

		if (known && image->hwm_bytes != HST_PROCESS_UNKNOWN && image->hwm_bytes > peak) {
			peak = image->hwm_bytes;
			*ret_source = image->hwm_source;
		}
	}
	/* A sample may be later than what a process said at its end; the model has samples where nothing better is. */
	if (peak == 0 && watch != NULL && watch->sampler.image_peak_bytes != 0) {
		peak = watch->sampler.image_peak_bytes;
		*ret_source = HST_PROCESS_HWM_LOWER;
	}
	if (peak == 0 && summary->outcome->started) {
		peak = (uint64_t)summary->outcome->usage.ru_maxrss * 1024u;
		*ret_source = HST_PROCESS_HWM_UPPER;
	}
	return peak == 0 ? UINT64_MAX : peak;
}

static void put_resources(struct summary *summary)
{
	const struct hst_run_outcome *outcome = summary->outcome;
	const struct hst_run_watch *watch = outcome->watch;
	struct hst_json *json = &summary->json;
	enum hst_process_hwm source;
	uint64_t peak = image_peak(summary, &source);
	bool ran = outcome->started;

	number(summary, "wall_ns", ran ? outcome->wall_ns : UINT64_MAX);
	number(summary, "user_ns",
		ran ? hst_run_time_ns(outcome->usage.ru_utime) +
				(watch ? watch->orphans_user_ns : 0)
		    : UINT64_MAX);
	number(summary, "system_ns",
		ran ? hst_run_time_ns(outcome->usage.ru_stime) +
				(watch ? watch->orphans_system_ns : 0)
		    : UINT64_MAX);
	hst_json_object(json, "memory");
	number(summary, "image_peak_bytes", peak);
	hst_json_string(json, "image_peak_source", hst_process_hwm_text(source));
	number(summary, "tree_peak_bytes",
		watch == NULL || watch->sampler.tree_peak_bytes == 0
			? UINT64_MAX
			: watch->sampler.tree_peak_bytes);
	number(summary, "allocated_peak_bytes",
		summary->has_heap ? summary->heap.sum.peak_bytes : UINT64_MAX);
	number(summary, "leaked_bytes",
		summary->has_heap ? summary->heap.sum.leaked_bytes : UINT64_MAX);
	number(summary, "oom_kills", watch == NULL ? UINT64_MAX : watch->mark.oom_kills);
	hst_json_end(json);
}

static void put_processes(struct summary *summary)
{
	const struct hst_processes *processes = &summary->processes;
	const struct hst_run_watch *watch = summary->outcome->watch;
	struct hst_json *json = &summary->json;
	bool has = summary->has_processes;

	hst_json_object(json, "processes");
	number(summary, "count", has ? processes->processes : UINT64_MAX);
	number(summary, "images", has ? (uint64_t)processes->image_count : UINT64_MAX);
	number(summary, "failed", has ? processes->failed : UINT64_MAX);
	number(summary, "cpu_ns", has ? processes->cpu_ns : UINT64_MAX);
	number(summary, "orphans", watch == NULL ? UINT64_MAX : watch->orphans);
	number(summary, "left_running", watch == NULL ? UINT64_MAX : (uint64_t)watch->left);
	hst_json_end(json);
}

static void put_phases(struct summary *summary)
{
	struct hst_json *json = &summary->json;

	hst_json_array(json, "phases");
	for (size_t i = 0; i < summary->processes.phase_count; i++) {
		const struct hst_process_phase_row *row = &summary->processes.phases[i];

		hst_json_row(json, NULL);
		text_or_null(summary, "language", row->language);
		hst_json_string(json, "phase", hst_process_phase_text(row->phase));
		hst_json_u64(json, "count", row->count);
		hst_json_u64(json, "failed", row->failed);
		hst_json_u64(json, "wall_ns", row->wall_ns);
		hst_json_u64(json, "cpu_ns", row->cpu_ns);
		number(summary, "wall_p50_ns", row->wall.p50);
		number(summary, "wall_max_ns", row->wall.max);
		number(summary, "cpu_p50_ns", row->cpu.p50);
		number(summary, "cpu_max_ns", row->cpu.max);
		number(summary, "peak_max_bytes", row->hwm.max);
		hst_json_double(json, "cpu_share", row->cpu_share, 4);
		hst_json_double(json, "wall_share", row->wall_share, 4);
		hst_json_end(json);
	}
	hst_json_end(json);
}

static bool is_failure(const struct hst_process_image *image)
{
	return hst_process_class_failed(image->class) && image->phase != HST_PROCESS_PHASE_PROBE;
}

static void put_failures(struct summary *summary)
{
	const struct hst_processes *processes = &summary->processes;
	struct hst_json *json = &summary->json;
	uint64_t left_out = 0;
	uint64_t written = 0;

	hst_json_array(json, "failures");
	for (size_t i = 0; i < processes->image_count; i++) {
		const struct hst_process_image *image = &processes->images[i];

		if (!is_failure(image)) {
			continue;
		}
		if (written++ >= FAILURES_MAX) {
			left_out++;
			continue;
		}
		hst_json_row(json, NULL);
		hst_json_u64(json, "pid", image->pid);
		hst_json_string(json, "command", image->command);
		text_or_null(summary, "language", image->language);
		hst_json_string(json, "phase", hst_process_phase_text(image->phase));
		hst_json_string(json, "class", hst_process_class_text(image->class));
		hst_json_string(json, "verdict", image->verdict);
		text_or_null(summary, "evidence", image->evidence);
		number(summary, "wall_ns", image->wall_ns);
		number(summary, "cpu_ns", image->cpu_ns);
		number(summary, "peak_bytes", image->hwm_bytes);
		hst_json_string(json, "peak_source", hst_process_hwm_text(image->hwm_source));
		hst_json_end(json);
	}
	hst_json_end(json);
	hst_json_u64(json, "failures_left_out", left_out);
}

/* The rows with the greatest keys, greatest first. */
struct top {
	size_t index[TOP_ROWS];
	uint64_t key[TOP_ROWS];
	size_t count;
};

static void rank(struct top *top, size_t index, uint64_t key)
{
	size_t at = top->count;

	if (key == 0) {
		return;
	}
	while (at > 0 && top->key[at - 1] < key) {
		at--;
	}
	if (at == TOP_ROWS) {
		return;
	}
	top->count += top->count < TOP_ROWS;
	for (size_t i = top->count - 1; i > at; i--) {
		top->index[i] = top->index[i - 1];
		top->key[i] = top->key[i - 1];
	}
	top->index[at] = index;
	top->key[at] = key;
}

static void put_functions(struct summary *summary)
{
	const struct hst_profile *profile = &summary->profile;
	struct hst_json *json = &summary->json;
	struct top top = { .count = 0 };

	for (size_t i = 0; i < profile->function_count; i++) {
		rank(&top, i, profile->functions[i].self_ns + (profile->functions[i].calls != 0));
	}
	if (top.count == 0) {
		return;
	}
	hst_json_array(json, "functions");
	for (size_t i = 0; i < top.count; i++) {
		const struct hst_function_row *row = &profile->functions[top.index[i]];

		hst_json_row(json, NULL);
		hst_json_place(json, row);
		hst_json_u64(json, "self_ns", row->self_ns);
		hst_json_u64(json, "total_ns", row->total_ns);
		hst_json_u64(json, "calls", row->calls);
		hst_json_end(json);
	}
	hst_json_end(json);
}

static void put_allocators(struct summary *summary)
{
	const struct hst_heap *heap = &summary->heap;
	struct hst_json *json = &summary->json;
	struct top top = { .count = 0 };

	if (!summary->has_heap) {
		return;
	}
	for (size_t i = 0; i < heap->function_count; i++) {
		rank(&top, i, heap->functions[i].self.bytes);
	}
	hst_json_array(json, "allocators");
	for (size_t i = 0; i < top.count; i++) {
		const struct hst_heap_function *function = &heap->functions[top.index[i]];

		hst_json_row(json, NULL);
		hst_json_place(
			json, function->row < heap->row_count ? &heap->rows[function->row] : NULL);
		hst_json_u64(json, "alloc_calls", function->self.allocs);
		hst_json_u64(json, "alloc_bytes", function->self.bytes);
		hst_json_u64(json, "peak_bytes", function->self.peak_bytes);
		hst_json_u64(json, "leaked_bytes", function->self.leaked_bytes);
		hst_json_end(json);
	}
	hst_json_end(json);
}

struct notes {
	const struct hst_note *items;
	size_t count;
};

/* Losses, or the other notes, of all sources; equal ones once. */
static void put_notes(struct summary *summary, const char *key, bool loss)
{
	const struct notes sources[] = {
		{ summary->processes.notes, summary->processes.note_count },
		{ summary->profile.notes, summary->profile.note_count },
		{ summary->heap.notes, summary->heap.note_count },
	};
	HST_VEC(const char *) said = { 0 };

	hst_json_array(&summary->json, key);
	for (size_t i = 0; loss && i < summary->losses.count; i++) {
		hst_json_string(&summary->json, NULL, summary->losses.items[i]);
	}
	for (size_t s = 0; s < sizeof sources / sizeof sources[0]; s++) {
		for (size_t i = 0; i < sources[s].count; i++) {
			const struct hst_note *note = &sources[s].items[i];
			bool again = note->loss != loss;

			for (size_t j = 0; !again && j < said.count; j++) {
				again = strcmp(said.items[j], note->text) == 0;
			}
			if (!again && hst_vec_push(&said, note->text)) {
				hst_json_string(&summary->json, NULL, note->text);
			}
		}
	}
	hst_json_end(&summary->json);
	hst_vec_finish(&said);
}

static bool is_complete(const struct summary *summary)
{
	return summary->losses.count == 0 &&
	       (!summary->has_processes || summary->processes.complete) &&
	       (!summary->has_profile || summary->profile.complete) &&
	       (!summary->has_heap || summary->heap.complete);
}

static void put_command(struct summary *summary)
{
	const struct hst_run_outcome *outcome = summary->outcome;
	struct hst_json *json = &summary->json;

	hst_json_list(json, "command");
	for (size_t i = 0; outcome->argv[i] != NULL; i++) {
		hst_json_string(json, NULL, outcome->argv[i]);
	}
	hst_json_end(json);
	hst_json_string(json, "directory", outcome->directory);
	if (outcome->began_real_ns != 0) {
		hst_json_i64(json, "began_unix_ns", outcome->began_real_ns);
	} else {
		hst_json_null(json, "began_unix_ns");
	}
}

/* Of a run with --plan. */
static void put_plan(struct summary *summary)
{
	if (summary->outcome->plan != NULL) {
		hst_json_string(&summary->json, "plan", summary->outcome->plan);
		if (summary->has_profile) {
			hst_answered_json(&summary->json, &summary->profile);
		}
	}
}

static void put_all(struct summary *summary)
{
	struct hst_json *json = &summary->json;

	hst_json_object(json, NULL);
	hst_json_u64(json, "schema", 1);
	put_command(summary);
	put_status(summary);
	put_resources(summary);
	put_processes(summary);
	put_phases(summary);
	put_failures(summary);
	put_functions(summary);
	put_allocators(summary);
	put_plan(summary);
	hst_json_bool(json, "complete", is_complete(summary));
	put_notes(summary, "losses", true);
	put_notes(summary, "notes", false);
	hst_json_end(json);
	hst_json_finish(json);
}

static void take_losses(struct summary *summary, const char *left_out)
{
	const struct hst_run_outcome *outcome = summary->outcome;
	const struct hst_run_watch *watch = outcome->watch;

	if (left_out != NULL) {
		lose(summary, "processes, functions and allocators are left out: %s", left_out);
	}
	if (outcome->unrecorded[0] != '\0') {
		lose(summary, "it was not recorded: %s", outcome->unrecorded);
	}
	if (watch != NULL && watch->journal.error != 0) {
		lose(summary,
			"not all of the processes is recorded: " HST_JOURNAL_NAME
			" could not be written: %s",
			strerror(watch->journal.error));
	}
}

void hst_run_summary_compose(
	FILE *out, const struct hst_run_outcome *outcome, bool whole, const char *left_out)
{
	struct summary summary = { .outcome = outcome };

	take_losses(&summary, left_out);
	if (whole && outcome->directory != NULL) {
		read_processes(&summary);
		read_session(&summary);
	}
	hst_json_begin(&summary.json, out);
	put_all(&summary);
	hst_heap_finish(&summary.heap);
	hst_profile_finish(&summary.profile);
	hst_processes_finish(&summary.processes);
	for (size_t i = 0; i < summary.losses.count; i++) {
		free(summary.losses.items[i]);
	}
	hst_vec_finish(&summary.losses);
}
