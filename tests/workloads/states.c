/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State that belongs to the program and that no hook may change: errno, the rounding mode and the
 * floating-point exceptions, the signal mask, descriptors, the working directory, arguments in
 * vector registers.
 */
#include "workload.h"

#include <errno.h>
#include <fenv.h>
#include <signal.h>

NOINLINE static double mixed(double a, float b, long c, double d, int e, double f, long g, double h,
	double i, double j, double k)
{
	return a + (double)b + (double)c + d + (double)e + f + (double)g + h + i + j + k;
}

NOINLINE static long double extended(long double a)
{
	return a / 3.0L;
}

NOINLINE static int errno_inside(void)
{
	return errno;
}

NOHOOK static int lowest_descriptor(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

int main(void)
{
	double sum = 0;
	sigset_t mask;
	int kept = 0;

	feclearexcept(FE_ALL_EXCEPT);
	fesetround(FE_UPWARD);
	for (int i = 0; i < 100000; i++) {
		errno = i;
		sum += mixed(i, 1.0f, 2, 3, 4, 5, 6, 7, 8, 9, 10);
		kept += errno_inside() == i;
	}
	printf("%.1f %d round %d\n", sum, kept, fegetround() == FE_UPWARD);
	fesetround(FE_TONEAREST);
	printf("%.20Lf\n", extended(1.0L));
	sigprocmask(SIG_BLOCK, NULL, &mask);
	printf("blocked %d lowest %d\n", sigismember(&mask, SIGPROF) + sigismember(&mask, SIGTRAP),
		lowest_descriptor());
	return 0;
}
