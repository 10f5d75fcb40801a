// SPDX-License-Identifier: Apache-2.0
// memowork.cc SCENARIO: as memowork.c, with what C has not: exceptions through calls whose results are waited for, methods, templates,
// destructors that call on the way out, and ends of threads.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#define NOHOOK      __attribute__((no_instrument_function))
#define NOINLINE    __attribute__((noinline))
#define DONE(value) __asm__ volatile("" : "+r"(value))

static volatile int leave;

NOINLINE long m_leaf(long a)
{
	if (leave > 0 && --leave == 0) {
		throw std::runtime_error("left");
	}
	long v = a * 1000003;
	DONE(v);
	return v;
}

NOINLINE long m_pending(long a)
{
	long v = m_leaf(a + 1) - m_leaf(a + 3);
	DONE(v);
	return v;
}

// Catches, and returns all the same.
NOINLINE long m_catching(long a)
{
	long v;

	try {
		v = m_pending(a);
	} catch (const std::exception &) {
		v = a * 7;
	}
	DONE(v);
	return v;
}

struct Guard {
	long value;
	NOHOOK explicit Guard(long a) : value(a)
	{
	}
	NOINLINE ~Guard()
	{
		int before = leave;

		leave = 0;
		if (m_leaf(value) != value * 1000003 || m_pending(value) != -2 * 1000003) {
			std::puts("WRONG in a destructor");
		}
		leave = before;
	}
};

NOINLINE long m_guarded(long a)
{
	Guard guard(a % 10);
	long v = m_pending(a) + 1;
	DONE(v);
	return v;
}

namespace ns
{
NOINLINE int m_spaced(int a, bool b, char c)
{
	int v = b ? a * c : a - c;
	DONE(v);
	return v;
}
} // namespace ns

using ns::m_spaced;

NOHOOK NOINLINE static long from_here(long (*function)(long), long a)
{
	return function(a);
}

NOHOOK static void throwing()
{
	long (*const functions[])(long) = { m_leaf, m_pending, m_guarded };

	for (long k = 0; k < 300; k++) {
		long fresh = 10000 + 16 * k;
		long (*function)(long) = functions[k % 3];

		leave = 1 + static_cast<int>(k % 4);
		try {
			std::printf("stayed %ld\n", from_here(function, fresh));
		} catch (const std::exception &problem) {
			std::printf("%s\n", problem.what());
		}
		leave = 0;
		std::printf("%ld\n", from_here(function, k % 20 + 500));
		std::printf("%ld %ld %ld\n", from_here(function, fresh),
			from_here(m_leaf, fresh + 1), from_here(m_catching, k % 20));
	}
}

NOHOOK static void caught()
{
	for (long k = 0; k < 200; k++) {
		std::printf("%ld %ld %d\n", m_catching(k % 9), m_guarded(k % 8),
			m_spaced(static_cast<int>(k % 7), k & 1, 'x'));
	}
}

struct AtEnd {
	long value = 0;
	NOHOOK ~AtEnd()
	{
		for (int i = 0; i < 4; i++) {
			if (m_leaf(value) != value * 1000003) {
				std::puts("WRONG at the end of a thread");
			}
		}
	}
};

static thread_local AtEnd at_end;

struct Body {
	int number;
	NOHOOK void operator()() const
	{
		at_end.value = number % 5 + 1;
		for (int i = 0; i < 200; i++) {
			if (m_pending(i % 10) != -2 * 1000003) {
				std::puts("WRONG in a thread");
			}
		}
	}
};

NOHOOK static void threads()
{
	for (int i = 0; i < 40; i++) {
		std::thread one{ Body{ i } };
		std::thread two{ Body{ i + 1 } };

		one.join();
		two.join();
	}
	std::printf("%ld\n", m_leaf(4));
	std::printf("%ld\n", m_leaf(4));
}

NOHOOK int main(int argc, char **argv)
{
	if (argc > 1 && std::strcmp(argv[1], "throwing") == 0) {
		throwing();
	} else if (argc > 1 && std::strcmp(argv[1], "caught") == 0) {
		caught();
	} else if (argc > 1 && std::strcmp(argv[1], "threads") == 0) {
		threads();
	} else {
		std::puts("throwing\ncaught\nthreads");
	}
	return 0;
}
