/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 1000 calls of work() per byte on stdin, a byte on stdout when they are done: no clock decides. A call takes far longer than its hooks, or nothing might
 * be left of it when their cost is subtracted.
 */
#include <unistd.h>

static __attribute__((noinline)) void work(int i)
{
	for (int j = 0; j < 300; j++) {
		__asm__ volatile("" : : "r"(i + j));
	}
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
