/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of processes: a part of the trace contract. One file per data directory, to which all processes of a recording and the
 * launcher append. docs/trace-format.md explains it in words.
 *
 * A record is one write to a file opened with O_APPEND: whole or, on a full disk, cut. Records of different processes stand in the
 * order in which they were written, which is nearly that of their times. A reader that meets a record whose magic, length or check is
 * wrong looks for the next magic at a multiple of 8. Nothing read may be trusted.
 *
 *   | record | fields of its type | text | text | ...      each part a multiple of 8 bytes, little-endian
 *
 * An image is what a process runs from its start or an exec until the next exec or its end. Who ran when follows from pid and time:
 * a pid is given anew only after it was waited for.
 */
#ifndef HASTEN_JOURNAL_H
#define HASTEN_JOURNAL_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define HST_JOURNAL_NAME      "processes.hsj"
#define HST_JOURNAL_MAGIC     0x524a5348u /* "HSJR" */
#define HST_JOURNAL_VERSION   1u
#define HST_JOURNAL_ALIGN     8u
#define HST_JOURNAL_BYTES_MAX (4u << 20) /* of one record: argv and more */
#define HST_JOURNAL_UNKNOWN   UINT64_MAX

enum hst_journal_type {
	HST_JOURNAL_START = 1, /* an image began: its first code of ours runs */
	HST_JOURNAL_FORK = 2,  /* a child of fork runs, with its parent's image */
	HST_JOURNAL_EXEC =
		3, /* an exec is about to be tried; nothing follows if it succeeds but START */
	HST_JOURNAL_EXEC_FAILED = 4, /* it failed */
	HST_JOURNAL_SPAWN = 5,       /* posix_spawn and its like returned; a fork failed */
	HST_JOURNAL_WAIT = 6,        /* a child was waited for */
	HST_JOURNAL_END = 7,         /* the process is about to end, and says how */
	HST_JOURNAL_SHELL = 8,       /* system, popen, pclose returned */
	HST_JOURNAL_NO_MEMORY = 9,   /* an allocation failed, the first of the process */
	HST_JOURNAL_SYSTEM = 10,     /* launcher: a sample of the machine */
	HST_JOURNAL_SAMPLE = 11,     /* launcher: a sample of one process */
	HST_JOURNAL_RUN = 12,        /* launcher: the recording began or ended */
	HST_JOURNAL_LOST = 13,       /* records of the process before it could not be written */
};

struct hst_journal_record {
	uint32_t magic;
	uint32_t bytes; /* of the whole record, a multiple of HST_JOURNAL_ALIGN */
	uint16_t type;  /* enum hst_journal_type; others are stepped over */
	uint16_t version;
	uint32_t check; /* hst_journal_check() of the whole record with this field 0 */
	uint32_t
		pid; /* of the process that it tells of; the writer's but for what the launcher writes */
	uint32_t tid;     /* of the writing thread, 0 unknown */
	uint64_t mono_ns; /* CLOCK_MONOTONIC when it was made */
};
static_assert(sizeof(struct hst_journal_record) == 32, "on disk");
static_assert(offsetof(struct hst_journal_record, check) == 12, "upper half of the second word");

/* What a process has used since it began (not since its image did), as getrusage has it. HST_JOURNAL_UNKNOWN: not known. */
struct hst_journal_usage {
	uint64_t user_ns, system_ns;
	uint64_t hwm_bytes; /* VmHWM of the present image */
	uint64_t
		maxrss_bytes; /* ru_maxrss: also of what ran before the exec, the parent's memory among it */
	uint64_t minor_faults, major_faults;
	uint64_t voluntary, involuntary; /* context switches */
	uint64_t blocks_in, blocks_out;  /* of 512 bytes, to and from the disk */
};
static_assert(sizeof(struct hst_journal_usage) == 80, "on disk");

/* Functions that start and wait. */
enum hst_journal_call {
	HST_CALL_UNKNOWN = 0,
#define HST_CALL(NAME, name, number) HST_CALL_##NAME = number,
#include "hasten/calls.def"
#undef HST_CALL
};

/* hst_journal_*.flags */
enum {
	HST_JOURNAL_REPAIRED =
		1u << 0, /* EXEC, SPAWN: the new environment lacked what we need; it was put in */
	HST_JOURNAL_VFORKED = 1u << 1, /* EXEC, END: by a child that shares its parent's memory */
	HST_JOURNAL_ADDED =
		1u
		<< 2, /* EXEC, SPAWN, SHELL: flags were added to a compiler's arguments; ARGV has them */
	HST_JOURNAL_LAUNCHER = 1u << 3, /* written by hasten run */
	HST_JOURNAL_ORPHAN = 1u << 4,   /* WAIT: its parent had ended before it */
	HST_JOURNAL_HOOKS =
		1u << 5, /* START: the executable calls the hooks of -finstrument-functions */
	HST_JOURNAL_BEGINS = 1u << 6, /* RUN: the beginning, else the end */
	HST_JOURNAL_CUT = 1u << 7,    /* texts were left out: too long */
	HST_JOURNAL_SANDBOXED =
		1u << 8, /* WAIT, END: written without system calls that would tell more */
	HST_JOURNAL_QUIET =
		1u
		<< 9, /* START: a program of the system that another one started; its allocations are not recorded */
};

/* Texts behind the fields: struct hst_journal_text, its bytes, zeros up to the next multiple of 8. */
enum hst_journal_text_kind {
	HST_TEXT_EXE = 1,      /* path of the executable, as /proc/self/exe has it */
	HST_TEXT_CWD = 2,      /* working directory */
	HST_TEXT_ARGV = 3,     /* arguments, each with its NUL */
	HST_TEXT_FILE = 4,     /* the file or name that the call was given */
	HST_TEXT_PATH = 5,     /* PATH that execvp and posix_spawnp looked through */
	HST_TEXT_COMMAND = 6,  /* of system and popen */
	HST_TEXT_BUILD_ID = 7, /* of the executable; bytes */
	HST_TEXT_EXECFN = 8, /* the path that exec was given (AT_EXECFN), if it differs from EXE */
	HST_TEXT_ORIGINAL =
		9, /* with HST_JOURNAL_ADDED: the arguments as the program gave them, like ARGV */
	HST_TEXT_NAME = 10, /* SAMPLE: comm */
};

struct hst_journal_text {
	uint32_t kind;
	uint32_t bytes; /* without padding */
};
static_assert(sizeof(struct hst_journal_text) == 8, "on disk");

/* RLIM_INFINITY is HST_JOURNAL_UNKNOWN. */
struct hst_journal_limits {
	uint64_t cpu_seconds, address_bytes, data_bytes, file_bytes, stack_bytes, processes;
};

/* EXE, CWD, ARGV, BUILD_ID, EXECFN. */
struct hst_journal_start {
	struct hst_journal_record record;
	uint32_t ppid;
	uint32_t flags;
	struct hst_journal_usage base; /* what the process had used before; hwm_bytes is unknown */
	struct hst_journal_limits limits;
	uint32_t uid, gid;
};
static_assert(sizeof(struct hst_journal_start) == 32 + 8 + 80 + 48 + 8, "on disk");

struct hst_journal_fork {
	struct hst_journal_record record;
	uint32_t ppid;
	uint32_t call;
};

/* FILE, ARGV, PATH if it is searched, CWD if a child of vfork may have changed it, ORIGINAL. */
struct hst_journal_exec {
	struct hst_journal_record record;
	uint32_t call;
	uint32_t flags;
	uint32_t ppid;
	uint32_t reserved;
	struct hst_journal_usage usage; /* of the image that it would end */
};

struct hst_journal_exec_failed {
	struct hst_journal_record record;
	uint32_t call;
	int32_t error; /* errno */
};

/* FILE, ARGV, PATH, ORIGINAL; of a fork nothing. `record.mono_ns` is when the call returned. */
struct hst_journal_spawn {
	struct hst_journal_record record;
	uint64_t began_ns;
	uint32_t call;
	uint32_t flags;
	int32_t error;  /* 0, or errno: then there is no child */
	uint32_t child; /* pid */
	uint64_t
		rss_bytes; /* most of the writer so far, 0 unknown: a child's maxrss may stem from it */
};

/* `record.pid` is the waiting process. */
struct hst_journal_wait {
	struct hst_journal_record record;
	uint32_t call;
	uint32_t flags;
	uint32_t child;
	int32_t status; /* as waitpid gives it; of waitid made into that */
	struct hst_journal_usage
		usage; /* of the child and those it waited for; hwm_bytes unknown */
};

struct hst_journal_end {
	struct hst_journal_record record;
	uint32_t kind;  /* enum hst_end */
	int32_t status; /* exit status, -1 unknown */
	uint32_t flags;
	uint32_t reserved;
	struct hst_journal_usage usage;
};

/* COMMAND. */
struct hst_journal_shell {
	struct hst_journal_record record;
	uint64_t
		began_ns; /* of system and pclose: when they were called; popen: the same as its end */
	uint32_t call;
	uint32_t flags;
	int32_t error;  /* errno, if it failed */
	int32_t status; /* system, pclose: as waitpid gives it */
	uint32_t child; /* popen, pclose: 0 unknown */
	uint32_t reserved;
};

struct hst_journal_no_memory {
	struct hst_journal_record record;
	uint64_t bytes;               /* that were asked for */
	uint64_t address_space_bytes; /* VmSize, 0 unknown */
};

/* Counters since boot of /proc/stat, /proc/vmstat and the like; gauges as they are; HST_JOURNAL_UNKNOWN: not to be had. */
struct hst_journal_system {
	struct hst_journal_record record;
	uint64_t cpu_user_ns, cpu_system_ns, cpu_idle_ns, cpu_iowait_ns,
		cpu_steal_ns; /* all processors */
	uint64_t context_switches, forks;
	uint64_t memory_total, memory_available, swap_total, swap_free; /* bytes */
	uint64_t read_bytes, written_bytes;                             /* disks */
	uint64_t pressure_cpu_us, pressure_memory_us, pressure_io_us;   /* "some" totals */
	uint64_t load_1m_1000;                                          /* thousandths */
	uint32_t processors, running;
};

/* NAME. Of a process in the launcher's tree. */
struct hst_journal_sample {
	struct hst_journal_record record;
	uint32_t ppid;
	uint32_t threads;
	uint8_t state; /* as in /proc/PID/stat */
	uint8_t reserved[7];
	uint64_t user_ns, system_ns;
	uint64_t rss_bytes, hwm_bytes, virtual_bytes;
	uint64_t read_bytes, written_bytes; /* /proc/PID/io, storage */
	uint64_t voluntary, involuntary;
	uint64_t minor_faults, major_faults;
	uint64_t start_ns; /* of the process, CLOCK_BOOTTIME in ns */
};

/* ARGV of the program, CWD. `record.pid` is the program's first process. */
struct hst_journal_run {
	struct hst_journal_record record;
	uint32_t launcher; /* pid */
	uint32_t flags;
	int64_t real_ns;      /* CLOCK_REALTIME */
	uint64_t interval_ns; /* of samples, 0 none */
	uint64_t oom_kills;   /* of the machine or the cgroup since it began; HST_JOURNAL_UNKNOWN */
	uint64_t sampling_ns; /* at the end: CPU time that samples took */
};

/* Of children of vfork too, which share the process's memory. */
struct hst_journal_lost {
	struct hst_journal_record record;
	uint64_t count;
	int32_t error; /* errno of the latest */
	uint32_t reserved;
};

/* Of a whole record of `bytes`, a multiple of 8; its field `check` counts as 0. Little-endian machines. */
static inline uint32_t hst_journal_check(const void *record, size_t bytes)
{
	const uint8_t *from = record;
	uint64_t sum = 0x9e3779b97f4a7c15ull ^ bytes;
	uint64_t word;

	for (size_t at = 0; at + 8 <= bytes; at += 8) {
		__builtin_memcpy(&word, from + at, sizeof word);
		word &= at == (offsetof(struct hst_journal_record, check) & ~7ul) ? UINT32_MAX
										  : UINT64_MAX;
		sum = (sum ^ word) * 0x2545f4914f6cdd1dull;
		sum ^= sum >> 29;
	}
	return (uint32_t)(sum ^ sum >> 32);
}

#endif
