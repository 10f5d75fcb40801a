/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Within the pass over the journal: the steps from records to struct hst_processes.
 *
 *   journal → events, by time → lives and their drafts of images → images in order → figures → sums
 *
 * A life is a process: what had a pid from a fork or spawn until it was waited for.
 */
#ifndef HST_PASSES_PROCESSES_PASS_H
#define HST_PASSES_PROCESSES_PASS_H

#include "passes/processes.h"
#include "passes/tools.h"
#include "reader/journal.h"
#include "util/map.h"
#include "util/vec.h"

#define HST_NO_ITEM UINT32_MAX

/* Texts of a record, in the arena of the result; NULL: not there. */
struct hst_proc_texts {
	const char *exe, *cwd, *file, *path, *command, *build_id, *execfn, *name;
	const char *const *argv, *const *original;
	uint32_t argc, original_count;
};

struct hst_proc_event {
	uint64_t at_ns;                         /* monotonic; of SPAWN when it began */
	uint64_t order;                         /* in the file */
	const union hst_journal_fields *fields; /* as many bytes as the type has */
	const struct hst_proc_texts *texts;     /* never NULL */
};

/* A failed exec, or an attempt that still may fail. */
struct hst_proc_attempt {
	const struct hst_proc_event *event;  /* EXEC or SPAWN */
	const struct hst_proc_event *failed; /* EXEC_FAILED; NULL for SPAWN */
	uint32_t life;
	uint32_t draft;   /* image that tried, HST_NO_ITEM */
	uint32_t earlier; /* attempt in vain of the same life, HST_NO_ITEM */
	bool recovered;
};

struct hst_proc_life {
	uint32_t pid, ppid;
	uint32_t parent_draft;      /* image that started it, HST_NO_ITEM */
	uint32_t parent_life;       /* HST_NO_ITEM */
	uint32_t earlier;           /* life that had the pid before, HST_NO_ITEM */
	uint32_t first, last;       /* drafts, HST_NO_ITEM */
	uint64_t first_ns, last_ns; /* first and last seen */
	const struct hst_proc_event *fork, *spawn, *wait, *launcher_wait, *end, *shell;
	const struct hst_proc_event *pending; /* EXEC that has neither failed nor shown a START */
	uint32_t waiter;                      /* draft that waited, HST_NO_ITEM */
	uint32_t failures;                    /* attempts in vain since its latest image */
	uint32_t last_failure;                /* index of attempt, HST_NO_ITEM */
	uint32_t no_memory;                   /* index into no_memories, HST_NO_ITEM */
	uint64_t rss_at_spawn;                /* of the parent, 0 unknown */
	uint64_t boot_ns;                     /* start_ns of its samples, 0 none */
	uint64_t sample_hwm;                  /* of its next image, the largest; 0 none */
	const struct hst_proc_event *sample;  /* the latest */
	uint64_t end_ns;                      /* monotonic, when its end was seen; 0 not */
	bool sampled;                         /* a sample began it */
	struct hst_process_usage
		children;         /* of those that it waited for, with all that they waited for */
	uint64_t children_maxrss; /* the largest of theirs */
};

/* An image, and the records that tell of it. */
struct hst_proc_draft {
	struct hst_process_image image; /* indices are those of drafts until hst_proc_order */
	uint32_t life;
	uint32_t origin;                       /* of a fork: the draft that it is a copy of */
	const struct hst_proc_event *start;    /* NULL: blind, or forked */
	const struct hst_proc_event *intent;   /* EXEC or SPAWN that began it */
	const struct hst_proc_event *exec_end; /* EXEC that ended it */
	uint32_t attempt, attempt_count;       /* the last of so many in vain, just before it */
	uint64_t start_mono, end_mono;
	uint64_t sample_hwm; /* 0 none */
	bool never_ran;      /* all attempts to start a program in it failed */
};

struct hst_proc_pass {
	struct hst_processes *result;
	const struct hst_processes_options *options;
	struct hst_tools *tools;
	HST_VEC(struct hst_proc_event) events;
	HST_VEC(struct hst_proc_life) lives;
	HST_VEC(struct hst_proc_draft) drafts;
	HST_VEC(struct hst_proc_attempt) attempts;
	HST_VEC(const struct hst_proc_event *) shells;
	HST_VEC(uint32_t) shell_drafts; /* who called, beside `shells` */
	HST_VEC(struct hst_process_no_memory) no_memories;
	HST_VEC(const struct hst_proc_event *) systems;
	HST_VEC(const struct hst_proc_event *) samples;
	HST_VEC(uint32_t) sample_lives; /* beside `samples` */
	HST_VEC(uint32_t) by_time;      /* lives: each after its parent */
	HST_VEC(uint32_t) ranks;        /* draft → image */
	HST_VEC(uint8_t)
	own_phases;           /* of images: what they would be outside of a configure script */
	struct hst_map alive; /* pid → the latest life */
	const struct hst_proc_event *began, *finished; /* RUN */
	uint64_t begin_mono, end_mono;
	uint64_t root_end_mono; /* UINT64_MAX: not seen */
	uint32_t root_life;
	uint32_t starts_lost; /* ends of processes of which nothing else is known */
};

/* processes_load.c: all records of the journal, by time. */
HST_NODISCARD enum hst_status hst_proc_load(
	struct hst_proc_pass *pass, const char *dir, struct hst_diag *diag);

/* processes_lost.c: records that could not be written, as a record says, or the headers of the trace files of `dir`. */
bool hst_proc_take_lost(struct hst_proc_pass *pass, const struct hst_proc_event *event);
HST_NODISCARD enum hst_status hst_proc_lost_files(
	struct hst_proc_pass *pass, const char *dir, struct hst_diag *diag);

/* processes_follow.c: events to lives and drafts. */
HST_NODISCARD enum hst_status hst_proc_follow(struct hst_proc_pass *pass);
/* The latest life of a pid, ended or not; HST_NO_ITEM. */
uint32_t hst_proc_life_of(const struct hst_proc_pass *pass, uint32_t pid);
/* A new image at the end of a life, which the record `at` begins; HST_NO_ITEM: out of memory. */
uint32_t hst_proc_draft_add(struct hst_proc_pass *pass, uint32_t life, uint64_t at_ns);
/* The exec or spawn that is pending must have succeeded: an image without records. false: out of memory. */
bool hst_proc_blind(struct hst_proc_pass *pass, uint32_t life);

/* processes_close.c: what is left open when the journal ends; shells find their children. */
HST_NODISCARD enum hst_status hst_proc_close(struct hst_proc_pass *pass);

/* processes_order.c: drafts to result->images: order, links, times, texts. */
HST_NODISCARD enum hst_status hst_proc_order(struct hst_proc_pass *pass);

/* processes_usage.c: CPU, memory, ends of each image. Before hst_proc_order. */
HST_NODISCARD enum hst_status hst_proc_usage(struct hst_proc_pass *pass);

/* processes_look.c: why images are blind. After hst_proc_order. */
void hst_proc_look_all(struct hst_proc_pass *pass);

/* processes_probes.c: paths that were tried in vain, failed attempts. After hst_proc_order. */
HST_NODISCARD enum hst_status hst_proc_probes(struct hst_proc_pass *pass);

/* processes_phases.c: tool, language, phase, unit, command of each image. */
HST_NODISCARD enum hst_status hst_proc_phases(struct hst_proc_pass *pass);

/* processes_timeout.c: is it a `timeout` whose time was over? */
bool hst_proc_ran_out(const struct hst_process_image *image);

/* processes_verdict.c: classes and their evidence. */
HST_NODISCARD enum hst_status hst_proc_verdicts(struct hst_proc_pass *pass);

/* processes_sums.c, processes_waste.c, processes_time.c, processes_system.c, processes_notes.c */
HST_NODISCARD enum hst_status hst_proc_sums(struct hst_proc_pass *pass);
HST_NODISCARD enum hst_status hst_proc_waste(struct hst_proc_pass *pass);
HST_NODISCARD enum hst_status hst_proc_time(struct hst_proc_pass *pass);
HST_NODISCARD enum hst_status hst_proc_system(struct hst_proc_pass *pass);
void hst_proc_notes(struct hst_proc_pass *pass);

/* a + b and a - b of figures that may be HST_PROCESS_UNKNOWN, never below 0 or above it. */
static inline uint64_t hst_proc_add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	if (a == HST_PROCESS_UNKNOWN || b == HST_PROCESS_UNKNOWN ||
		__builtin_add_overflow(a, b, &sum)) {
		return HST_PROCESS_UNKNOWN;
	}
	return sum;
}

static inline uint64_t hst_proc_sub(uint64_t a, uint64_t b)
{
	if (a == HST_PROCESS_UNKNOWN || b == HST_PROCESS_UNKNOWN) {
		return HST_PROCESS_UNKNOWN;
	}
	return a > b ? a - b : 0;
}

/* Time since the recording began. */
static inline uint64_t hst_proc_since(const struct hst_proc_pass *pass, uint64_t mono_ns)
{
	return mono_ns > pass->begin_mono ? mono_ns - pass->begin_mono : 0;
}

#endif
