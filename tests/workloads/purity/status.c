/* SPDX-License-Identifier: Apache-2.0 */
/* A program that asks which floating-point exceptions were raised: then raising them is something that a function does. */
#include <fenv.h>
#include <stdio.h>

#define OUT __attribute__((noinline, noclone, used))

OUT double n_divides(double a, double b)
{
	return a / b;
}

OUT double n_calls_divide(double a)
{
	return n_divides(a, 3) + 1;
}

OUT unsigned n_mxcsr(unsigned a)
{
	unsigned state;

	__asm__ volatile("stmxcsr %0" : "=m"(state));
	return a + state;
}

OUT int p_integer(int a)
{
	return a * 3 + 1;
}

int main(int argc, char **argv)
{
	double got;

	(void)argv;
	feclearexcept(FE_ALL_EXCEPT);
	got = n_divides(argc, 3);
	printf("%g %d %d\n", got, fetestexcept(FE_INEXACT) != 0, p_integer(argc));
	return 0;
}
