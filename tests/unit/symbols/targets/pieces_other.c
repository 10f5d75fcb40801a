/* SPDX-License-Identifier: Apache-2.0 */
/* Another file's static function of the same name, with a cold part of its own. */
#include <stdlib.h>

__attribute__((cold)) void complain(int n);

static __attribute__((noinline)) int same(int n)
{
	if (n > 3000) {
		complain(n);
		complain(n - 1);
		abort();
	}
	return n * 7;
}

int other(int n)
{
	return same(n) + 1;
}
