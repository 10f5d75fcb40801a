/* SPDX-License-Identifier: Apache-2.0 */
/* Data directories with a journal of processes, for golden_traces.c. */
#ifndef HST_TEST_GOLDEN_JOURNALS_H
#define HST_TEST_GOLDEN_JOURNALS_H

/* make builds with four compilers, of which one fails; tools of other kinds; samples of the machine. */
void golden_build(const char *directory);
/* Forty equal children, most of them short. */
void golden_many(const char *directory);
/* Texts that would like to act on a terminal, damage, and no end. */
void golden_hostile(const char *directory);

#endif
