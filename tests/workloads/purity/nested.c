/* SPDX-License-Identifier: Apache-2.0 */
/* A function inside another one (gcc only): its frame comes in a register that is no argument. */
#define OUT __attribute__((noinline, noclone, used))

OUT int n_nested(int a)
{
	int kept = a;
	OUT int n_inner(int b)
	{
		return kept += b;
	}
	OUT int n_inner_reads(int b)
	{
		return kept + b;
	}

	return n_inner(1) + n_inner(2) + n_inner_reads(3) + kept;
}

int main(int argc, char **argv)
{
	(void)argv;
	return n_nested(argc) & 1;
}
