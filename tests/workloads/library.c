/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared library with one function, WORKLOAD_NAME, and a local one that it calls. Built twice
 * with names of equal length and linked to one address, so that they take each other's place.
 */
#include "workload.h"

#define JOIN2(a, b) a##b
#define JOIN(a, b)  JOIN2(a, b)

#define LOCAL JOIN(WORKLOAD_NAME, _local)

unsigned long WORKLOAD_NAME(unsigned long n);

NOINLINE static unsigned long LOCAL(unsigned long n)
{
	sink++;
	return n;
}

unsigned long WORKLOAD_NAME(unsigned long n)
{
	return LOCAL(n) + LOCAL(n + 1);
}
