/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in that brings its own C++ runtime, linked statically: its exceptions are no business
 * of any other. */
#include <stdexcept>

extern "C" unsigned long plug(unsigned long n);

__attribute__((noinline)) static void plug_thrower(unsigned long n)
{
	if (n % 2 == 0) {
		throw std::runtime_error("even");
	}
}

unsigned long plug(unsigned long n)
{
	try {
		plug_thrower(n);
	} catch (const std::exception &) {
		return 7;
	}
	return 1;
}
