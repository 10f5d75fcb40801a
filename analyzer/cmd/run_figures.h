/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of processes and of the machine, out of the texts of /proc. Pure: no file is read here. */
#ifndef HST_CMD_RUN_FIGURES_H
#define HST_CMD_RUN_FIGURES_H

#include "hasten/journal.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HST_FIGURES_NAME_BYTES 64

struct hst_figures {
	pid_t pid, parent;
	char state;
	char name[HST_FIGURES_NAME_BYTES];
	uint32_t threads;
	uint64_t user_ns, system_ns;
	uint64_t minor_faults, major_faults;
	uint64_t virtual_bytes, rss_bytes;
	uint64_t start; /* clock ticks since boot */
	/* Of other files; HST_JOURNAL_UNKNOWN unless they were read. */
	uint64_t hwm_bytes, voluntary, involuntary, read_bytes, written_bytes;
};

/* PID/stat. false: it is none. */
bool hst_figures_stat(const char *text, struct hst_figures *ret_figures);
/* PID/status and PID/io: what they have goes into `figures`. */
void hst_figures_status(const char *text, struct hst_figures *figures);
void hst_figures_io(const char *text, struct hst_figures *figures);

/* Clock ticks since boot, in nanoseconds. */
uint64_t hst_figures_ticks_ns(uint64_t ticks);

/* A sample in which nothing is known. */
void hst_figures_unknown(struct hst_journal_system *ret_system);
/* The file `name` of /proc ("stat", "pressure/io"): what it has goes into `system`. */
void hst_figures_system(const char *name, const char *text, struct hst_journal_system *system);
/* The files that hst_figures_system() knows; NULL at the end. */
extern const char *const hst_figures_files[];

/* The pid given last, the last number of "loadavg"; 0 unknown. */
uint64_t hst_figures_last_pid(const char *loadavg);
/* The number behind `key` at the beginning of a line; HST_JOURNAL_UNKNOWN if there is none. */
uint64_t hst_figures_value(const char *text, const char *key);

#endif
