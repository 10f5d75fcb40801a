/* SPDX-License-Identifier: Apache-2.0 */
/* A model of processes that is made by hand, and what `hasten processes` says of it. */
#ifndef HST_TEST_PROCESSES_FIXTURE_H
#define HST_TEST_PROCESSES_FIXTURE_H

#include "cmd/processes.h"

#define MS  UINT64_C(1000000)
#define MIB (UINT64_C(1) << 20)

/*
 * make starts sh, which becomes gcc, whose cc1 refuses a.c; a second gcc with its cc1; a static busybox that is seen from
 * make only; and a fork of make that becomes python3.
 */
enum {
	MAKE,
	SHELL,
	GCC,
	CC1,
	GCC_B,
	CC1_B,
	BUSYBOX,
	FORKED,
	PYTHON,
	IMAGES
};

struct fixture {
	struct hst_reading reading;
	struct hst_processes processes;
	struct hst_process_image *images;
	size_t room; /* for images */
	struct hst_process_command commands[3];
	struct hst_process_phase_row phases[2];
	struct hst_process_waste_row wastes[2];
	struct hst_process_repeat repeat;
	struct hst_process_step steps[3];
	struct hst_process_stretch stretch;
	struct hst_process_exec_failure exec_failures[2];
	struct hst_process_shell shell;
	struct hst_process_no_memory no_memory;
	struct hst_system_sample samples[4];
	struct hst_process_sample process_samples[3];
	struct hst_note notes[1];
	char *output; /* of the last show() */
	char *errors;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* An image with its process, linked to those above it; `parent`, `previous`: HST_PROCESS_NONE. */
struct hst_process_image *fixture_add(
	struct fixture *f, uint32_t parent, uint32_t previous, uint32_t pid, const char *command);
/* When it ran, in milliseconds, and its CPU. Adds that to all above it. */
void fixture_times(struct fixture *f, uint32_t image, uint64_t begin, uint64_t end, uint64_t cpu);
/* Arguments, ended by NULL; they have to stay. */
void fixture_argv(struct fixture *f, uint32_t image, const char *const *argv);

/* The exit status; `output` and `errors` are what was written. */
int show(struct fixture *f);
/* Is the line in the output, each run of blanks as one? Widths of columns are not the question. */
bool has(const struct fixture *f, const char *line);
bool said(const struct fixture *f, const char *sentence);
/* Columns of the longest line. */
size_t longest_line(const char *text);

#endif
