// SPDX-License-Identifier: Apache-2.0
// cachelog LOG: methods, references, templates and exceptions; they log themselves.
#include <stdexcept>
#include <string>

#include "calllog.h"

#define FUNCTION __attribute__((noinline))

static volatile int sink;

class shape {
public:
	explicit shape(int width) : width(width) {}
	virtual ~shape() = default;
	FUNCTION int scaled(int factor) const;
	FUNCTION virtual long area(short height) const;
	FUNCTION static int corners(char kind);
	FUNCTION int widened(int by);
	int width;
};

class cube : public shape {
public:
	using shape::shape;
	FUNCTION long area(short height) const override;
};

int shape::scaled(int factor) const
{
	int result = width * factor;

	LOG_CALL("shape::scaled", LOG_POINTER(this), LOG_INT(factor));
	LOG_RESULT(LOG_INT(result));
	return result;
}
long shape::area(short height) const
{
	long result = width * height;

	LOG_CALL("shape::area", LOG_POINTER(this), LOG_INT(height));
	LOG_RESULT(LOG_INT(result));
	return result;
}
long cube::area(short height) const
{
	long result = 6L * width * height;

	LOG_CALL("cube::area", LOG_POINTER(this), LOG_INT(height));
	LOG_RESULT(LOG_INT(result));
	return result;
}
int shape::corners(char kind)
{
	int result = kind == 'c' ? 8 : 4;

	LOG_CALL("shape::corners", LOG_INT(kind));
	LOG_RESULT(LOG_INT(result));
	return result;
}

int shape::widened(int by)
{
	LOG_CALL("shape::widened", LOG_POINTER(this), LOG_INT(by));
	width += by;
	LOG_RESULT(LOG_INT(0));
	return 0;
}

FUNCTION static int to_reference(int &value, int more)
{
	LOG_CALL("to_reference", LOG_POINTER(&value), LOG_INT(more));
	value += more;
	LOG_RESULT(LOG_INT(1));
	return 1;
}

// Its argument is where the value is, and not the value.
FUNCTION static int of_reference(const int &value, int more)
{
	int result = value + more;

	LOG_CALL("of_reference", LOG_POINTER(&value), LOG_INT(more));
	LOG_RESULT(LOG_INT(result));
	return result;
}

template <typename T> FUNCTION static T larger(T a, T b)
{
	T result = a > b ? a : b;

	LOG_CALL("larger", LOG_INT(a), LOG_INT(b));
	LOG_RESULT(LOG_INT(result));
	return result;
}

FUNCTION static int checked(int n, const std::string &name)
{
	LOG_CALL("checked", LOG_INT(n), LOG_POINTER(&name));
	if (n % 5 == 0) {
		throw std::out_of_range("checked");
	}
	LOG_RESULT(LOG_INT(n));
	return n;
}

// Ackermann's function: deep and overlapping.
FUNCTION static int deep(int m, int n)
{
	int result;

	LOG_CALL("deep", LOG_INT(m), LOG_INT(n));
	result = m == 0 ? n + 1 : n == 0 ? deep(m - 1, 1) : deep(m - 1, deep(m, n - 1));
	LOG_RESULT(LOG_INT(result));
	return result;
}

static int caught(int n, const std::string &name)
{
	long before = log_open;

	try {
		return checked(n, name);
	} catch (const std::out_of_range &) {
		log_open = before;
		return 0;
	}
}

int main(int argc, char **argv)
{
	const std::string names[2] = { "one", "two" };
	const shape flat(3);
	const cube thick(5);
	shape other(4);
	int values[7] = { 0, 1, 2, 3, 4, 5, 6 };
	unsigned seed = 9;

	for (int i = 0; i < 1500; i++) {
		const shape &one = i % 3 == 0 ? flat : thick;

		seed = seed * 1103515245u + 12345u;
		int k = (int)(seed >> 16 & 0x7fff) % 50;
		sink = sink + one.scaled(k % 9) + (int)one.area((short)(k % 6 - 3)) + shape::corners(k % 2 ? 'c' : 's');
		values[k % 7] = i % 100 == 0 ? i : values[k % 7]; // of_reference contradicts itself
		sink = sink + of_reference(values[k % 7], k % 3);
		sink = sink + (int)larger<long>(k % 20, -k);
		sink = sink + other.widened(k % 3) + to_reference(values[k % 7], k % 2);
		sink = sink + caught(k, names[k % 2]);
		if (i % 300 == 0) {
			sink = sink + deep(2, k % 5);
		}
	}
	log_write(argc == 2 ? argv[1] : "/dev/stdout");
	return 0;
}
