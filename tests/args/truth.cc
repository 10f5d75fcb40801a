// SPDX-License-Identifier: Apache-2.0
// Methods, references, classes and exceptions, called with known values.
#include <memory>
#include <string>

#include "truth.h"

int sink;

#define FUNCTION __attribute__((noinline))

struct point {
	int x, y;
};
struct owner { // passed by reference, whatever it looks like
	int id;
	explicit owner(int n) : id(n) {}
	owner(const owner &other) : id(other.id) {}
	~owner() { sink++; }
};
class counter {
public:
	FUNCTION int add(int n);
	FUNCTION virtual long twice(long n) const;
	FUNCTION static int make(int n, char c);
	virtual ~counter() = default;
	int value = 1;
};

int counter::add(int n)
{
	value += n;
	USE(n);
	return value;
}
long counter::twice(long n) const
{
	return n + n + value;
}
int counter::make(int n, char c)
{
	USE(c);
	return n;
}

FUNCTION int r_reference(const int &a, int b) { return a + b; }
FUNCTION int &r_same(int &a) { USE(a); return a; }
FUNCTION int r_move(int &&a) { return a; }
FUNCTION int r_point(point p, int n) { USE(n); return p.x * n + p.y; }
FUNCTION int r_owner(owner o, int n) { return o.id + n; }
FUNCTION int r_throws(int n)
{
	std::string text(n + 20, 'x');
	if (n > 1) {
		throw n;
	}
	return static_cast<int>(text.size());
}
template <typename T> FUNCTION T r_template(T a, T b) { USE(a); USE(b); return a; }

#define CALL(name, say, call, value)                             \
	do {                                                     \
		truth_begin(name);                               \
		say;                                             \
		truth_end();                                     \
		call;                                            \
		truth_result(name, (unsigned long long)(value)); \
	} while (0)

static void round(int i)
{
	counter c;
	const counter *self = &c;
	int a = i + 3, r = 0;
	int *to = &a;
	long l = 100000000000l + i;
	char k = 'k';
	point p = { i + 1, -i };
	double x = i + 0.5, y = -i;

	CALL("counter::add", ARG(self); ARG(a), r = c.add(a), (long long)r);
	CALL("counter::twice", ARG(self); ARG(l), long t = c.twice(l), (long long)t);
	CALL("counter::make", ARG(a); ARG(k), r = counter::make(a, k), (long long)r);
	CALL("r_reference", ARG(to); ARG(i), r = r_reference(a, i), (long long)r);
	CALL("r_same", ARG(to), int &s = r_same(a), (unsigned long)&s);
	CALL("r_move", ARG(to), r = r_move(static_cast<int &&>(a)), (long long)r);
	CALL("r_point", ARG(p); ARG(a), r = r_point(p, a), (long long)r);
	CALL("r_owner", ARG(i); ARG(a), r = r_owner(owner(i), a), (long long)r);
	CALL("r_template", ARG(x); ARG(y), double d = r_template(x, y), truth_double(d));
	truth_begin("r_throws");
	ARG(i);
	truth_end();
	try {
		r = r_throws(i);
		truth_result("r_throws", (unsigned long long)(long long)r);
	} catch (int n) {
		sink += n;
	}
	sink += r;
}

#ifdef main
extern "C" int main();
#endif

int main()
{
	for (int i = 0; i < 4; i++) {
		int n = i;

		USE(n);
		round(n);
	}
	return 0;
}
