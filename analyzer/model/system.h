/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the machine and the processes did over time: plain data from the samples of the launcher.
 * A rate belongs to the span between two samples; UINT64_MAX or UINT32_MAX: not known.
 */
#ifndef HST_MODEL_SYSTEM_H
#define HST_MODEL_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

#define HST_SYSTEM_UNKNOWN   UINT64_MAX
#define HST_SYSTEM_UNKNOWN32 UINT32_MAX

/*
 * The machine between the sample before and this one. Shares are thousandths of all processors (1000:
 * all of them all the time); the rest to 1000 is idle. The first sample has gauges only.
 */
struct hst_system_sample {
	uint64_t at_ns;   /* end of the span, since the recording began */
	uint64_t span_ns; /* 0: the first sample */
	uint32_t user, system, iowait, steal;
	uint64_t memory_total, memory_used, memory_available; /* bytes; used: total - available */
	uint64_t swap_total, swap_used;
	uint64_t read_bytes_s, written_bytes_s; /* disks, per second */
	uint64_t context_switches_s, forks_s;
	uint32_t pressure_cpu, pressure_memory,
		pressure_io; /* thousandths of the span (PSI "some") */
	uint64_t load_1000;  /* load of one minute, thousandths */
	uint32_t processors, running;
};

/* One process between its sample before and this one. */
struct hst_process_sample {
	uint64_t at_ns;
	uint64_t span_ns; /* 0: the first one of the process: rates are unknown */
	uint32_t pid;
	uint32_t image; /* index into hst_processes.images, UINT32_MAX: it is in no other record */
	const char *name; /* comm */
	uint32_t cpu;     /* thousandths of one processor */
	uint32_t threads;
	char state; /* as /proc/PID/stat has it, '?' unknown */
	uint64_t rss_bytes, hwm_bytes, virtual_bytes;
	uint64_t read_bytes_s, written_bytes_s;
	uint64_t context_switches_s, major_faults_s;
};

struct hst_system {
	struct hst_system_sample *samples; /* ascending at_ns */
	size_t sample_count;
	struct hst_process_sample *processes; /* by image (UINT32_MAX last), pid, then at_ns */
	size_t process_count;
	uint64_t interval_ns; /* asked for; 0: no samples were wanted, or not known */
	uint64_t sampling_ns; /* CPU time that taking the samples cost; UINT64_MAX unknown */
	uint64_t oom_kills;   /* during the recording; UINT64_MAX unknown */
};

#endif
