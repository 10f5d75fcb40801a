// SPDX-License-Identifier: Apache-2.0
// Names and inlining of C++. Lines are asserted by test_image.c.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace shapes {
struct Box {
	int side;
	explicit Box(int s) : side(s) {}
	bool operator<(const Box &other) const { return side < other.side; }
	int operator()(int scale) { return side * scale; }
	operator std::string() const { return std::to_string(side); }
	template <class T> T grow(T by);
};
template <class T> T Box::grow(T by) // line 17
{
	return by + by + static_cast<T>(side);
}
}

namespace {
int hidden(int n) // line 24
{
	if (n > 1000) {
		throw std::runtime_error("big");
	}
	return n + 1;
}
}

static inline int twice(int n)
{
	return n * 2;
}

int with_lambda(int n)
{
	struct Local {
		static int count(int k) { return k > 0 ? count(k - 1) + 1 : 0; }
	};
	auto add = [&](int q) { return q + n; };

	return Local::count(n) + add(2);
}

int main(int argc, char **argv)
{
	(void)argv;
	std::vector<shapes::Box> boxes;
	for (int i = 0; i < 20; i++) {
		boxes.push_back(shapes::Box(i * 7 % 11));
	}
	std::sort(boxes.begin(), boxes.end());
	std::string text = boxes[0];
	int sum = boxes[1](2) + boxes[2].grow(3) + static_cast<int>(boxes[2].grow(2.5)) +
		  hidden(argc) + twice(argc) + with_lambda(argc);
	return sum + static_cast<int>(text.size()) > 100000;
}
