/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples of the machine and of the program's processes while it runs, taken by the launcher. Nothing
 * is done within the program. The time that samples take is measured, and their distance grows so
 * that they stay below half a percent of one processor, whatever the number of processes.
 */
#ifndef HST_CMD_RUN_SAMPLE_H
#define HST_CMD_RUN_SAMPLE_H

#include "cmd/run_figures.h"
#include "cmd/run_journal.h"
#include "util/map.h"
#include "util/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HST_SAMPLE_INTERVAL_NS UINT64_C(500000000)
/* Beyond this many processes at a time the rest is not sampled. */
#define HST_SAMPLE_PROCESSES_MAX 8192u

struct hst_sampled {
	struct hst_figures figures; /* the latest */
	uint64_t written_ns;        /* its latest record, 0 none */
	bool more;                  /* figures of `status` and `io` were read */
};

struct hst_run_sampler {
	int proc;             /* /proc; -1: nothing is sampled */
	bool on;              /* false: only hst_run_sampler_left() is asked for */
	pid_t launcher, root; /* root is the first of `processes` while it is there */
	uint64_t
		since; /* start of root in clock ticks: older children of the launcher are not the program's */
	uint64_t interval_ns; /* between samples */
	bool growing;         /* the interval grows in a long run */
	uint64_t began_ns, next_ns;
	uint64_t cost_ns, latest_cost_ns; /* CPU time of all samples, of the latest one */
	uint64_t last_pid;                /* given by the kernel when processes were looked for */
	bool again;                /* look for them once more: a list that changes may lack some */
	bool listed;               /* this kernel lists children */
	uint64_t tree_peak_bytes;  /* largest sum of RSS at a time, 0 none */
	uint64_t image_peak_bytes; /* largest VmHWM seen */
	uint64_t samples;
	char *text;            /* room for a file */
	struct hst_map places; /* pid to index in `processes` */
	HST_VEC(struct hst_sampled) processes;
};

/* `proc` is borrowed, a directory. `interval_ns` 0: the default, growing. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_run_sampler_init(
	struct hst_run_sampler *ret_sampler, int proc, bool on, uint64_t interval_ns);
void hst_run_sampler_finish(struct hst_run_sampler *sampler);

/* The program is there, held back. Takes the first sample of the machine. */
void hst_run_sampler_start(struct hst_run_sampler *sampler, struct hst_run_journal *journal,
	pid_t launcher, pid_t root, uint64_t root_start);

/* Takes a sample if it is time. Nanoseconds until the next one, UINT64_MAX: never. */
uint64_t hst_run_sampler_tick(struct hst_run_sampler *sampler, struct hst_run_journal *journal);

/*
 * The program has ended: the last sample of the machine. Looks which of the program's processes still run; each has a
 * SAMPLE, later than the WAIT of the first process. They stay in `processes`. Returns how many.
 */
size_t hst_run_sampler_left(struct hst_run_sampler *sampler, struct hst_run_journal *journal);

/*
 * Processes killed for lack of memory, counted by the cgroup of this process, else by the machine. HST_JOURNAL_UNKNOWN: neither
 * is to be had. `root` is "" but for tests.
 */
uint64_t hst_run_oom_kills(const char *root);

#endif
