/* SPDX-License-Identifier: Apache-2.0 */
/* What the preload knows of the process it lives in. Written at start and in a forked child only. */
#ifndef HST_CORE_PROCESS_H
#define HST_CORE_PROCESS_H

#include "core/attr.h"
#include "core/options.h"
#include "core/stream.h"

#include <stddef.h>
#include <stdint.h>

enum hst_process_state {
	HST_PROCESS_NEW = 0,
	HST_PROCESS_STARTING = 1,
	HST_PROCESS_ON = 2,
	HST_PROCESS_OFF = 3, /* disabled, not allowed, or no file could be made */
};

struct hst_process {
	uint32_t state; /* enum hst_process_state, atomic */
	uint32_t pid;
	uint32_t
		epoch; /* grows in a forked child: streams of another epoch belong to the parent's file */
	uint32_t
		early; /* calls of threads for which the start took too long, not yet in a ledger */
	uint64_t stack_end; /* of the main thread, 0 unknown */
	struct hst_options options;
	struct hst_window *alive; /* wiped by the kernel in a forked child: `seen` is 0 there */
	/* For the journal of processes, which a process may write to that records nothing else. */
	struct hst_window
		*tracked; /* like `alive`; `seen` is 0 until the journal has the forked child */
	uint32_t tracked_pid;
	uint64_t base_maxrss; /* bytes; what the kernel gave as ru_maxrss when the image began */
	bool announced; /* the journal has the image; what it records may begin with its first event */
	bool quiet; /* a program of the system that another one started: its memory is not recorded */
};

extern HST_HIDDEN struct hst_process hst_process;

/* What exit() was given; -1 not yet. */
extern HST_HIDDEN int hst_exit_status;

/* When the thread began the fork that is under way, or of which its process is the child; 0 none. */
extern __thread uint64_t hst_fork_ticks __attribute__((tls_model("initial-exec")));

#define HST_WINDOWS_FIRST 1024u /* 64 KiB */

/* What the first threads need: it comes with the library, and so without a mapping of its own. */
struct hst_first {
	struct hst_window windows[HST_WINDOWS_FIRST];
	union {
		struct hst_stream stream;
		uint8_t pages[(sizeof(struct hst_stream) + 4095) / 4096 * 4096];
	};
	struct hst_open entries[HST_OPEN_FIRST];
};
static_assert(offsetof(struct hst_first, stream) % 4096 == 0, "wiped apart from it");
static_assert(offsetof(struct hst_first, entries) % 4096 == 0, "grown by mremap");

/* Zeroed memory for a stream and its first shadow stack, once in a process. NULL: it has been taken. */
struct hst_first *hst_process_first(void);

/*
 * A window in memory that a forked child finds zeroed. NULL when the kernel cannot (before 4.14) or no memory is left.
 * Windows are never given back.
 */
struct hst_window *hst_window_new(void);

#endif
