/* SPDX-License-Identifier: Apache-2.0 */
/* A function of a header: each object that includes it has a copy of its own. */
#ifndef HST_TESTS_COPIED_H
#define HST_TESTS_COPIED_H

__attribute__((noinline, used)) static int copied(int number)
{
	return number + 1;
}

#endif
