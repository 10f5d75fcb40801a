/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The class of each image, with a sentence of evidence. An image that exec ended is OK: its process goes
 * on. Images are judged from the last to the first, so that a driver finds its tools judged.
 */
#include "passes/processes_pass.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANCESTORS_MAX  32u
#define NOT_FOUND      127 /* of shells and loaders */
#define NOT_EXECUTABLE 126 /* of shells */
/* A limit of seconds is kept by ticks of the clock: on a busy machine, some of them were another program's. */
#define NEARLY_NS_PER_S UINT64_C(800000000)

/* The figures behind a verdict. */
struct judge {
	struct hst_proc_pass *pass;
	uint32_t *culprits; /* of images: the first tool below that failed */
	uint64_t oom_kills; /* during the recording */
	bool *no_memory;    /* for an evidence */
};

typedef bool rule_fn(const struct judge *judge, struct hst_process_image *image);

/* Class, value and evidence. */
static bool HST_PRINTF(5, 6) decide(const struct judge *judge, struct hst_process_image *image,
	enum hst_process_class class, int32_t value, const char *fmt, ...)
{
	char text[512];
	char *copy;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	copy = hst_arena_string(&judge->pass->result->arena, text);
	image->class = class;
	image->class_value = value;
	image->evidence = copy != NULL ? copy : "";
	*judge->no_memory |= copy == NULL;
	return true;
}

static const char *signal_name(int32_t number)
{
	const char *name = sigabbrev_np(number);

	return name != NULL ? name : "?";
}

static const struct hst_proc_life *life_of(
	const struct judge *judge, const struct hst_process_image *image)
{
	return &judge->pass->lives.items[image->process];
}

/* Whose helpers a driver answers for. */
static bool is_tool(const struct judge *judge, const struct hst_process_image *image)
{
	size_t at = (size_t)(image - judge->pass->result->images);
	uint8_t phase = judge->pass->own_phases.items[at];

	return phase == HST_PROCESS_PHASE_COMPILE || phase == HST_PROCESS_PHASE_ASSEMBLE ||
	       phase == HST_PROCESS_PHASE_LINK || phase == HST_PROCESS_PHASE_ARCHIVE;
}

static bool failed(const struct hst_process_image *image)
{
	return image->signal != 0 || image->exit_status > 0;
}

/* CPU of all images of the process. */
static uint64_t process_cpu(const struct judge *judge, const struct hst_process_image *image)
{
	const struct hst_process_image *images = judge->pass->result->images;
	uint64_t sum = 0;

	for (;;) {
		sum += image->cpu_ns == HST_PROCESS_UNKNOWN ? 0 : image->cpu_ns;
		if (image->previous == HST_PROCESS_NONE) {
			return sum;
		}
		image = &images[image->previous];
	}
}

/* Did the process end for want of a program to run? A shell may go on after a failed exec. */
static bool had_to_run(const struct hst_process_image *image, int32_t error)
{
	return image->began == HST_PROCESS_BEGAN_FORK &&
	       (error == ENOEXEC ? image->exit_status == NOT_EXECUTABLE : image->exit_status > 0);
}

static bool rule_never_started(const struct judge *judge, struct hst_process_image *image)
{
	const struct hst_proc_life *life = life_of(judge, image);
	bool never_ran = judge->pass->drafts.items[life->last].never_ran;
	const struct hst_proc_attempt *attempt;
	const char *name;
	int32_t error;

	if (!never_ran && life->failures == 0) {
		return false;
	}
	attempt = &judge->pass->attempts.items[life->last_failure];
	error = attempt->failed->fields->exec_failed.error;
	if (!never_ran && !had_to_run(image, error)) {
		return false;
	}
	name = strerrorname_np(error);
	return decide(judge, image, HST_PROCESS_CLASS_EXEC, error, "%s of '%s' failed: %s (%s)",
		hst_journal_call_text(attempt->failed->fields->exec_failed.call),
		attempt->event != NULL && attempt->event->texts->file != NULL
			? attempt->event->texts->file
			: image->command,
		strerror(error), name != NULL ? name : "unknown error");
}

static bool rule_loader(const struct judge *judge, struct hst_process_image *image)
{
	if (image->loaded_ns != HST_PROCESS_UNKNOWN || image->exit_status != NOT_FOUND ||
		image->blind != HST_PROCESS_BLIND_NOT_SEEN || *image->file == '\0') {
		return false;
	}
	return decide(judge, image, HST_PROCESS_CLASS_EXEC, 0,
		"'%s' was started, but none of its code ran, and it ended with 127: the dynamic "
		"loader did not find a library, or refused it",
		image->file);
}

static bool rule_cpu_limit(const struct judge *judge, struct hst_process_image *image)
{
	uint64_t limit = image->limits.cpu_seconds;
	uint64_t cpu_ns = process_cpu(judge, image);
	bool known = limit != HST_PROCESS_UNKNOWN && limit < UINT64_MAX / 1000000000u;

	if (image->signal == SIGXCPU) {
		return decide(judge, image, HST_PROCESS_CLASS_TLE_CPU, image->signal,
			"SIGXCPU: it had used %.2f s of CPU time", (double)cpu_ns / 1e9);
	}
	if ((image->signal != SIGKILL && image->signal != SIGTERM) || !known ||
		cpu_ns < limit * NEARLY_NS_PER_S) {
		return false;
	}
	return decide(judge, image, HST_PROCESS_CLASS_TLE_CPU, image->signal,
		"killed by SIG%s after %.2f s of CPU time; its limit was %" PRIu64 " s",
		signal_name(image->signal), (double)cpu_ns / 1e9, limit);
}

/* The timeout above that ran out; NULL: none. */
static const struct hst_process_image *timed_out(
	const struct judge *judge, const struct hst_process_image *image)
{
	const struct hst_process_image *images = judge->pass->result->images;

	for (unsigned i = 0; i < ANCESTORS_MAX; i++) {
		uint32_t at = image->previous != HST_PROCESS_NONE ? image->previous : image->parent;

		if (at == HST_PROCESS_NONE) {
			return NULL;
		}
		image = &images[at];
		if (hst_proc_ran_out(image)) {
			return image;
		}
	}
	return NULL;
}

static bool rule_timeout(const struct judge *judge, struct hst_process_image *image)
{
	const struct hst_process_image *above;

	if (hst_proc_ran_out(image)) {
		return decide(judge, image, HST_PROCESS_CLASS_TLE_WALL,
			image->signal != 0 ? image->signal : image->exit_status,
			"timeout ended its program after %.2f s", (double)image->wall_ns / 1e9);
	}
	if (image->signal != SIGTERM && image->signal != SIGKILL && image->signal != SIGINT &&
		image->signal != SIGHUP) {
		return false;
	}
	above = timed_out(judge, image);
	if (above == NULL) {
		return false;
	}
	return decide(judge, image, HST_PROCESS_CLASS_TLE_WALL, image->signal,
		"killed by SIG%s below timeout (process %u), whose time was over",
		signal_name(image->signal), above->pid);
}

static bool rule_memory(const struct judge *judge, struct hst_process_image *image)
{
	const struct hst_proc_life *life = life_of(judge, image);
	uint64_t limit = image->limits.address_bytes;
	const struct hst_process_no_memory *event;
	uint64_t wanted;

	if (image->signal == SIGKILL && judge->oom_kills != 0) {
		return decide(judge, image, HST_PROCESS_CLASS_MLE, image->signal,
			"killed by SIGKILL while the kernel killed %" PRIu64
			" process%s for lack of memory",
			judge->oom_kills, judge->oom_kills == 1 ? "" : "es");
	}
	if (life->no_memory == HST_NO_ITEM || !failed(image) || limit == HST_PROCESS_UNKNOWN) {
		return false;
	}
	event = &judge->pass->no_memories.items[life->no_memory];
	wanted = hst_proc_add(event->bytes, event->address_space_bytes);
	if (wanted < limit / 10 * 9) {
		return false;
	}
	return decide(judge, image, HST_PROCESS_CLASS_MLE,
		image->signal != 0 ? image->signal : image->exit_status,
		"an allocation of %" PRIu64 " bytes failed; its limit of address space was %" PRIu64
		" bytes",
		event->bytes, limit);
}

static bool rule_output(const struct judge *judge, struct hst_process_image *image)
{
	if (image->signal != SIGXFSZ) {
		return false;
	}
	if (image->limits.file_bytes == HST_PROCESS_UNKNOWN) {
		return decide(judge, image, HST_PROCESS_CLASS_OLE, image->signal,
			"SIGXFSZ: a file became larger than its limit");
	}
	return decide(judge, image, HST_PROCESS_CLASS_OLE, image->signal,
		"SIGXFSZ: a file became larger than its limit of %" PRIu64 " bytes",
		image->limits.file_bytes);
}

static bool rule_signal(const struct judge *judge, struct hst_process_image *image)
{
	if (image->signal == 0) {
		return false;
	}
	return decide(judge, image, HST_PROCESS_CLASS_RE_SIGNAL, image->signal,
		"killed by SIG%s (%s)%s%s", signal_name(image->signal), strsignal(image->signal),
		image->core ? ", core dumped" : "",
		life_of(judge, image)->no_memory != HST_NO_ITEM
			? "; an allocation had failed before"
			: "");
}

/* A compiler refused, or what builds with it failed for that. */
static bool rule_compile(const struct judge *judge, struct hst_process_image *image)
{
	const struct hst_process_image *images = judge->pass->result->images;
	uint32_t at = (uint32_t)(image - images);
	uint32_t culprit = judge->culprits[at];
	const struct hst_process_image *tool;

	if (image->exit_status <= 0 ||
		(!is_tool(judge, image) &&
			(culprit == HST_PROCESS_NONE ||
				(judge->pass->own_phases.items[at] != HST_PROCESS_PHASE_BUILD &&
					(image->flags & HST_PROCESS_WRAPPER) == 0)))) {
		return false;
	}
	image->culprit = culprit != HST_PROCESS_NONE ? culprit : at;
	tool = &images[image->culprit];
	if (image->culprit == at) {
		return decide(judge, image, HST_PROCESS_CLASS_CE, image->exit_status,
			"%s ended with status %d", image->command, image->exit_status);
	}
	if (tool->signal != 0) {
		return decide(judge, image, HST_PROCESS_CLASS_CE, image->exit_status,
			"its %s (process %u) was killed by SIG%s", tool->command, tool->pid,
			signal_name(tool->signal));
	}
	return decide(judge, image, HST_PROCESS_CLASS_CE, image->exit_status,
		"its %s (process %u) ended with status %d", tool->command, tool->pid,
		tool->exit_status);
}

static bool rule_status(const struct judge *judge, struct hst_process_image *image)
{
	uint32_t culprit = judge->culprits[image - judge->pass->result->images];

	if (image->exit_status <= 0) {
		return false;
	}
	if (culprit != HST_PROCESS_NONE) {
		const struct hst_process_image *tool = &judge->pass->result->images[culprit];

		return decide(judge, image, HST_PROCESS_CLASS_RE_NZEC, image->exit_status,
			"it ended with status %d; below it %s (process %u) failed",
			image->exit_status, tool->command, tool->pid);
	}
	return decide(judge, image, HST_PROCESS_CLASS_RE_NZEC, image->exit_status,
		"it ended with status %d%s", image->exit_status,
		life_of(judge, image)->no_memory != HST_NO_ITEM
			? "; an allocation had failed before"
			: "");
}

static bool rule_orphan(const struct judge *judge, struct hst_process_image *image)
{
	const struct hst_process_image *images = judge->pass->result->images;
	uint32_t root = judge->pass->result->root;

	if ((image->flags & HST_PROCESS_OUTLIVED) == 0 || root == HST_PROCESS_NONE) {
		return false;
	}
	return decide(judge, image, HST_PROCESS_CLASS_ORPHAN, 0,
		"still running when the first process (%u) had ended", images[root].pid);
}

static bool rule_lost(const struct judge *judge, struct hst_process_image *image)
{
	if (image->ended == HST_PROCESS_ENDED_UNKNOWN) {
		return decide(judge, image, HST_PROCESS_CLASS_LOST, 0,
			"its end was not seen; it was last seen after %.3f s of the recording",
			(double)image->end_ns / 1e9);
	}
	if (image->exit_status < 0) {
		return decide(judge, image, HST_PROCESS_CLASS_LOST, 0,
			"it ended by itself, but nobody says with which status");
	}
	return false;
}

/* In this order; what no rule claims is OK. */
static rule_fn *const rules[] = { rule_never_started, rule_loader, rule_cpu_limit, rule_timeout,
	rule_memory, rule_output, rule_signal, rule_compile, rule_status, rule_orphan, rule_lost };

/* The class in full. */
static void name_verdict(const struct judge *judge, struct hst_process_image *image)
{
	const char *text = hst_process_class_text(image->class);
	const char *name = strerrorname_np(image->class_value);
	char full[128];
	char *copy;

	switch (image->class) {
	case HST_PROCESS_CLASS_CE:
		(void)snprintf(full, sizeof full, "%s %.100s", text,
			judge->pass->result->images[image->culprit].command);
		break;
	case HST_PROCESS_CLASS_RE_NZEC:
		(void)snprintf(full, sizeof full, "%s %d", text, image->class_value);
		break;
	case HST_PROCESS_CLASS_RE_SIGNAL:
		(void)snprintf(full, sizeof full, "%s%s", text, signal_name(image->class_value));
		break;
	case HST_PROCESS_CLASS_EXEC:
		(void)snprintf(full, sizeof full, "%s %s", text,
			image->class_value == 0 ? "loader"
			: name != NULL          ? name
						: "?");
		break;
	case HST_PROCESS_CLASS_OK:
	case HST_PROCESS_CLASS_TLE_CPU:
	case HST_PROCESS_CLASS_TLE_WALL:
	case HST_PROCESS_CLASS_MLE:
	case HST_PROCESS_CLASS_OLE:
	case HST_PROCESS_CLASS_ORPHAN:
	case HST_PROCESS_CLASS_LOST:
	case HST_PROCESS_CLASSES:
		image->verdict = text;
		return;
	}
	copy = hst_arena_string(&judge->pass->result->arena, full);
	image->verdict = copy != NULL ? copy : text;
	*judge->no_memory |= copy == NULL;
}

/* A failure of a tool is the reason of those above that failed for it. */
static void tell_above(struct judge *judge, const struct hst_process_image *image)
{
	uint32_t at = (uint32_t)(image - judge->pass->result->images);
	uint32_t culprit = HST_PROCESS_NONE;

	if (image->next != HST_PROCESS_NONE) {
		/* What the images after it met is known to the first, whose parent waits. */
		culprit = judge->culprits[image->next];
	} else if (failed(image)) {
		culprit = judge->culprits[at];
	}
	if (image->next == HST_PROCESS_NONE && culprit == HST_PROCESS_NONE && failed(image) &&
		is_tool(judge, image)) {
		culprit = at;
	}
	judge->culprits[at] = culprit;
	if (image->previous == HST_PROCESS_NONE && image->parent != HST_PROCESS_NONE &&
		culprit != HST_PROCESS_NONE) {
		judge->culprits[image->parent] = culprit; /* the first child comes last */
	}
}

static uint64_t oom_kills(const struct hst_proc_pass *pass)
{
	uint64_t before =
		pass->began == NULL ? HST_JOURNAL_UNKNOWN : pass->began->fields->run.oom_kills;
	uint64_t after = pass->finished == NULL ? HST_JOURNAL_UNKNOWN
						: pass->finished->fields->run.oom_kills;
	uint64_t kills = hst_proc_sub(after, before);

	return kills == HST_PROCESS_UNKNOWN ? 0 : kills;
}

static void judge_one(struct judge *judge, struct hst_process_image *image)
{
	struct hst_processes *result = judge->pass->result;

	if (image->next == HST_PROCESS_NONE) {
		for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
			if (rules[i](judge, image)) {
				break;
			}
		}
		result->classes[image->class]++;
		if (hst_process_class_failed(image->class)) {
			uint64_t *count = image->phase == HST_PROCESS_PHASE_PROBE
						  ? &result->failed_probes
						  : &result->failed;

			(*count)++;
		}
	}
	tell_above(judge, image);
	name_verdict(judge, image);
}

enum hst_status hst_proc_verdicts(struct hst_proc_pass *pass)
{
	size_t count = pass->result->image_count;
	bool no_memory = false;
	struct judge judge = { .pass = pass,
		.no_memory = &no_memory,
		.culprits = malloc((count + 1) * sizeof *judge.culprits),
		.oom_kills = oom_kills(pass) };

	if (judge.culprits == NULL) {
		return HST_E_MEMORY;
	}
	memset(judge.culprits, 0xff, (count + 1) * sizeof *judge.culprits);
	for (size_t i = count; i-- > 0;) {
		judge_one(&judge, &pass->result->images[i]);
	}
	free(judge.culprits);
	return no_memory ? HST_E_MEMORY : HST_OK;
}
