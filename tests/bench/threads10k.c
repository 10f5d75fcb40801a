/* SPDX-License-Identifier: Apache-2.0 */
/* Short threads one after the other, each with a few calls. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static __attribute__((noinline)) long work(long x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

static void *run(void *argument)
{
	long sum = (long)argument;

	for (int i = 0; i < 10; i++) {
		sum = work(sum);
	}
	return (void *)sum;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 10000;
	long sum = 0;

	for (int i = 0; i < count; i++) {
		pthread_t thread;
		void *result = NULL;

		if (pthread_create(&thread, NULL, run, (void *)(long)i) != 0) {
			return 1;
		}
		pthread_join(thread, &result);
		sum += (long)result;
	}
	printf("%ld\n", sum);
	return 0;
}
