// SPDX-License-Identifier: Apache-2.0
// As pure.c, in C++.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>

#define OUT __attribute__((noinline, used))

// ---- pure ----

template <int N> struct power {
	static OUT long p_template_power(long x)
	{
		return x * power<N - 1>::p_template_power(x);
	}
};

template <> struct power<0> {
	static long p_template_power(long)
	{
		return 1;
	}
};

constexpr int squares[8] = { 0, 1, 4, 9, 16, 25, 36, 49 };

OUT int p_square(unsigned at)
{
	return squares[at % 8];
}

OUT constexpr int p_factorial(int n)
{
	return n < 2 ? 1 : n * p_factorial(n - 1);
}

OUT int p_catalan(int n) noexcept
{
	int sum = n == 0;

	for (int i = 0; i < n; i++) {
		sum += p_catalan(i) * p_catalan(n - 1 - i);
	}
	return sum;
}

enum class shape : unsigned char {
	circle,
	square,
	triangle
};

OUT double p_area(shape kind, double size)
{
	switch (kind) {
	case shape::circle:
		return 3.14159 * size * size;
	case shape::square:
		return size * size;
	case shape::triangle:
		return 0.433 * size * size;
	}
	return 0;
}

struct vec2 {
	float x, y;
	vec2 operator+(vec2 other) const
	{
		return { x + other.x, y + other.y };
	}
};

OUT float p_dot(vec2 a, vec2 b)
{
	return a.x * b.x + a.y * b.y;
}

OUT int p_throws_or_not(int a)
{
	if (a < 0) {
		throw std::invalid_argument("negative");
	}
	return a * a;
}

struct value {
	int held;
	OUT static int p_static_member(int a, int b)
	{
		return a * b + 1;
	}
};

OUT int p_calls_thrower(int a)
{
	return p_throws_or_not(a) + 1;
}

OUT bool p_between(int a, int b, int c)
{
	return a <= b && b <= c;
}

template <typename T> OUT T p_lerp(T a, T b, T t)
{
	return a + (b - a) * t;
}

OUT double p_uses_lerp(double t)
{
	return p_lerp(1.0, 9.0, t);
}

OUT long p_lambda(long n)
{
	auto twice = [](long x) { return 2 * x; };

	return twice(n) + twice(n + 1);
}

OUT int p_digits(unsigned long n)
{
	int digits = 1;

	while (n >= 10) {
		n /= 10;
		digits++;
	}
	return digits;
}

// ---- not pure ----

static int calls;

struct counting {
	~counting()
	{
		calls++;
	}
};

OUT int n_catches(int a)
{
	try {
		return p_throws_or_not(a);
	} catch (const std::exception &) {
		calls++;
		return -1;
	}
}

OUT int n_catches_own(int a)
{
	try {
		if (a > 5) {
			throw a;
		}
		return a;
	} catch (int b) {
		calls += b;
		return b;
	}
}

OUT int n_destructor(int a)
{
	counting local;

	return a + 1;
}

OUT int n_reference(const int &a)
{
	return a + 1;
}

struct base {
	virtual ~base() = default;
	virtual int get(int a) const
	{
		return a;
	}
};

OUT int n_virtual(const base *object, int a)
{
	return object->get(a);
}

struct object {
	int held;
	OUT int n_member(int a) const
	{
		return held + a;
	}
	OUT void n_set(int a)
	{
		held = a;
	}
};

OUT std::string n_text(int a)
{
	return std::to_string(a);
}

OUT int n_new(int a)
{
	int *p = new int(a);
	int got = *const_cast<volatile int *>(p);

	delete p;
	return got;
}

OUT int n_static_local(int a)
{
	static const int first = std::rand();

	return first + a;
}

OUT int n_map(int a)
{
	static std::map<int, int> known;

	return known[a]++;
}

OUT bool n_uncaught(int a)
{
	return std::uncaught_exceptions() > a;
}

struct big {
	long items[4];
};

OUT big n_returns_large(long a)
{
	return { { a, a + 1, a + 2, a + 3 } };
}

int main(int argc, char **)
{
	base some;
	object one{ argc };

	one.n_set(2);
	std::printf("%ld %d %d %d %d\n", power<3>::p_template_power(argc), p_square(argc),
		p_factorial(argc), n_virtual(&some, 1), one.n_member(3));
	return 0;
}
