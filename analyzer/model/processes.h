/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a recording says about processes: plain data that passes/processes.h fills and cmd/ prints.
 *
 * An image is what a process ran from its start or an exec until the next exec or its end. One process
 * has one or more images, linked by `previous` and `next`. The parent of all of them is the image that
 * started the process.
 *
 *   make ──┬── (fork of make) → sh → gcc ──┬── cc1
 *          │    └ previous/next ┘          └── as        ── parent, first_child, next_sibling
 *          └── ...
 *
 * Times are nanoseconds since the recording began. HST_PROCESS_UNKNOWN: a figure is not known.
 * Strings are never NULL unless it is said; they live as long as the struct hst_processes.
 */
#ifndef HST_MODEL_PROCESSES_H
#define HST_MODEL_PROCESSES_H

#include "model/profile.h"
#include "model/system.h"
#include "util/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HST_PROCESS_NONE    UINT32_MAX
#define HST_PROCESS_UNKNOWN UINT64_MAX

/* HST_PROCESS_x, its word in tables and JSON. hst_process_*_text() give the words. */
#define HST_PROCESS_BEGAN_LIST(X) \
 X(BEGAN_UNKNOWN, "unknown")      \
 X(BEGAN_ROOT, "root")            \
 X(BEGAN_FORK, "fork")            \
 X(BEGAN_EXEC, "exec")            \
 X(BEGAN_SPAWN, "spawn") /* posix_spawn, or vfork and exec */

/* Where exit status and signal come from; of two sources the one further down is taken. */
#define HST_PROCESS_ENDED_LIST(X)                                       \
 X(ENDED_UNKNOWN, "unknown")   /* nothing says how it ended */          \
 X(ENDED_EXEC, "exec")         /* the next image took its place */      \
 X(ENDED_SELF, "itself")       /* it said so before */                  \
 X(ENDED_SHELL, "system")      /* system() or pclose() of its parent */ \
 X(ENDED_LAUNCHER, "launcher") /* hasten run waited for it */           \
 X(ENDED_PARENT, "parent")     /* its parent waited for it */

#define HST_PROCESS_CLASS_LIST(X)                                                       \
 X(CLASS_OK, "OK")                                                                      \
 X(CLASS_CE, "CE")             /* a compiler, assembler or linker refused */            \
 X(CLASS_RE_NZEC, "RE-NZEC")   /* exit status not 0 */                                  \
 X(CLASS_RE_SIGNAL, "RE-SIG")  /* killed by a signal */                                 \
 X(CLASS_TLE_CPU, "TLE-CPU")   /* CPU time limit */                                     \
 X(CLASS_TLE_WALL, "TLE-WALL") /* killed by timeout */                                  \
 X(CLASS_MLE, "MLE")           /* memory limit, or killed for lack of memory */         \
 X(CLASS_OLE, "OLE")           /* file size limit */                                    \
 X(CLASS_EXEC, "EXEC")         /* it could not be started */                            \
 X(CLASS_ORPHAN, "ORPHAN")     /* was still running when the first process had ended */ \
 X(CLASS_LOST, "UNKNOWN-LOST") /* its end was not seen */

/* Why an image is known from others' records only. */
#define HST_PROCESS_BLIND_LIST(X)                                      \
 X(BLIND_NONE, "")                                                     \
 X(BLIND_STATIC, "statically linked")                                  \
 X(BLIND_PRIVILEGED, "set-user-ID, set-group-ID or file capabilities") \
 X(BLIND_FOREIGN, "for another kind of machine")                       \
 X(BLIND_NOT_SEEN, "not seen") /* the file is gone, or says nothing */

#define HST_PROCESS_PHASE_LIST(X)                                  \
 X(PHASE_OTHER, "other")                                           \
 X(PHASE_COMPILE, "compile")                                       \
 X(PHASE_ASSEMBLE, "assemble")                                     \
 X(PHASE_LINK, "link") /* also: compile and link by one command */ \
 X(PHASE_ARCHIVE, "archive")                                       \
 X(PHASE_RUN, "run")                                               \
 X(PHASE_SCRIPT, "script") /* a shell with a script */             \
 X(PHASE_SHELL, "shell")   /* a shell with -c, or with nothing */  \
 X(PHASE_BUILD, "build tool")                                      \
 X(PHASE_PROBE, "configure probe") /* anything that a configure script runs */

#define HST_PROCESS_HWM_LIST(X)                            \
 X(HWM_UNKNOWN, "unknown")                                 \
 X(HWM_EXACT, "exact")    /* VmHWM at its end */           \
 X(HWM_LOWER, "at least") /* the largest of its samples */ \
 X(HWM_UPPER, "at most")  /* ru_maxrss that its parent got: also what it waited for */

#define HST_PROCESS_WASTE_LIST(X)                                                     \
 X(WASTE_CHAIN, "chain")   /* images that did no more than exec, and what they ran */ \
 X(WASTE_SHELL, "shell")   /* a shell that ran one command and waited for it */       \
 X(WASTE_PROBES, "probes") /* directories of PATH without the program */

#define HST_PROCESS_CONSTANT(name, text) HST_PROCESS_##name,
enum hst_process_began {
	HST_PROCESS_BEGAN_LIST(HST_PROCESS_CONSTANT) HST_PROCESS_BEGANS
};
enum hst_process_ended {
	HST_PROCESS_ENDED_LIST(HST_PROCESS_CONSTANT) HST_PROCESS_ENDEDS
};
enum hst_process_class {
	HST_PROCESS_CLASS_LIST(HST_PROCESS_CONSTANT) HST_PROCESS_CLASSES
};
enum hst_process_blind {
	HST_PROCESS_BLIND_LIST(HST_PROCESS_CONSTANT) HST_PROCESS_BLINDS
};
enum hst_process_phase {
	HST_PROCESS_PHASE_LIST(HST_PROCESS_CONSTANT) HST_PROCESS_PHASES
};
enum hst_process_hwm {
	HST_PROCESS_HWM_LIST(HST_PROCESS_CONSTANT) HST_PROCESS_HWMS
};
enum hst_process_waste {
	HST_PROCESS_WASTE_LIST(HST_PROCESS_CONSTANT) HST_PROCESS_WASTES
};
#undef HST_PROCESS_CONSTANT

/* hst_process_image.flags */
enum {
	HST_PROCESS_START_UNKNOWN = 1u << 0, /* only its end is known: no wall time */
	HST_PROCESS_END_UNKNOWN = 1u << 1,   /* end_ns is when it was last seen */
	HST_PROCESS_USAGE_ESTIMATED = 1u
				      << 2, /* CPU and the like were derived from others' records */
	HST_PROCESS_LAST = 1u << 3,         /* the last image of its process */
	HST_PROCESS_PHASE_INHERITED = 1u << 4, /* phase and language are of an image above */
	HST_PROCESS_REPAIRED = 1u << 5,        /* its environment lacked us; it was put in */
	HST_PROCESS_FLAGS_ADDED = 1u << 6,     /* `original` are the arguments that were given */
	HST_PROCESS_HOOKS = 1u << 7,           /* built with -finstrument-functions */
	HST_PROCESS_CUT = 1u << 8,             /* arguments or paths were too long and left out */
	HST_PROCESS_SANDBOXED = 1u << 9,       /* a sandbox of its own kept figures back */
	HST_PROCESS_OUTLIVED = 1u << 10,       /* it ran on after the first process had ended */
	HST_PROCESS_PARENT_LOST = 1u << 11,    /* its parent is in no record */
	HST_PROCESS_WRAPPER = 1u << 12, /* ccache, env, nice, ...: phase is of what it runs */
};

struct hst_process_usage {
	uint64_t user_ns, system_ns;
	uint64_t minor_faults, major_faults;
	uint64_t voluntary, involuntary; /* context switches */
	uint64_t blocks_in, blocks_out;  /* of 512 bytes */
};

/* HST_PROCESS_UNKNOWN: none. */
struct hst_process_limits {
	uint64_t cpu_seconds, address_bytes, data_bytes, file_bytes, stack_bytes, processes;
};

struct hst_process_image {
	uint32_t pid, ppid; /* ppid: when it began, 0 unknown */
	uint32_t
		process; /* number of the process: the same for its images; a pid may be given anew */
	uint32_t parent;         /* image that started the process, HST_PROCESS_NONE */
	uint32_t previous, next; /* of the same process, HST_PROCESS_NONE */
	uint32_t first_child,
		next_sibling; /* processes (their first images) by begin; HST_PROCESS_NONE */
	uint32_t
		waited_by; /* image that waited for the process; HST_PROCESS_NONE: none, or the launcher */

	const char
		*exe; /* path; of an image without records of its own: the file as it was given */
	const char *cwd;             /* "" unknown */
	const char *file;            /* what exec or spawn was given, "" unknown */
	const char *build_id;        /* hexadecimal, "" unknown */
	const char *const *argv;     /* argc of them, then NULL */
	const char *const *original; /* with FLAGS_ADDED, as argv; else NULL */
	uint32_t argc, original_count;
	const char *command; /* for people: name of the program or script */

	enum hst_process_began began;
	enum hst_process_ended ended;
	uint64_t start_ns, end_ns; /* start: when exec or spawn was called, where known */
	uint64_t loaded_ns; /* first code of ours ran; HST_PROCESS_UNKNOWN for a blind spot */
	uint64_t wall_ns;   /* HST_PROCESS_UNKNOWN with START_UNKNOWN */

	struct hst_process_usage
		usage;   /* of this image alone; each HST_PROCESS_UNKNOWN if not known */
	uint64_t cpu_ns; /* user + system, HST_PROCESS_UNKNOWN */
	uint64_t
		tree_cpu_ns; /* known CPU of it, later images and all below; for a later image from it on */
	uint32_t tree_images; /* of the same, itself included */
	uint64_t hwm_bytes;   /* HST_PROCESS_UNKNOWN */
	enum hst_process_hwm hwm_source;
	struct hst_process_limits limits;
	uint32_t uid, gid; /* UINT32_MAX unknown */

	int32_t exit_status;          /* -1: unknown, or not by exit */
	int32_t signal;               /* that killed it, 0 none */
	bool core;                    /* it left a core */
	enum hst_process_class class; /* of an image that exec ended: OK, unless it never ran */
	int32_t class_value; /* RE_NZEC, CE: exit status; RE_SIGNAL: signal; EXEC: errno, 0 loader */
	uint32_t
		culprit; /* CE: image of the tool that failed (may be itself); else HST_PROCESS_NONE */
	const char *
		verdict; /* the class in full: "OK", "RE-SIGSEGV", "RE-NZEC 3", "EXEC ENOENT", "CE cc1" */
	const char *evidence; /* one sentence, without the point at its end; "" for OK */
	enum hst_process_blind blind;

	const char *tool;     /* as the table of tools names it: "gcc", "cc1"; "" unknown */
	const char *language; /* "C", "Rust", ...; "" unknown */
	enum hst_process_phase phase;
	uint32_t
		unit; /* topmost image of the same language and phase (itself): what phases count once */

	const char *const *
		probes; /* paths tried in vain before it ran, or by a copy that found nothing, then NULL */
	uint32_t probe_count;
	uint64_t critical_ns;                /* of the critical path that it ran itself */
	uint32_t first_sample, sample_count; /* in hst_processes.system.processes */
	uint32_t flags;
};

/* A program that could not be started, or a child. */
struct hst_process_exec_failure {
	uint32_t image; /* who tried, HST_PROCESS_NONE unknown */
	uint64_t at_ns;
	const char *call;     /* "execvp", "posix_spawn", "fork", ... */
	const char *file;     /* "" of a fork, or not known */
	int32_t error;        /* errno */
	bool recovered;       /* another try of the same process succeeded later: a search */
	uint32_t probe_count; /* directories of PATH that were looked through */
	bool fork;            /* no program, but a copy of the image itself */
};

/* system, popen, pclose. */
struct hst_process_shell {
	uint32_t image;            /* who called */
	uint32_t child;            /* the shell, HST_PROCESS_NONE not found */
	uint64_t start_ns, end_ns; /* of the call */
	const char *call;
	const char *command;
	int32_t error;               /* errno, 0 none */
	int32_t exit_status, signal; /* -1 and 0: not known (popen) */
};

struct hst_process_no_memory {
	uint32_t image;
	uint64_t at_ns;
	uint64_t bytes;               /* asked for */
	uint64_t address_space_bytes; /* then, HST_PROCESS_UNKNOWN */
};

/* All images with one command; those of fork that never exec'd are left out. Most CPU first. */
struct hst_process_command {
	const char *command, *language;
	enum hst_process_phase phase; /* of the first */
	uint64_t count, failed;
	uint64_t wall_ns, cpu_ns; /* sums of what is known */
	uint64_t wall_max_ns;
	uint64_t hwm_max_bytes; /* exact ones and lower bounds; HST_PROCESS_UNKNOWN */
	uint64_t critical_ns;
};

/* Exact quantiles: the smallest value that at least that share does not exceed. HST_PROCESS_UNKNOWN: no values. */
struct hst_process_quantiles {
	uint64_t p50, p90, p95, p99, max;
	uint64_t count; /* of values */
};

/*
 * Language x phase. It counts units: `gcc -c` with its cc1 is one compilation. A unit's CPU is that of its
 * images; what an image of another phase below it (as below gcc) used is counted there. Most CPU first.
 */
struct hst_process_phase_row {
	const char *language; /* "" unknown */
	enum hst_process_phase phase;
	uint64_t count, images;
	uint64_t failed; /* classes CE to EXEC */
	uint64_t classes[HST_PROCESS_CLASSES];
	uint64_t wall_ns, cpu_ns;
	struct hst_process_quantiles wall, cpu; /* of units */
	struct hst_process_quantiles
		hwm;       /* of units: the largest of their images, exact or at least */
	double cpu_share;  /* of the CPU of all images, 0..1 */
	double wall_share; /* of the recording: while at least one unit ran, 0..1 */
};

/* Time that passed before the program that was wanted. One row per kind, wrapper and program; most wall first. */
struct hst_process_waste_row {
	enum hst_process_waste kind;
	const char *
		wrapper; /* command of the first image of the chain, of the shell; PROBES: "PATH" */
	const char *program; /* that was wanted */
	uint64_t count;      /* times */
	uint64_t
		images; /* CHAIN, SHELL: wrappers and what they ran themselves; PROBES: failed attempts */
	uint64_t wall_ns; /* PROBES: between call and start, loading included: an upper bound */
	uint64_t cpu_ns;
	uint32_t example; /* image of the program */
};

/* The same exe, arguments and working directory, more than once. Most wall first. */
struct hst_process_repeat {
	uint32_t first; /* image */
	uint64_t count, failed;
	uint64_t wall_ns, cpu_ns;
};

/*
 * The critical path: from the end of the first process back to its start. In a process at time t, take that
 * waited-for child, ended at or before t, that ended last: between its end and t the process itself is on the path;
 * go on in the child from its end to its begin, then in the process from the child's begin. The steps
 * follow each other in time without gap and cover the whole run of the first process.
 */
struct hst_process_step {
	uint32_t image;
	uint64_t start_ns, end_ns;
};

/* A time in which no more than one leaf process (one without a running child) ran. */
struct hst_process_stretch {
	uint64_t start_ns, end_ns;
	uint32_t image; /* that was the leaf for the longest part */
};

struct hst_processes {
	struct hst_process_image *images; /* ascending start_ns; a parent and `previous` before */
	size_t image_count;
	uint32_t root;         /* first image of the first process, HST_PROCESS_NONE unknown */
	uint32_t launcher_pid; /* 0: recorded without the launcher */
	int64_t began_real_ns; /* since 1970; 0 unknown */

	struct hst_process_exec_failure *exec_failures; /* by time, as the two below */
	size_t exec_failure_count;
	struct hst_process_shell *shells;
	size_t shell_count;
	struct hst_process_no_memory *no_memories;
	size_t no_memory_count;

	struct hst_process_command *commands;
	size_t command_count;
	struct hst_process_phase_row *phases;
	size_t phase_count;
	struct hst_process_waste_row *wastes;
	size_t waste_count;
	struct hst_process_repeat *repeats;
	size_t repeat_count;
	struct hst_process_step *steps; /* critical path, in order of time */
	size_t step_count;
	struct hst_process_stretch *stretches; /* the longest 64, longest first */
	size_t stretch_count;

	struct hst_system system;

	uint64_t processes; /* lives: every image with `previous` NONE */
	uint64_t failed; /* of them, by the class of their last image; configure probes left out */
	uint64_t failed_probes; /* of configure scripts: failures that are part of the game */
	uint64_t classes[HST_PROCESS_CLASSES]; /* of processes, probes included */
	uint64_t wall_ns;                      /* of the recording */
	uint64_t cpu_ns;                       /* of all images; nothing twice */
	uint64_t cpu_unknown;                  /* images whose CPU is not known */
	uint64_t serial_ns;                    /* time with at most one leaf process */
	double concurrency;                    /* leaf processes that ran, average over wall_ns */
	uint32_t concurrency_max;

	uint64_t records; /* read */
	uint64_t damaged; /* places where the journal could not be read */
	uint64_t damaged_bytes;
	uint64_t records_lost;      /* could not be written, as their processes say */
	int32_t records_lost_error; /* errno of the latest */
	uint64_t unknown_records;   /* of types that this hasten does not know */
	uint64_t blind;             /* images without records of their own */
	uint64_t ends_lost;         /* processes without end */
	uint64_t parents_lost;
	bool cut;      /* the last record was not whole: the machine or the writer stopped */
	bool finished; /* the launcher wrote the end */
	bool complete; /* nothing of the above was lost */

	struct hst_note *notes; /* every loss, doubt and blind spot */
	size_t note_count, note_capacity;
	struct hst_arena arena; /* all of the above but `notes` */
};

/* Frees all; NULL and { 0 } are allowed. */
void hst_processes_finish(struct hst_processes *processes);

/* Appends a note, cut at 1 KiB; equal ones come once. Out of memory: nothing is added. */
void hst_processes_note(struct hst_processes *processes, bool loss, const char *fmt, ...)
	HST_PRINTF(3, 4);

/* Words of the lists above; static memory. */
const char *hst_process_began_text(enum hst_process_began value);
const char *hst_process_ended_text(enum hst_process_ended value);
const char *hst_process_class_text(enum hst_process_class value);
const char *hst_process_blind_text(enum hst_process_blind value);
const char *hst_process_phase_text(enum hst_process_phase value);
const char *hst_process_hwm_text(enum hst_process_hwm value);
const char *hst_process_waste_text(enum hst_process_waste value);

/* Is it a class of failure (CE to EXEC)? */
static inline bool hst_process_class_failed(enum hst_process_class class)
{
	return class >= HST_PROCESS_CLASS_CE && class <= HST_PROCESS_CLASS_EXEC;
}

#endif
