/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of C++: `mem_cxx new | containers | thread | exceptions | static`. What is allocated follows from the language and from
 * containers whose room is asked for; all of it arrives through malloc.
 */
#include "mem.h"

#include <pthread.h>

#include <map>
#include <new>
#include <string>
#include <vector>

namespace
{
struct pair_of_numbers {
	long first;
	long second;
};

struct alignas(128) aligned_thing {
	char bytes[128];
};

struct holder {
	NOHOOK explicit holder(void *given) : block(static_cast<char *>(given))
	{
	}
	holder(const holder &) = delete;
	holder &operator=(const holder &) = delete;
	NOHOOK ~holder()
	{
		free(block);
	}
	char *block;
};

} // namespace

/* Not in an anonymous namespace, so that the names are short. */

NOINLINE void all_forms()
{
	auto *one = static_cast<pair_of_numbers *>(kept(new pair_of_numbers{ 1, 2 }));
	auto *many = static_cast<pair_of_numbers *>(kept(new pair_of_numbers[10]));
	auto *quiet = static_cast<char *>(kept(new (std::nothrow) char[77]));
	auto *aligned = static_cast<aligned_thing *>(kept(new aligned_thing));
	void *raw = kept(::operator new(33));

	CHECK(reinterpret_cast<uintptr_t>(aligned) % 128 == 0);
	::operator delete(raw);
	delete aligned;
	delete[] quiet;
	delete[] many;
	delete one;
	sink = sink + 1;
}

NOINLINE void leaks_one()
{
	sink = sink + (kept(new pair_of_numbers{ 3, 4 }) != nullptr);
}

NOHOOK static size_t too_much()
{
	volatile size_t value = static_cast<size_t>(PTRDIFF_MAX) - 100;

	return value;
}

/* new says it by an exception or by nothing; both have asked malloc. */
NOINLINE void asks_too_much()
{
	void *nothing = kept(new (std::nothrow) char[too_much()]);

	CHECK(nothing == nullptr);
	sink = sink + 1;
}

NOINLINE void reserves()
{
	std::vector<int> numbers;

	numbers.reserve(1000);
	for (int i = 0; i < 1000; i++) {
		numbers.push_back(i);
	}
	CHECK(numbers[999] == 999);
	sink = sink + static_cast<unsigned long>(numbers.back());
}

/* 1, 2, 4, ... 1024: eleven blocks, of which ten are replaced. */
NOINLINE void grows()
{
	std::vector<long> numbers;

	for (int i = 0; i < 1000; i++) {
		numbers.push_back(i);
	}
	CHECK(numbers.capacity() == 1024 && numbers[999] == 999);
}

NOINLINE void maps_them()
{
	std::map<int, int> found;

	for (int i = 0; i < 100; i++) {
		found[i] = i;
	}
	CHECK(found.size() == 100);
}

NOINLINE void strings()
{
	std::string longer(500, 'x');

	CHECK(longer.size() == 500);
	longer.shrink_to_fit();
	sink = sink + longer.size();
}

/* Thread-local objects with a constructor and a destructor that take memory. */
NOINLINE void local_ends()
{
	holder last(kept(malloc(600)));

	fill(last.block, 600, 1);
}

NOINLINE void *local_begins()
{
	return kept(malloc(601));
}

struct local_object {
	NOHOOK local_object() : block(local_begins())
	{
	}
	NOHOOK ~local_object()
	{
		free(block);
		local_ends();
	}
	void *block;
};

static thread_local local_object local;

NOHOOK static void *thread_body(void *arg)
{
	sink = sink + (local.block != nullptr);
	return arg;
}

NOHOOK static void threads()
{
	for (int i = 0; i < 100; i++) {
		pthread_t thread;

		CHECK(pthread_create(&thread, nullptr, thread_body, nullptr) == 0);
		pthread_join(thread, nullptr);
	}
}

/* Exceptions through frames that hold blocks; the handler takes one, too. */
NOINLINE void throws(int i)
{
	holder mine(kept(malloc(700)));

	fill(mine.block, 700, i);
	throw i;
}

NOINLINE void passes(int i)
{
	holder mine(kept(malloc(701)));

	throws(i);
	sink = sink + 1;
}

NOINLINE void catches(int i)
{
	try {
		passes(i);
	} catch (int thrown) {
		CHECK(thrown == i);
		free(kept(malloc(702)));
	}
	free(kept(malloc(703)));
	sink = sink + 1;
}

/* An object of before main that lives until after it. */
struct global_object {
	NOHOOK global_object();
	NOHOOK ~global_object();
	holder *held;
};

NOINLINE void *global_begins()
{
	return kept(malloc(800));
}

NOINLINE void global_ends(void *block)
{
	free(block);
	free(kept(malloc(801)));
	sink = sink + 1;
}

static void *global_block;

NOHOOK global_object::global_object() : held(nullptr)
{
	global_block = global_begins();
}

NOHOOK global_object::~global_object()
{
	global_ends(global_block);
}

static global_object global;

NOHOOK int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(mode, "new") == 0) {
		for (int i = 0; i < 10; i++) {
			all_forms();
		}
		leaks_one();
		asks_too_much();
	} else if (strcmp(mode, "containers") == 0) {
		reserves();
		grows();
		maps_them();
		strings();
	} else if (strcmp(mode, "thread") == 0) {
		threads();
	} else if (strcmp(mode, "exceptions") == 0) {
		for (int i = 0; i < 200; i++) {
			catches(i);
		}
	} else {
		return 2;
	}
	CHECK(global.held == nullptr);
	say("%s done", mode);
	return 0;
}
