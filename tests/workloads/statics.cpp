/* SPDX-License-Identifier: Apache-2.0 */
/* C++: static and thread-local objects, overloads, templates, lambdas, member and virtual calls. */
#include "workload.h"

#include <memory>
#include <thread>

namespace house
{
struct animal {
	virtual ~animal() = default;
	virtual int legs() const = 0;
};

struct cat : animal {
	NOINLINE int legs() const override
	{
		sink++;
		return 4;
	}
};

struct bird : animal {
	NOINLINE int legs() const override
	{
		sink++;
		return 2;
	}
};

template <typename T> NOINLINE T add(T a, T b)
{
	sink++;
	return a + b;
}
} // namespace house

struct counted {
	NOINLINE counted()
	{
		sink++;
	}
	NOINLINE ~counted()
	{
		sink++;
	}
};

static counted global;
static thread_local counted per_thread;

NOINLINE static void touch()
{
	sink += reinterpret_cast<size_t>(&per_thread) & 1;
}

NOINLINE static int overloaded(int n)
{
	sink++;
	return n;
}

NOINLINE static int overloaded(double n)
{
	sink++;
	return static_cast<int>(n);
}

int main()
{
	std::unique_ptr<house::animal> animals[2];
	int sum = 0;

	animals[0] = std::make_unique<house::cat>();
	animals[1] = std::make_unique<house::bird>();
	for (int i = 0; i < 10; i++) {
		std::thread thread(touch);

		thread.join();
		sum += animals[i % 2]->legs();
		sum += house::add(i, 1) + static_cast<int>(house::add(0.5, 0.5));
		sum += overloaded(i) + overloaded(1.5);
	}
	printf("%d\n", sum);
	return 0;
}
