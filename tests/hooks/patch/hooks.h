/* SPDX-License-Identifier: Apache-2.0 */
/* What the library of hooks tells the program that changes their call sites. */
#ifndef HST_TEST_PATCH_HOOKS_H
#define HST_TEST_PATCH_HOOKS_H

#include <stdint.h>

#define PATCH_PLACES 256u

void __cyg_profile_func_enter(void *fn, void *call_site);
void __cyg_profile_func_exit(void *fn, void *call_site);

/*
 * 0 enter, 1 exit: how many calls came, and from which places (return addresses), PATCH_PLACES at most. 2: exits that were jumped to,
 * and by which functions.
 */
uint64_t patch_calls(unsigned which);
unsigned patch_places(unsigned which, uint64_t *ret_places);

#endif
