/* SPDX-License-Identifier: Apache-2.0 */
/*
 * longjmp out of three levels, again and again. What is called next has now a larger, now a
 * smaller frame than the abandoned ones: nesting must not be judged by the stack pointer alone.
 */
#include "workload.h"

#include <setjmp.h>

static jmp_buf home;

NOINLINE static void level3(int i)
{
	volatile char room[64];

	room[0] = (char)i;
	sink += (unsigned long)room[0];
	longjmp(home, 1);
}

NOINLINE static void level2(int i)
{
	volatile char room[4096];

	room[i & 4095] = 1;
	level3(i);
	sink += (unsigned long)room[i & 4095];
}

NOINLINE static void level1(int i)
{
	volatile char room[200];

	room[i % 200] = 1;
	level2(i);
	sink += (unsigned long)room[i % 200];
}

NOINLINE static void large(int i)
{
	volatile char room[9000];

	room[i % 9000] = 1;
	sink += (unsigned long)room[i % 9000];
}

NOINLINE static void middle(int i)
{
	large(i);
	sink++;
}

NOINLINE static void small(void)
{
	sink++;
}

int main(void)
{
	for (volatile int i = 0; i < 1000; i++) {
		if (setjmp(home) == 0) {
			level1(i);
		}
		switch (i % 3) {
		case 0:
			large(i);
			break;
		case 1:
			middle(i);
			break;
		default:
			small();
			break;
		}
	}
	printf("done\n");
	return 0;
}
