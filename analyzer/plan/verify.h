/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a program with a plan really faster than without, and are its results the same? Two arms are run in
 * turns with the same input; what they write is compared byte for byte, their times by ranks. Prints nothing.
 *
 *   baseline (kept as reference) -> plan -> baseline again -> pairs ABBA ABBA ... -> hst_verify_decide
 */
#ifndef HST_PLAN_VERIFY_H
#define HST_PLAN_VERIFY_H

#include "plan/verify_stats.h"
#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Five values on each side are the fewest for which p can be 0.01 or less. */
#define HST_VERIFY_PAIRS_MIN 5u
#define HST_VERIFY_PAIRS_MAX HST_STATS_COUNT_MAX
#define HST_VERIFY_FILES_MAX 8u
/* Of standard output, of standard error, of each file. */
#define HST_VERIFY_OUTPUT_MAX  (UINT64_C(256) << 20)
#define HST_VERIFY_EXCERPT_MAX 48u

#define HST_VERIFY_P_MAX        0.01
#define HST_VERIFY_FLOOR_MIN    0.01 /* a gain below 1 % is none */
#define HST_VERIFY_NOISY        0.03 /* A/A above it: wall time is too noisy */
#define HST_VERIFY_MEMORY_SHARE 0.10 /* peak memory may be so much above the baseline's, */
#define HST_VERIFY_MEMORY_BYTES (UINT64_C(4) << 20) /* and so much more */

#define HST_VERIFY_UNKNOWN UINT64_MAX

enum hst_verify_verdict {
	HST_VERIFY_ACCEPTED,
	HST_VERIFY_REJECTED,
	HST_VERIFY_INCONCLUSIVE,
};

enum hst_verify_reason {
#define HST_VERIFY_REASON(NAME, VERDICT, word) HST_VERIFY_BECAUSE_##NAME,
#include "plan/verify_reasons.def"
#undef HST_VERIFY_REASON
};

enum {
	HST_VERIFY_BASE, /* arm A: the baseline */
	HST_VERIFY_PLAN, /* arm B: with the plan */
	HST_VERIFY_ARMS,
};

/* How an arm is started. All borrowed; the environment is the whole one. */
struct hst_verify_arm {
	const char *path; /* what is executed */
	bool shell;       /* a file of no known format is a script of /bin/sh */
	char *const *argv;
	char *const *environment;
	/* After each run, outside of the measured time; NULL none. */
	void (*after)(void *context);
	void *context;
};

struct hst_verify_task {
	struct hst_verify_arm arms[HST_VERIFY_ARMS];
	/*
	 * Each run reads it anew, from where it stands: a file, or a device such as /dev/null
	 * (hst_verify_input makes one of a pipe).
	 */
	int input;
	const char *const *files; /* that the program writes: compared, too */
	size_t file_count;        /* at most HST_VERIFY_FILES_MAX */
	uint32_t pairs;           /* 0: as many as the time allows */
	uint64_t time_ns;         /* for all runs together */
	uint64_t timeout_ns;      /* for one run */
	uint64_t seed;            /* of the bootstrap */
	/* Before each run but the first ones; NULL none. */
	void (*progress)(void *context, uint64_t done, uint64_t total);
	void *progress_context;
};

/* One run, as far as it is kept. */
struct hst_verify_sample {
	double wall_ns, cpu_ns;
	double thread_cpu_ns; /* of the first thread; NaN unknown */
	double queued_ns;     /* the first thread was ready, but had no CPU; NaN unknown */
};

struct hst_verify_samples {
	struct hst_verify_sample items[HST_VERIFY_PAIRS_MAX];
	size_t count;
	uint64_t peak_bytes; /* the highest of all runs */
	int wait_status;     /* of the run that decided, or of the last one */
};

/* Wall or CPU time of both arms. */
struct hst_verify_comparison {
	double minimum[HST_VERIFY_ARMS], median[HST_VERIFY_ARMS], mad[HST_VERIFY_ARMS];
	struct hst_ratio ratio;  /* plan to baseline */
	struct hst_ratio paired; /* the same by pairs */
	struct hst_mann_whitney test;
	double same;  /* A/A: how far the baseline is from itself, 0.02 = 2 % */
	double floor; /* a gain below it is none */
};

enum {
	HST_VERIFY_STDOUT,
	HST_VERIFY_STDERR,
	HST_VERIFY_FILE, /* the first of task->files; the next ones follow */
	HST_VERIFY_STREAMS_MAX = HST_VERIFY_FILE + HST_VERIFY_FILES_MAX,
};

struct hst_verify_stream {
	uint64_t bytes;
	uint64_t hash; /* FNV-1a, 64 bits */
	bool missing;  /* the file is not there */
};

/* Where an output first differs from the reference. */
struct hst_verify_difference {
	bool found;
	bool between_equal; /* both are of the baseline */
	size_t stream;
	uint64_t offset, line; /* of the byte; lines from 1 */
	bool missing[HST_VERIFY_ARMS];
	/* What stands there, from the beginning of the line or less; [0] the reference. */
	char excerpt[HST_VERIFY_ARMS][HST_VERIFY_EXCERPT_MAX];
	size_t excerpt_bytes[HST_VERIFY_ARMS];
};

struct hst_verify_result {
	enum hst_verify_verdict verdict;
	enum hst_verify_reason reason;
	uint32_t pairs; /* complete ones */
	uint32_t runs;  /* all, also those before the pairs */
	bool compared;  /* `wall` and `cpu` are there */
	bool single;    /* as good as all CPU time was that of the first thread */
	bool busy; /* as good as all time in which it had a CPU or could have had one was CPU time */
	bool by_cpu; /* CPU time decided, in place of wall time that is too noisy */
	struct hst_verify_comparison wall, cpu;
	struct hst_verify_samples arms[HST_VERIFY_ARMS];
	/* Less than this a peak cannot be seen to be: it is the share of this process itself. */
	uint64_t peak_floor_bytes, peak_limit_bytes;
	/* The reference; and the last run with the plan, or the one that differed. */
	struct hst_verify_stream streams[HST_VERIFY_ARMS][HST_VERIFY_STREAMS_MAX];
	struct hst_verify_difference difference;
	size_t arm;          /* which was too slow or wrote too much */
	uint64_t timeout_ns; /* that it had */
	int interrupted;     /* signal that ended the comparison, 0 none */
};

/*
 * Runs and decides. SIGCHLD, SIGHUP, SIGINT, SIGQUIT and SIGTERM are blocked meanwhile; one of the last four ends it.
 * Whatever of a run is left when its first process ends, is killed. The working directory is the caller's.
 * HST_E_NOT_FOUND: an arm cannot be executed; HST_E_IO, HST_E_MEMORY: ours; each with a sentence.
 */
HST_NODISCARD enum hst_status hst_verify(const struct hst_verify_task *task,
	struct hst_verify_result *ret_result, struct hst_diag *diag);

/*
 * The verdict on complete pairs of runs whose outputs were the same: `result` has samples, runs and peaks.
 * Fills in comparisons, memory limit, verdict, reason. HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_verify_decide(uint64_t seed, struct hst_verify_result *result);

/*
 * What `fd` gives, so that it can be read again and again: a duplicate of a file or device; /dev/null for a terminal or
 * a closed descriptor; all of a pipe in memory, for which it waits `timeout_ns` at most. The caller closes *ret_fd.
 * HST_E_LIMIT: it did not end, or is too large; HST_E_IO; each with a sentence.
 */
enum hst_verify_input_kind {
	HST_VERIFY_INPUT_FILE,
	HST_VERIFY_INPUT_DEVICE,
	HST_VERIFY_INPUT_TERMINAL,
	HST_VERIFY_INPUT_COPY,
};
HST_NODISCARD enum hst_status hst_verify_input(int fd, uint64_t timeout_ns, int *ret_fd,
	enum hst_verify_input_kind *ret_kind, struct hst_diag *diag);

enum hst_verify_verdict hst_verify_verdict_of(enum hst_verify_reason reason);
const char *hst_verify_verdict_word(enum hst_verify_verdict verdict);
const char *hst_verify_reason_word(enum hst_verify_reason reason);

#endif
