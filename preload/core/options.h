/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the environment asks of the preload: one row per variable in include/hasten/options.def.
 * Read once at process start, from `environ`, without libc.
 */
#ifndef HST_CORE_OPTIONS_H
#define HST_CORE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum hst_choice {
	HST_CHOICE_NONE = 0, /* nothing said */
	HST_CHOICE_NO = 1,
	HST_CHOICE_YES = 2,
};

enum hst_disabled {
	HST_DISABLED_NOTHING = 0,
	HST_DISABLED_ALL = 1,
	HST_DISABLED_MEMO = 2, /* no function is answered from a cache */
};

struct hst_options {
	enum hst_disabled disabled;
	bool launcher;
	bool children;
	bool paused;
	bool profile;
	bool check;
	bool memory;
	bool cpu;
	bool build;
	bool memory_all;
	bool patch;
	bool values;
	bool record;                 /* false: nothing but what came of the plan */
	enum hst_choice memory_said; /* `memory` is what follows from it */
	uint64_t overhead_ppm;       /* HST_OVERHEAD_OFF: no limit */
	uint64_t limit_bytes;
	uint64_t ring_ns;
	uint64_t tsc_hz;
	uint64_t seccomp; /* filters that the launcher itself had */
	bool seccomp_known;
	const char *data; /* NULL: default; points into the environment, so copy what is kept */
	const char *plan;
	const char *revoked;
	const char *filter;
	const char *build_flags;
};

#define HST_LIMIT_DEFAULT (256ull << 20)
#define HST_OVERHEAD_OFF  UINT64_MAX

void hst_options_read(char **environment, struct hst_options *ret_options);

#endif
