/* SPDX-License-Identifier: Apache-2.0 */
/* 1000 calls of work() per byte on stdin, a byte on stdout when they are done: no clock decides. */
#include <unistd.h>

static __attribute__((noinline)) void work(int i)
{
	__asm__ volatile("" : : "r"(i));
}

int main(void)
{
	char byte = '.';

	while (read(STDIN_FILENO, &byte, 1) == 1) {
		for (int i = 0; i < 1000; i++) {
			work(i);
		}
		if (write(STDOUT_FILENO, &byte, 1) != 1) {
			return 1;
		}
	}
	return 0;
}
