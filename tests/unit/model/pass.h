/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the profile pass over traces made by tracegen. */
#ifndef HST_TESTS_PASS_H
#define HST_TESTS_PASS_H

#include "passes/profile.h"
#include "tracegen.h"

#define REGION(number) (HST_REGION_BASE + 16ull * (number))

/* A directory of traces; regions are called "f0" ... "f9". */
struct fixture {
	char dir[64];
	uint32_t files;
	struct hst_profile profile;
};

void fixture_init(struct fixture *fixture);
void fixture_finish(struct fixture *fixture);

/* For cmocka: *state is a fixture of the test's own. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* A new trace with ten regions; its clock has 2 GHz: one nanosecond is two ticks, START is 0. */
struct tracegen *fixture_trace(uint32_t pid);
/* Writes and destroys it. */
void fixture_add(struct fixture *fixture, struct tracegen *gen);

/* Reads all files; `options` NULL: all defaults. */
void fixture_read(struct fixture *fixture, const struct hst_profile_options *options);

/* Events at nanoseconds of the recording. */
void at_enter(struct tracegen_stream *stream, uint64_t ns, uint32_t region);
void at_leave(struct tracegen_stream *stream, uint64_t ns);
uint64_t ticks_at(uint64_t ns);

/* The row of region `number`; an empty one if it was never seen. */
const struct hst_function_row *row_of(const struct fixture *fixture, uint32_t number);
/* Address of the copy of `copied` in another object than the test's. */
uint64_t other_copy(void);
/* True if a note holds the text. */
int has_note(const struct fixture *fixture, const char *text);

#endif
