/* SPDX-License-Identifier: Apache-2.0 */
/* A recursion 1,000,000 frames deep, on a thread whose stack is large enough for it. */
#include "workload.h"

#include <pthread.h>
#include <sys/mman.h>

#define STACK_BYTES ((size_t)1 << 30)

NOINLINE unsigned long down(unsigned long n);

unsigned long down(unsigned long n)
{
	unsigned long below = 0;

	if (n > 1) {
		below = down(n - 1);
	}
	sink++;
	return below + 1;
}

static void *run(void *depth)
{
	printf("%lu\n", down(*(unsigned long *)depth));
	return NULL;
}

int main(void)
{
	unsigned long depth = 1000000;
	pthread_attr_t attr;
	pthread_t thread;
	void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED) {
		skip("no memory for a stack of 1 GiB");
	}
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack, STACK_BYTES);
	if (pthread_create(&thread, &attr, run, &depth) != 0) {
		die("pthread_create");
	}
	pthread_join(thread, NULL);
	return 0;
}
