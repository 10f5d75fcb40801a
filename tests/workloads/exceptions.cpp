/* SPDX-License-Identifier: Apache-2.0 */
/* C++ exceptions: through plain frames, through cleanups, rethrown, out of a constructor. */
#include "workload.h"

#include <stdexcept>

struct guard {
	guard();
	~guard();
};

NOINLINE guard::guard()
{
	sink++;
}

NOINLINE guard::~guard()
{
	sink++;
}

struct broken {
	NOINLINE broken()
	{
		throw std::runtime_error("constructor");
	}
};

NOINLINE static void thrower(int i)
{
	if (i >= 0) {
		throw std::runtime_error("planned");
	}
	sink++;
}

NOINLINE static void plain(int i)
{
	thrower(i);
	sink++;
}

NOINLINE static void cleaning(int i)
{
	guard g;

	plain(i);
	sink++;
}

NOINLINE static void rethrower(int i)
{
	try {
		cleaning(i);
	} catch (const std::exception &) {
		sink++;
		throw;
	}
}

NOINLINE static void after(void)
{
	sink++;
}

NOINLINE static void catcher(int i)
{
	try {
		rethrower(i);
	} catch (const std::exception &) {
		after();
	}
	after();
}

NOINLINE static void maker(void)
{
	try {
		broken b;

		(void)b;
	} catch (const std::exception &) {
		after();
	}
}

int main()
{
	for (int i = 0; i < 300; i++) {
		catcher(i);
		maker();
	}
	printf("done\n");
	return 0;
}
