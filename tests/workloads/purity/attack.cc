// SPDX-License-Identifier: Apache-2.0
// Against the proof of purity, in C++: n_* may never be proven.
#include <cstdlib>
#include <stdexcept>
#include <string>

#define OUT __attribute__((noinline, used))

static int counter;

extern "C" {

/* Seems never to return, for it throws: but it catches what it throws. */
OUT int n_catches_itself(int n)
{
	try {
		throw n;
	} catch (int) {
		counter++;
	}
	return counter;
}

OUT int n_calls_catcher(int n)
{
	if (n < 0) {
		return n_catches_itself(n);
	}
	return n;
}

OUT void throws(int n)
{
	throw n;
}

OUT int n_catches_thrower(int n)
{
	try {
		throws(n);
	} catch (...) {
		counter++;
	}
	return n + counter;
}

OUT int n_calls_catcher_of_thrower(int n)
{
	if (n < 0) {
		counter += n_catches_thrower(n);
		return counter;
	}
	return n;
}

OUT int n_catches_deep(int n)
{
	if (n < -5) {
		return n_calls_catcher(n);
	}
	return n;
}

OUT int n_middle(int n)
{
	counter++;
	return n_catches_itself(n) + 1;
}

OUT int n_first_of_middle(int n)
{
	return n < 0 ? n_middle(n) : n;
}

OUT int n_second_of_middle(int n)
{
	return n < 0 ? n_middle(n) : n;
}

OUT int p_throws(int n)
{
	if (n < 0) {
		throw n;
	}
	return n * 2;
}

OUT int n_catches_pure(int n)
{
	try {
		return p_throws(n);
	} catch (int) {
		return ++counter;
	}
}

struct adder {
	int amount;
	~adder()
	{
		counter += amount;
	}
};

OUT int n_destroys(int n)
{
	adder a{ n };

	return p_throws(n);
}

OUT int n_guarded(int n)
{
	static int first = std::rand();

	return first + n;
}

} // extern "C"

struct base {
	virtual ~base() = default;
	virtual int number(int n) const
	{
		return n;
	}
};

struct derived : base {
	int number(int n) const override
	{
		return n + counter;
	}
};

static const derived one;
extern const base *const table[];
const base *const table[] = { &one, &one };

extern "C" OUT int n_virtual(int n)
{
	return table[n & 1]->number(n);
}

static std::string text = "abc";

extern "C" OUT int n_string(unsigned n)
{
	return n < text.size() ? text[n] : -1;
}

int main()
{
	return n_guarded(0) > 0 && n_calls_catcher(1) != 1 && n_calls_catcher_of_thrower(1) != 1 &&
	       n_virtual(1) < 0;
}
