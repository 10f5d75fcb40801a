/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events in order of time to lives and their images. A pid is given anew only after its process was
 * waited for; what the journal does not tell (a wait within libc, a lost record) is concluded: a record
 * that only a new process can write begins a new life.
 */
#include "passes/processes_pass.h"

#include <string.h>
#include <sys/wait.h>

/* A sample may be written a little after the end that it does not know of. */
#define SAMPLE_LATE_NS UINT64_C(100000000)
/* And between a fork and the first record of the child, which takes a busy machine so long at most. */
#define SAMPLE_EARLY_NS UINT64_C(1000000000)

typedef bool take_fn(struct hst_proc_pass *pass, const struct hst_proc_event *event);

uint32_t hst_proc_life_of(const struct hst_proc_pass *pass, uint32_t pid)
{
	uint32_t life = HST_NO_ITEM;

	(void)hst_map_get(&pass->alive, pid, &life);
	return life;
}

static struct hst_proc_life *life_at(struct hst_proc_pass *pass, uint32_t life)
{
	return life == HST_NO_ITEM ? NULL : &pass->lives.items[life];
}

static bool waited(const struct hst_proc_life *life)
{
	return life->wait != NULL || life->launcher_wait != NULL;
}

static bool gone(const struct hst_proc_life *life)
{
	return waited(life) || life->shell != NULL || life->end != NULL;
}

/* The image that a pid runs now, HST_NO_ITEM. */
static uint32_t draft_of(const struct hst_proc_pass *pass, uint32_t pid)
{
	uint32_t life = hst_proc_life_of(pass, pid);

	return life >= pass->lives.count ? HST_NO_ITEM : pass->lives.items[life].last;
}

uint32_t hst_proc_draft_add(struct hst_proc_pass *pass, uint32_t life, uint64_t at_ns)
{
	struct hst_proc_life *of = &pass->lives.items[life];
	struct hst_proc_draft draft = { .life = life,
		.origin = HST_NO_ITEM,
		.start_mono = at_ns,
		.sample_hwm = of->sample_hwm,
		.attempt = of->last_failure,
		.attempt_count = of->failures,
		.image = { .pid = of->pid,
			.ppid = of->ppid,
			.process = life,
			.previous = of->last,
			.next = HST_NO_ITEM } };
	uint32_t at = (uint32_t)pass->drafts.count;

	if (at == HST_NO_ITEM || !hst_vec_push(&pass->drafts, draft)) {
		return HST_NO_ITEM;
	}
	if (of->last == HST_NO_ITEM) {
		of->first = at;
	} else {
		struct hst_proc_draft *previous = &pass->drafts.items[of->last];

		previous->image.next = at;
		previous->end_mono = at_ns;
		previous->image.ended = HST_PROCESS_ENDED_EXEC;
	}
	of->last = at;
	of->failures = 0;
	of->sample_hwm = 0;
	return at;
}

/* The pending exec or spawn, if any, began this image. */
static void take_intent(struct hst_proc_pass *pass, uint32_t at)
{
	struct hst_proc_draft *draft = &pass->drafts.items[at];
	struct hst_proc_life *life = &pass->lives.items[draft->life];
	const struct hst_proc_event *intent = life->pending;
	bool first = draft->image.previous == HST_NO_ITEM;

	draft->image.began = first ? HST_PROCESS_BEGAN_UNKNOWN : HST_PROCESS_BEGAN_EXEC;
	if (intent == NULL) {
		return;
	}
	draft->intent = intent;
	if (intent->at_ns < draft->start_mono || first) {
		draft->start_mono = intent->at_ns;
	}
	life->pending = NULL;
	if (first) {
		draft->image.began = HST_PROCESS_BEGAN_SPAWN;
		return;
	}
	pass->drafts.items[draft->image.previous].exec_end = intent;
	pass->drafts.items[draft->image.previous].end_mono = intent->at_ns;
}

bool hst_proc_blind(struct hst_proc_pass *pass, uint32_t life)
{
	const struct hst_proc_event *pending = pass->lives.items[life].pending;
	uint32_t at = hst_proc_draft_add(
		pass, life, pending != NULL ? pending->at_ns : pass->lives.items[life].first_ns);

	if (at == HST_NO_ITEM) {
		return false;
	}
	pass->drafts.items[at].image.blind = HST_PROCESS_BLIND_NOT_SEEN;
	take_intent(pass, at);
	if (pass->drafts.items[at].intent == NULL && pass->drafts.items[at].attempt_count != 0) {
		/* The child of vfork that found nothing to run. */
		pass->drafts.items[at].never_ran = true;
		pass->drafts.items[at].image.blind = HST_PROCESS_BLIND_NONE;
		pass->drafts.items[at].image.began = HST_PROCESS_BEGAN_SPAWN;
	}
	return true;
}

/* Who started this life, by the parent's pid. */
static bool link_parent(struct hst_proc_pass *pass, uint32_t life, uint32_t ppid)
{
	uint32_t parent = ppid == 0 ? HST_NO_ITEM : hst_proc_life_of(pass, ppid);

	if (parent >= pass->lives.count || parent == life || waited(&pass->lives.items[parent])) {
		return true;
	}
	/* Its exec has succeeded, for it has a child; or no hook sees it. */
	if ((pass->lives.items[parent].pending != NULL ||
		    pass->lives.items[parent].last == HST_NO_ITEM) &&
		!hst_proc_blind(pass, parent)) {
		return false;
	}
	pass->lives.items[life].parent_life = parent;
	pass->lives.items[life].parent_draft = pass->lives.items[parent].last;
	return true;
}

/* A new life of `pid` in *ret_life. */
static bool life_add(
	struct hst_proc_pass *pass, uint32_t pid, uint32_t ppid, uint64_t at_ns, uint32_t *ret_life)
{
	struct hst_proc_life life = { .pid = pid,
		.ppid = ppid,
		.parent_draft = HST_NO_ITEM,
		.parent_life = HST_NO_ITEM,
		.earlier = hst_proc_life_of(pass, pid),
		.first = HST_NO_ITEM,
		.last = HST_NO_ITEM,
		.first_ns = at_ns,
		.last_ns = at_ns,
		.waiter = HST_NO_ITEM,
		.last_failure = HST_NO_ITEM,
		.no_memory = HST_NO_ITEM };
	uint32_t at = (uint32_t)pass->lives.count;

	if (at == HST_NO_ITEM || !hst_vec_push(&pass->lives, life) ||
		hst_map_put(&pass->alive, pid, at) != HST_OK) {
		return false;
	}
	*ret_life = at;
	return link_parent(pass, at, ppid);
}

/* Known by samples alone, for so short that its first record may still come? */
static bool is_sampled_early(const struct hst_proc_life *life, uint64_t at_ns)
{
	return life->sampled && life->first == HST_NO_ITEM && life->pending == NULL &&
	       !gone(life) && at_ns - life->first_ns < SAMPLE_EARLY_NS;
}

/* The life of a new process; a sample may have begun it between its fork and its first record. */
static bool life_begin(
	struct hst_proc_pass *pass, uint32_t pid, uint32_t ppid, uint64_t at_ns, uint32_t *ret_life)
{
	uint32_t at = hst_proc_life_of(pass, pid);
	struct hst_proc_life *life;

	if (at == HST_NO_ITEM || !is_sampled_early(&pass->lives.items[at], at_ns)) {
		return life_add(pass, pid, ppid, at_ns, ret_life);
	}
	life = &pass->lives.items[at];
	life->sampled = false;
	life->ppid = ppid;
	pass->starts_lost--;
	*ret_life = at;
	return life->parent_life != HST_NO_ITEM || link_parent(pass, at, ppid);
}

/* Is it called by this name, or does it interpret a script of this name? */
static bool is_called(const struct hst_proc_texts *got, const char *name)
{
	const char *const others[] = { got->exe, got->execfn };

	name = hst_tools_base(name);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		if (others[i] != NULL && strcmp(hst_tools_base(others[i]), name) == 0) {
			return true;
		}
	}
	for (uint32_t i = 0; i < got->argc; i++) {
		if (strcmp(hst_tools_base(got->argv[i]), name) == 0) {
			return true;
		}
	}
	return false;
}

/* Does the image that starts run what was asked for? An interpreter puts its own arguments in front. */
static bool is_intended(const struct hst_proc_event *intent, const struct hst_proc_event *start)
{
	const struct hst_proc_texts *wanted = intent->texts;
	const struct hst_proc_texts *got = start->texts;

	if (wanted->argv == NULL || got->argv == NULL ||
		(start->fields->start.flags & HST_JOURNAL_CUT) != 0 ||
		(intent->fields->record.type == HST_JOURNAL_EXEC ? intent->fields->exec.flags
								 : intent->fields->spawn.flags) &
			HST_JOURNAL_CUT) {
		return true;
	}
	if (got->argc < wanted->argc) {
		return false;
	}
	for (uint32_t i = 1; i < wanted->argc; i++) {
		if (strcmp(wanted->argv[i], got->argv[got->argc - wanted->argc + i]) != 0) {
			return false;
		}
	}
	/* Without arguments anything would fit. */
	return wanted->argc > 1 || wanted->file == NULL || is_called(got, wanted->file) ||
	       (wanted->argc == 1 && is_called(got, wanted->argv[0]));
}

static bool take_start(struct hst_proc_pass *pass, const struct hst_proc_event *event)
{
	uint32_t pid = event->fields->record.pid;
	uint32_t life = hst_proc_life_of(pass, pid);
	const struct hst_proc_event *pending;
	uint32_t at;

	if ((life == HST_NO_ITEM || gone(&pass->lives.items[life]) ||
		    is_sampled_early(&pass->lives.items[life], event->at_ns)) &&
		!life_begin(pass, pid, event->fields->start.ppid, event->at_ns, &life)) {
		return false;
	}
	pending = pass->lives.items[life].pending;
	/* A program without records of its own (static `env`) was between the two. */
	if (pending != NULL && !is_intended(pending, event) && !hst_proc_blind(pass, life)) {
		return false;
	}
	at = hst_proc_draft_add(pass, life, event->at_ns);
	if (at == HST_NO_ITEM) {
		return false;
	}
	take_intent(pass, at);
	pass->drafts.items[at].start = event;
	pass->lives.items[life].last_ns = event->at_ns;
	return true;
}

static bool take_fork(struct hst_proc_pass *pass, const struct hst_proc_event *event)
{
	uint32_t ppid = event->fields->fork.ppid;
	uint32_t life;
	uint32_t at;

	if (!life_begin(pass, event->fields->record.pid, ppid, event->at_ns, &life)) {
		return false;
	}
	pass->lives.items[life].fork = event;
	at = hst_proc_draft_add(pass, life, event->at_ns);
	if (at == HST_NO_ITEM) {
		return false;
	}
	pass->drafts.items[at].image.began = HST_PROCESS_BEGAN_FORK;
	pass->drafts.items[at].origin = pass->lives.items[life].parent_draft;
	return true;
}

static bool take_exec(struct hst_proc_pass *pass, const struct hst_proc_event *event)
{
	const struct hst_journal_exec *exec = &event->fields->exec;
	uint32_t life = hst_proc_life_of(pass, exec->record.pid);
	/* Between vfork and exec a process has no image of its own. */
	bool stale = life == HST_NO_ITEM || gone(&pass->lives.items[life]) ||
		     is_sampled_early(&pass->lives.items[life], event->at_ns) ||
		     ((exec->flags & HST_JOURNAL_VFORKED) != 0 &&
			     pass->lives.items[life].first != HST_NO_ITEM);

	if (stale && !life_begin(pass, exec->record.pid, exec->ppid, event->at_ns, &life)) {
		return false;
	}
	pass->lives.items[life].pending = event;
	pass->lives.items[life].last_ns = event->at_ns;
	return true;
}

static bool attempt_add(struct hst_proc_pass *pass, uint32_t life,
	const struct hst_proc_event *event, const struct hst_proc_event *failed)
{
	struct hst_proc_life *of = life_at(pass, life);
	struct hst_proc_attempt attempt = { .event = event,
		.failed = failed,
		.life = life,
		.draft = of == NULL ? HST_NO_ITEM : of->last,
		.earlier = of == NULL || of->failures == 0 ? HST_NO_ITEM : of->last_failure };

	/* In the child of vfork the image that tries is its parent's. */
	if (of != NULL && of->last == HST_NO_ITEM) {
		attempt.draft = of->parent_draft;
	}
	if (of != NULL && failed != NULL) {
		of->last_failure = (uint32_t)pass->attempts.count;
		of->failures++;
		of->pending = NULL;
	}
	return hst_vec_push(&pass->attempts, attempt);
}

static bool take_exec_failed(struct hst_proc_pass *pass, const struct hst_proc_event *event)
{
	uint32_t life = hst_proc_life_of(pass, event->fields->record.pid);
	const struct hst_proc_event *pending =
		life == HST_NO_ITEM ? NULL : pass->lives.items[life].pending;

	if (pending != NULL && pending->fields->record.type != HST_JOURNAL_EXEC) {
		pending = NULL;
	}
	return attempt_add(pass, life, pending, event);
}

static bool take_spawn(struct hst_proc_pass *pass, const struct hst_proc_event *event)
{
	const struct hst_journal_spawn *spawn = &event->fields->spawn;
	uint32_t life;

	if (spawn->error != 0) {
		return attempt_add(pass, hst_proc_life_of(pass, spawn->record.pid), event, NULL);
	}
	if (spawn->child == 0) {
		return true;
	}
	if (!life_begin(pass, spawn->child, spawn->record.pid, event->at_ns, &life)) {
		return false;
	}
	pass->lives.items[life].spawn = event;
	pass->lives.items[life].pending = event;
	pass->lives.items[life].rss_at_spawn = spawn->rss_bytes;
	return true;
}

/* Of the lives of a pid that one which this wait is about; HST_NO_ITEM: none is known. */
static uint32_t waited_life(
	const struct hst_proc_pass *pass, const struct hst_journal_wait *wait, bool *ret_again)
{
	uint32_t at = hst_proc_life_of(pass, wait->child);
	const struct hst_proc_life *life;
	const struct hst_proc_life *earlier;
	const struct hst_proc_event *known;

	*ret_again = false;
	if (at == HST_NO_ITEM) {
		return at;
	}
	life = &pass->lives.items[at];
	/* The pid was given anew before this record was written. */
	if (life->earlier != HST_NO_ITEM && life->end == NULL) {
		earlier = &pass->lives.items[life->earlier];
		if (!waited(earlier) && earlier->end != NULL && earlier->ppid == wait->record.pid) {
			return life->earlier;
		}
	}
	known = life->wait != NULL ? life->wait : life->launcher_wait;
	if (known == NULL) {
		return at;
	}
	/* waitid with WNOWAIT tells the same twice. */
	*ret_again = known->fields->wait.record.pid == wait->record.pid &&
		     known->fields->wait.status == wait->status;
	return HST_NO_ITEM;
}

static bool take_wait(struct hst_proc_pass *pass, const struct hst_proc_event *event)
{
	const struct hst_journal_wait *wait = &event->fields->wait;
	bool by_launcher = (wait->flags & HST_JOURNAL_LAUNCHER) != 0;
	struct hst_proc_life *life;
	bool again;
	uint32_t at;

	if (!WIFEXITED(wait->status) && !WIFSIGNALED(wait->status)) {
		return true; /* stopped or continued */
	}
	at = waited_life(pass, wait, &again);
	if (again) {
		return true;
	}
	if (at == HST_NO_ITEM) {
		/* Nothing but its end is known. */
		if (!life_add(pass, wait->child, by_launcher ? 0 : wait->record.pid, event->at_ns,
			    &at)) {
			return false;
		}
		pass->starts_lost++;
	}
	if (!by_launcher && pass->lives.items[at].parent_life == HST_NO_ITEM &&
		!link_parent(pass, at, wait->record.pid)) {
		return false;
	}
	life = &pass->lives.items[at];
	if (by_launcher) {
		life->launcher_wait = event;
	} else {
		life->wait = event;
		life->waiter = draft_of(pass, wait->record.pid);
	}
	return true;
}

static bool take_end(struct hst_proc_pass *pass, const struct hst_proc_event *event)
{
	uint32_t pid = event->fields->record.pid;
	uint32_t life = hst_proc_life_of(pass, pid);
	struct hst_proc_life *of;

	if (life == HST_NO_ITEM || waited(&pass->lives.items[life])) {
		if (!life_add(pass, pid, 0, event->at_ns, &life)) {
			return false;
		}
		pass->starts_lost++;
	}
	of = &pass->lives.items[life];
	of->last_ns = event->at_ns;
	/* exit() says more of the status than what runs after it. */
	if (of->end == NULL || event->fields->end.status >= 0 || of->end->fields->end.status < 0) {
		of->end = event;
	}
	return true;
}

static bool take_shell(struct hst_proc_pass *pass, const struct hst_proc_event *event)
{
	const struct hst_journal_shell *shell = &event->fields->shell;
	uint32_t caller = draft_of(pass, shell->record.pid);
	uint32_t child = shell->child == 0 ? HST_NO_ITEM : hst_proc_life_of(pass, shell->child);

	if (child != HST_NO_ITEM && shell->call == HST_CALL_PCLOSE && shell->error == 0) {
		pass->lives.items[child].shell = event;
		pass->lives.items[child].waiter = caller;
	}
	return hst_vec_push(&pass->shells, event) && hst_vec_push(&pass->shell_drafts, caller);
}

static bool take_no_memory(struct hst_proc_pass *pass, const struct hst_proc_event *event)
{
	const struct hst_journal_no_memory *fields = &event->fields->no_memory;
	struct hst_proc_life *life = life_at(pass, hst_proc_life_of(pass, fields->record.pid));
	struct hst_process_no_memory row = { .image = draft_of(pass, fields->record.pid),
		.at_ns = event->at_ns,
		.bytes = fields->bytes,
		.address_space_bytes = fields->address_space_bytes == 0
					       ? HST_PROCESS_UNKNOWN
					       : fields->address_space_bytes };

	if (life != NULL) {
		life->no_memory = (uint32_t)pass->no_memories.count;
		life->last_ns = event->at_ns;
	}
	return hst_vec_push(&pass->no_memories, row);
}

static bool take_system(struct hst_proc_pass *pass, const struct hst_proc_event *event)
{
	return hst_vec_push(&pass->systems, event);
}

/* Is the sample of this life, which may have ended just before it was written? */
static bool is_sample_of(const struct hst_proc_life *life, const struct hst_proc_event *event)
{
	uint64_t boot_ns = event->fields->sample.start_ns;

	if (life->boot_ns != 0 && boot_ns != 0) {
		return life->boot_ns == boot_ns;
	}
	return !gone(life) || life->last_ns + SAMPLE_LATE_NS > event->at_ns ||
	       (waited(life) && (life->wait != NULL ? life->wait : life->launcher_wait)->at_ns +
						SAMPLE_LATE_NS >
					event->at_ns);
}

static void take_sample_hwm(
	struct hst_proc_pass *pass, struct hst_proc_life *life, uint64_t hwm_bytes)
{
	/* Between an exec and its START, or for ever if the program is blind, the next image runs. */
	uint64_t *most = life->last == HST_NO_ITEM || life->pending != NULL
				 ? &life->sample_hwm
				 : &pass->drafts.items[life->last].sample_hwm;

	if (hwm_bytes != HST_JOURNAL_UNKNOWN && hwm_bytes > *most) {
		*most = hwm_bytes;
	}
}

static bool take_sample(struct hst_proc_pass *pass, const struct hst_proc_event *event)
{
	const struct hst_journal_sample *sample = &event->fields->sample;
	uint32_t at = hst_proc_life_of(pass, sample->record.pid);
	struct hst_proc_life *life;

	if (at == HST_NO_ITEM || !is_sample_of(&pass->lives.items[at], event)) {
		/* A process that no hook has seen. */
		if (!life_add(pass, sample->record.pid, sample->ppid, event->at_ns, &at)) {
			return false;
		}
		pass->lives.items[at].sampled = true;
		pass->starts_lost++;
	}
	life = &pass->lives.items[at];
	life->boot_ns = sample->start_ns;
	life->last_ns = gone(life) ? life->last_ns : event->at_ns;
	life->sample = event;
	take_sample_hwm(pass, life, sample->hwm_bytes);
	return hst_vec_push(&pass->samples, event) && hst_vec_push(&pass->sample_lives, at);
}

static bool take_run(struct hst_proc_pass *pass, const struct hst_proc_event *event)
{
	if ((event->fields->run.flags & HST_JOURNAL_BEGINS) != 0) {
		pass->began = pass->began == NULL ? event : pass->began;
	} else {
		pass->finished = event;
	}
	return true;
}

enum hst_status hst_proc_follow(struct hst_proc_pass *pass)
{
	static take_fn *const takes[] = {
		[HST_JOURNAL_START] = take_start,
		[HST_JOURNAL_FORK] = take_fork,
		[HST_JOURNAL_EXEC] = take_exec,
		[HST_JOURNAL_EXEC_FAILED] = take_exec_failed,
		[HST_JOURNAL_SPAWN] = take_spawn,
		[HST_JOURNAL_WAIT] = take_wait,
		[HST_JOURNAL_END] = take_end,
		[HST_JOURNAL_SHELL] = take_shell,
		[HST_JOURNAL_NO_MEMORY] = take_no_memory,
		[HST_JOURNAL_SYSTEM] = take_system,
		[HST_JOURNAL_SAMPLE] = take_sample,
		[HST_JOURNAL_RUN] = take_run,
		[HST_JOURNAL_LOST] = hst_proc_take_lost,
	};

	for (size_t i = 0; i < pass->events.count; i++) {
		const struct hst_proc_event *event = &pass->events.items[i];

		if (!takes[event->fields->record.type](pass, event)) {
			return HST_E_MEMORY;
		}
	}
	return HST_OK;
}
