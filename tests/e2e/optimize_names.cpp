// SPDX-License-Identifier: Apache-2.0
// Names of all kinds, for optimize_names.py: each function below must be compiled and not be called in vain. One line each.
/* clang-format off */
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#define NI __attribute__((noinline))
int sink;

namespace ns {
NI int plain(int a) { return sink += a; }
NI int over(int a) { return sink += a; }
NI int over(double a) { return sink += (int)a; }
template <class T> NI T tmpl(T a) { return sink += a; }
template <class T, class U> NI int two(T a, U b) { return sink += (int)a + (int)b; }
template <int N> NI int num() { return sink += N; }
struct Cls {
	int v;
	NI Cls(int a) : v(a) { sink += a; }
	NI ~Cls() { sink--; }
	NI int method(int a) const { return sink += a; }
	NI static int st() { return sink++; }
	NI operator bool() const { return sink; }
	NI Cls &operator+=(int a) { v += a; return *this; }
	NI int operator()(int a, int b) { return a + b + sink; }
	NI int operator[](int a) { return a + sink; }
};
NI bool operator==(const Cls &a, const Cls &b) { sink++; return a.v == b.v; }
template <class T> struct Box {
	T t;
	NI int get() { sink++; return (int)t; }
	template <class U> NI int conv(U u) { return (int)u + sink; }
};
inline namespace v1 { NI int inl() { return sink++; } }
extern "C" NI int cfun(int a) { return sink += a; }
}
namespace {
NI int anon() { return sink++; }
struct A { NI int m() { return sink++; } };
}
namespace a { namespace { namespace b { NI int deep() { return sink; } } } }
static NI int stat(std::string const &s) { return sink += s.size(); }
NI std::string mkstr() { return std::string("abc"); }
NI int vec(std::vector<std::string> v) { return v.size() + sink; }
template <class T> NI int tstr(T const &t) { return t.size() + sink; }
enum Color { Red, Green };
template <Color C> NI int col() { return sink += C; }
NI int outer(int a)
{
	struct Loc { NI int lm() { return sink++; } } l;
	auto lam = [&](int q) { return q + a + sink; };
	static int (*fp)(int) = [](int z) { return z + sink; };
	return l.lm() + lam(3) + fp(a);
}
struct NonTriv { NonTriv() { sink++; } ~NonTriv() { sink--; } };
NonTriv globalobj;
struct Base { virtual ~Base() {} NI virtual int v() { return sink; } };
struct B2 { NI virtual int w() { return sink; } virtual ~B2() {} };
struct D : Base, B2 { NI int v() override { return sink + 1; } NI int w() override { return 2 + sink; } };
struct Conv {
	NI operator std::vector<int>() const { return {}; }
	NI operator unsigned long() const { return sink; }
	NI operator int *() const { return &sink; }
	NI int in() const { return [this] { return sink + 1; }(); }
};
NI int operator""_km(unsigned long long x) { return x + sink; }
struct Co {
	int x;
	NI Co operator,(int y) { x += y; return *this; }
	void *operator new(std::size_t n) { sink++; return std::malloc(n); }
	void operator delete(void *p) { std::free(p); }
};
template <class T> NI Co operator<<(Co a, T b) { a.x += (int)b; return a; }
template <class T> NI bool operator<(Co a, T b) { return a.x < (int)b; }
template <class... T> NI int var(T... a) { return sizeof...(a) + sink; }
template <class T> struct Fr { T t; friend NI int fr(Fr const &a) { return a.t + sink; } };
template <class T = int> struct Def { NI int dd() { return sink; } };
template <template <class> class C> NI int ttp() { return sink; }
static auto glam = [](int a) { return a + sink; };
auto glam2 = [](auto a) { return a + sink; };
struct { int z; NI int um() { return sink; } } unnamed;
union Un { int a; NI int m() { return sink; } };
template <class T> struct Outer {
	struct In {
		NI int im() { return sink; }
		template <class U> struct Dd { NI int dm() { return sink; } };
	};
};
NI int fp(int (*f)(int)) { return f(3); }
template <int (*F)(int)> NI int tf(int a) { return F(a) + sink; }
NI int foo(int a) { return a + sink; }

int main()
{
	ns::plain(1), ns::over(1), ns::over(1.0), ns::tmpl(1), ns::tmpl(2.0), ns::tmpl(3ul);
	ns::two(1, 2.0), ns::num<5>(), ns::inl(), ns::cfun(1), anon(), A().m(), a::b::deep();
	ns::Cls c(3), d(2);
	c.method(1), c.st(), c += 3, c(1, 2), c[2], sink += c == d;
	if (c)
		sink++;
	ns::Box<int> box{1};
	box.get(), box.conv(2.0);
	stat("a"), mkstr(), vec({}), tstr(std::string("x")), tstr(std::map<int, std::string>());
	col<Green>(), outer(2);
	D derived;
	B2 *base = &derived;
	derived.v(), base->w();
	Conv conv;
	std::vector<int> v = conv;
	unsigned long u = conv;
	int *p = conv;
	sink += v.size() + u + *p + conv.in() + 3_km;
	Co o{1};
	o, 2;
	delete new Co;
	o << 3;
	sink += o < 4;
	var(1, 2.0, 'c'), var();
	Fr<int> f{1};
	fr(f), ttp<Def>(), glam(2), glam2(2.0f), unnamed.um(), Un{1}.m();
	Outer<int>::In().im(), Outer<int>::In::Dd<char>().dm(), fp(foo), tf<foo>(2), Def<>().dd();
	std::function<int(int)> g = glam;
	return g(3) == 0;
}
