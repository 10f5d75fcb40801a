/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each image used and how its process ended. getrusage counts since the process began, so an image
 * used the difference of two states. If an image did not say what it had used at its end, it is
 * concluded from what its parent got: that of the process and of all that it had waited for.
 */
#include "passes/processes_pass.h"

#include <sys/wait.h>

/* The fields that are sums. */
#define EACH_FIELD(X) \
 X(user_ns)           \
 X(system_ns) X(minor_faults) X(major_faults) X(voluntary) X(involuntary) X(blocks_in) X(blocks_out)

static const struct hst_process_usage nothing_used;
static const struct hst_process_usage nothing_known = { HST_PROCESS_UNKNOWN, HST_PROCESS_UNKNOWN,
	HST_PROCESS_UNKNOWN, HST_PROCESS_UNKNOWN, HST_PROCESS_UNKNOWN, HST_PROCESS_UNKNOWN,
	HST_PROCESS_UNKNOWN, HST_PROCESS_UNKNOWN };

static struct hst_process_usage usage_of(const struct hst_journal_usage *from)
{
#define COPY(field) .field = from->field,
	return (struct hst_process_usage){ EACH_FIELD(COPY) };
#undef COPY
}

static struct hst_process_usage usage_less(
	struct hst_process_usage a, const struct hst_process_usage *b)
{
#define LESS(field) a.field = hst_proc_sub(a.field, b->field);
	EACH_FIELD(LESS)
#undef LESS
	return a;
}

/* Adds what is known; a sum that is not known stays so. */
static void usage_sum(struct hst_process_usage *sum, const struct hst_process_usage *more)
{
#define SUM(field)                                                              \
 if (more->field != HST_PROCESS_UNKNOWN && sum->field != HST_PROCESS_UNKNOWN) { \
  uint64_t added = hst_proc_add(sum->field, more->field);                       \
                                                                                \
  sum->field = added == HST_PROCESS_UNKNOWN ? HST_PROCESS_UNKNOWN - 1 : added;  \
 }
	EACH_FIELD(SUM)
#undef SUM
}

/* Of a sample: what it has. */
static struct hst_process_usage usage_of_sample(const struct hst_journal_sample *from)
{
	struct hst_process_usage usage = nothing_known;

	usage.user_ns = from->user_ns;
	usage.system_ns = from->system_ns;
	usage.minor_faults = from->minor_faults;
	usage.major_faults = from->major_faults;
	usage.voluntary = from->voluntary;
	usage.involuntary = from->involuntary;
	return usage;
}

/* What the process had used when the image began. */
static struct hst_process_usage begin_of(const struct hst_proc_draft *draft)
{
	if (draft->start != NULL) {
		return usage_of(&draft->start->fields->start.base);
	}
	if (draft->intent != NULL && draft->image.previous != HST_PROCESS_NONE &&
		draft->intent->fields->record.type == HST_JOURNAL_EXEC) {
		return usage_of(&draft->intent->fields->exec.usage);
	}
	return draft->image.previous == HST_PROCESS_NONE ? nothing_used : nothing_known;
}

/* The wait that told of a life's usage; NULL: none. */
static const struct hst_journal_usage *waited_usage(const struct hst_proc_life *life)
{
	const struct hst_proc_event *wait = life->wait != NULL ? life->wait : life->launcher_wait;

	return wait == NULL || wait->fields->wait.usage.user_ns == HST_JOURNAL_UNKNOWN
		       ? NULL
		       : &wait->fields->wait.usage;
}

/* What the process had used when the image ended; *ret_sure: it said so itself. */
static struct hst_process_usage end_of(
	const struct hst_proc_pass *pass, const struct hst_proc_draft *draft, bool *ret_sure)
{
	const struct hst_proc_life *life = &pass->lives.items[draft->life];
	const struct hst_journal_usage *waited = waited_usage(life);
	struct hst_process_usage usage;

	*ret_sure = true;
	if (draft->exec_end != NULL &&
		draft->exec_end->fields->exec.usage.user_ns != HST_JOURNAL_UNKNOWN) {
		return usage_of(&draft->exec_end->fields->exec.usage);
	}
	if (draft->image.next != HST_PROCESS_NONE) {
		return begin_of(&pass->drafts.items[draft->image.next]);
	}
	if (life->end != NULL && life->end->fields->end.usage.user_ns != HST_JOURNAL_UNKNOWN) {
		return usage_of(&life->end->fields->end.usage);
	}
	*ret_sure = false;
	if (waited != NULL) {
		usage = usage_of(waited);
		return usage_less(usage, &life->children);
	}
	return life->sample != NULL ? usage_of_sample(&life->sample->fields->sample)
				    : nothing_known;
}

/* What the image's memory cannot have been told from: that of its parent, earlier images, children. */
static uint64_t foreign_rss(const struct hst_proc_draft *draft, const struct hst_proc_life *life)
{
	uint64_t base = life->rss_at_spawn;
	uint64_t before =
		draft->start != NULL ? draft->start->fields->start.base.maxrss_bytes
		: draft->intent != NULL && draft->intent->fields->record.type == HST_JOURNAL_EXEC
			? draft->intent->fields->exec.usage.maxrss_bytes
			: HST_JOURNAL_UNKNOWN;

	if (before != HST_JOURNAL_UNKNOWN && before > base) {
		base = before;
	}
	if (base == 0) {
		return HST_PROCESS_UNKNOWN; /* nothing is known of it: it may be anything */
	}
	return life->children_maxrss > base ? life->children_maxrss : base;
}

static void take_hwm(struct hst_proc_pass *pass, struct hst_proc_draft *draft)
{
	const struct hst_proc_life *life = &pass->lives.items[draft->life];
	struct hst_process_image *image = &draft->image;
	bool last = image->next == HST_PROCESS_NONE;
	const struct hst_journal_usage *waited = last ? waited_usage(life) : NULL;

	image->hwm_bytes = HST_PROCESS_UNKNOWN;
	if (draft->never_ran) {
		return;
	}
	if (draft->exec_end != NULL) {
		image->hwm_bytes = draft->exec_end->fields->exec.usage.hwm_bytes;
	} else if (last && life->end != NULL &&
		   (life->end->fields->end.flags & HST_JOURNAL_VFORKED) == 0) {
		image->hwm_bytes = life->end->fields->end.usage.hwm_bytes;
	}
	if (image->hwm_bytes != HST_PROCESS_UNKNOWN) {
		image->hwm_source = HST_PROCESS_HWM_EXACT;
	} else if (waited != NULL && waited->maxrss_bytes != HST_JOURNAL_UNKNOWN &&
		   waited->maxrss_bytes > foreign_rss(draft, life)) {
		image->hwm_bytes = waited->maxrss_bytes;
		image->hwm_source = HST_PROCESS_HWM_UPPER;
	} else if (draft->sample_hwm != 0) {
		image->hwm_bytes = draft->sample_hwm;
		image->hwm_source = HST_PROCESS_HWM_LOWER;
	}
}

static void take_usage(struct hst_proc_pass *pass, struct hst_proc_draft *draft)
{
	struct hst_process_image *image = &draft->image;
	struct hst_process_usage begin = begin_of(draft);
	struct hst_process_usage end;
	bool sure;

	end = end_of(pass, draft, &sure);
	image->usage = usage_less(end, &begin);
	image->cpu_ns = hst_proc_add(image->usage.user_ns, image->usage.system_ns);
	if (!sure && image->cpu_ns != HST_PROCESS_UNKNOWN) {
		image->flags |= HST_PROCESS_USAGE_ESTIMATED;
	}
	take_hwm(pass, draft);
}

/* Whoever waited for this process has got its usage, too. */
static void tell_waiter(struct hst_proc_pass *pass, const struct hst_proc_life *life)
{
	const struct hst_journal_usage *waited = waited_usage(life);
	struct hst_process_usage usage = nothing_known;
	struct hst_proc_life *waiter;

	if (life->waiter == HST_NO_ITEM) {
		return;
	}
	waiter = &pass->lives.items[pass->drafts.items[life->waiter].life];
	if (waited != NULL) {
		usage = usage_of(waited);
		if (waited->maxrss_bytes != HST_JOURNAL_UNKNOWN &&
			waited->maxrss_bytes > waiter->children_maxrss) {
			waiter->children_maxrss = waited->maxrss_bytes;
		}
	} else if (life->end != NULL) {
		usage = usage_of(&life->end->fields->end.usage);
		usage_sum(&usage, &life->children);
	}
	usage_sum(&waiter->children, &usage);
}

static bool decode_status(struct hst_process_image *image, int status)
{
	if (WIFEXITED(status)) {
		image->exit_status = WEXITSTATUS(status);
		image->signal = 0;
		image->core = false;
		return true;
	}
	if (WIFSIGNALED(status)) {
		image->exit_status = -1;
		image->signal = WTERMSIG(status);
		image->core = WCOREDUMP(status);
		return true;
	}
	return false;
}

/* How the process ended: what the kernel said to whoever waited goes before what it meant to do. */
static void take_end(struct hst_proc_pass *pass, const struct hst_proc_life *life)
{
	struct hst_process_image *image = &pass->drafts.items[life->last].image;

	image->ended = HST_PROCESS_ENDED_UNKNOWN;
	if (life->end != NULL) {
		image->ended = HST_PROCESS_ENDED_SELF;
		image->exit_status = life->end->fields->end.status < 0
					     ? -1
					     : life->end->fields->end.status & 255;
	}
	if (life->shell != NULL && life->shell->fields->shell.error == 0 &&
		decode_status(image, life->shell->fields->shell.status)) {
		image->ended = HST_PROCESS_ENDED_SHELL;
	}
	if (life->launcher_wait != NULL &&
		decode_status(image, life->launcher_wait->fields->wait.status)) {
		image->ended = HST_PROCESS_ENDED_LAUNCHER;
	}
	if (life->wait != NULL && decode_status(image, life->wait->fields->wait.status)) {
		image->ended = HST_PROCESS_ENDED_PARENT;
	}
}

enum hst_status hst_proc_usage(struct hst_proc_pass *pass)
{
	for (size_t i = 0; i < pass->drafts.count; i++) {
		pass->drafts.items[i].image.exit_status = -1;
	}
	/* Children first: what they used is taken out of what their parent's wait says. */
	for (size_t i = pass->by_time.count; i-- > 0;) {
		struct hst_proc_life *life = &pass->lives.items[pass->by_time.items[i]];

		tell_waiter(pass, life);
		take_end(pass, life);
		for (uint32_t at = life->last; at != HST_PROCESS_NONE;
			at = pass->drafts.items[at].image.previous) {
			take_usage(pass, &pass->drafts.items[at]);
		}
	}
	return HST_OK;
}
