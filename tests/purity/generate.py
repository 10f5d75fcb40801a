#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a C file of random functions: p_* pure by construction, n_* with one thing in them that is not. The same seed makes
the same file."""

import random
import sys

INTEGERS = ["signed char", "unsigned char", "short", "unsigned short", "int", "unsigned", "long", "unsigned long", "int", "unsigned", "long"]
FLOATS = ["float", "double"]
STRUCTS = {"struct s1": ("int", "int"), "struct s2": ("signed char", "int"), "struct s3": ("double", "int"),
           "struct s4": ("float", "float"), "struct s5": ("long", "long", "long"), "struct s6": ("unsigned char", "short", "long")}
OUT = "__attribute__((noinline, used)) "

PRELUDE = """#include <stdlib.h>
typedef int (*function)(int);
int g0, g1 = 3;
static int g2;
long g3 = 7;
static unsigned char g4[40];
static short g5[2];
int g6[4];
double g7 = 0.5;
static __thread int g8;
volatile int g9;
int *g10 = &g0;
static const int *g11 = g6;
struct { long a; int b; } g12;
static __attribute__((noinline)) int twice(int n) { return 2 * n; }
static __attribute__((noinline)) int other(int n) { return n + g0; }
function g13 = twice;
static function g14 = twice;
void change(int n)
{
	g0 += n; g1 ^= n; g2 = n; g3++; g4[n & 31]++; g5[n & 1]--; g6[n & 3] += n; g7 *= 2; g8 = n; g9 = n;
	g10 = g10 == &g0 ? &g1 : &g0; g11 = g10; g12.a = n; g12.b++; g13 = g13 == twice ? other : twice; g14 = g13;
}
static const int t0[8] = { 3, 1, 4, 1, 5, 9, 2, 6 };
static const unsigned char t1[16] = "sphinx of quartz";
static const double t2[4] = { 0.5, -1.25, 3, 1e3 };
static const long t3[2][4] = { { 1, -2, 3, -4 }, { 1L << 40, 5, 6, 7 } };
"""
# Reads and effects that make a function impure; %s is an expression of it.
IMPURE_READS = ["g0", "g1", "g2", "(int)g3", "g4[(%s) & 31]", "g5[(%s) & 1]", "g6[(%s) & 3]", "(int)(g7 * 8)", "g8", "g9", "*g10", "g11[0]",
                "g12.b", "(int)g12.a", "g13(%s)", "g14(%s)", "other(%s)", "g6[((unsigned)(%s) & 3) + 0u]", "rand()",
                "(g0++, %s)", "(g4[1]++, %s)", "(g9 = %s)", "(*g10 = (%s) & 7)", "abs(g1)"]


class Function:
    def __init__(self, generator, name, impure):
        self.random = generator.random
        self.generator = generator
        self.name = name
        self.impure = impure
        self.params = []
        self.places = []  # (expression, type)
        self.arrays = []
        self.lines = []
        self.depth = 0
        self.loops = 0

    def pick(self, items):
        return self.random.choice(items)

    def declare(self):
        for i in range(self.random.randint(1, 9)):
            kind = self.random.random()
            if kind < 0.7:
                of = self.pick(INTEGERS)
                self.places.append(("a%d" % i, of))
            elif kind < 0.88:
                of = self.pick(FLOATS)
                self.places.append(("a%d" % i, of))
            else:
                of = self.pick(sorted(STRUCTS))
                self.places += [("a%d.m%d" % (i, j), member) for j, member in enumerate(STRUCTS[of])]
            self.params.append((of, "a%d" % i))

    def value(self, depth=0):
        """An expression of some arithmetic type."""
        kind = self.random.random()
        if depth > 3 or kind < 0.35:
            return self.pick(self.places)[0] if self.random.random() < 0.8 else self.pick(["1", "-1", "2", "7", "255", "0x12345678", "3.5", "10", "1u"])
        if kind < 0.7:
            return "(%s %s %s)" % (self.value(depth + 1), self.pick(["+", "-", "*"]), self.value(depth + 1))
        if kind < 0.92:
            return self.whole(depth + 1)
        if kind < 0.96:
            return "(%s ? %s : %s)" % (self.condition(depth + 1), self.value(depth + 1), self.value(depth + 1))
        return "t2[%s & 3]" % self.whole(depth + 1)

    def whole(self, depth=0):
        """An expression of an integer type that is at least an int."""
        kind = self.random.random()
        some = "(%s)(%s)" % (self.pick(["int", "int", "unsigned", "long", "unsigned long"]), self.value(depth + 1))
        if depth > 3 or kind < 0.3:
            return some
        more = self.whole(depth + 1)
        if kind < 0.55:
            return "(%s %s %s)" % (some, self.pick(["&", "|", "^", "+", "-", "*"]), more)
        if kind < 0.65:
            return "(%s %s (%s & 31))" % (some, self.pick(["<<", ">>"]), more)
        if kind < 0.7:
            return "(%s %s (int)((%s & 63) | 1))" % (some, self.pick(["/", "%"]), more)
        if kind < 0.78:
            return self.pick(["t0[%s & 7]", "t1[%s & 15]", "t3[%s & 1][1]", "t3[1][%s & 3]"]) % more
        if kind < 0.86 and self.arrays:
            name, size = self.pick(self.arrays)
            return "%s[%s & %d]" % (name, more, size - 1)
        if kind < 0.92 and self.generator.pure:
            return self.call(depth + 2)
        if kind < 0.96:
            return "(int)%s" % self.condition(depth + 1)
        return "(%s)%s" % (self.pick(INTEGERS), more)

    def call(self, depth):
        callee = self.pick(self.generator.pure)
        arguments = []
        for of, _ in callee.params:
            if of in STRUCTS:
                arguments.append("(%s){ %s }" % (of, ", ".join("(%s)%s" % (member, self.value(depth + 1)) for member in STRUCTS[of])))
            else:
                arguments.append("(%s)%s" % (of, self.value(depth + 1)))
        return "(int)%s(%s)" % (callee.name, ", ".join(arguments))

    def condition(self, depth=0):
        test = "(%s %s %s)" % (self.value(depth + 1), self.pick(["<", "<=", ">", ">=", "==", "!="]), self.value(depth + 1))
        kind = self.random.random()
        if kind < 0.1:
            return "(__builtin_expect(%s, 0))" % test
        if kind < 0.25 and depth < 3:
            return "(%s %s %s)" % (test, self.pick(["&&", "||"]), self.condition(depth + 1))
        return test

    def line(self, text):
        self.lines.append("\t" * (self.depth + 1) + text)

    def block(self, count):
        self.depth += 1
        places, arrays = list(self.places), list(self.arrays)
        for _ in range(count):
            self.statement()
        self.places, self.arrays = places, arrays
        self.depth -= 1

    def statement(self):
        kind = self.random.random()
        if kind < 0.4 or self.depth > 2:
            place, of = self.pick(self.places)
            self.line("%s %s (%s)%s;" % (place, self.pick(["=", "=", "+=", "-="]), of, self.value()))
        elif kind < 0.55:
            name, of = "v%d" % len(self.lines), self.pick(INTEGERS + FLOATS)
            self.line("%s %s = (%s)%s;" % (of, name, of, self.value()))
            self.places.append((name, of))
        elif kind < 0.62:
            name, of, size = "v%d" % len(self.lines), self.pick(INTEGERS), self.pick([2, 4, 8])
            self.line("%s %s[%d] = { %s };" % (of, name, size, ", ".join("(%s)%s" % (of, self.value(2)) for _ in range(size))))
            self.arrays.append((name, size))
        elif kind < 0.66 and self.arrays:
            name, size = self.pick(self.arrays)
            self.line("%s[%s & %d] = %s;" % (name, self.whole(), size - 1, self.whole()))
        elif kind < 0.82:
            self.line("if %s {" % self.condition())
            self.block(self.random.randint(1, 3))
            if self.random.random() < 0.4:
                self.line("} else {")
                self.block(self.random.randint(1, 2))
            self.line("}")
        elif kind < 0.9 and self.loops < 2:
            self.loops += 1
            name = "i%d" % len(self.lines)
            self.line("for (int %s = 0; %s < (int)(%s & 7); %s++) {" % (name, name, self.whole(2), name))
            self.block(self.random.randint(1, 2))
            self.line("}")
        elif kind < 0.97:
            place, of = self.pick(self.places)
            self.line("switch (%s & 7) {" % self.whole())
            for i in self.random.sample(range(8), 6):
                self.line("case %d: %s = (%s)%s; %s" % (i, place, of, self.value(2), self.pick(["break;", "break;", "break;", ""])))
            self.line("default: break;")
            self.line("}")
        else:
            self.line("if %s return (%s)%s;" % (self.condition(), self.result, self.value()))

    def taint(self):
        """What is not pure is behind a test of an argument that is made first, so nothing can make it unreachable."""
        read = self.pick(IMPURE_READS)
        read = read % "(int)%s" % self.pick(self.places)[0] if "%s" in read else read
        whole = [place for place, of in self.places if of in INTEGERS]
        test = "%s == %d" % (self.pick(whole), self.random.randint(0, 90)) if whole else "%s > 1" % self.places[0][0]
        if self.random.random() < 0.5:
            return ["\tif (%s)" % test, "\t\treturn (%s)(%s + %s);" % (self.result, read, self.pick(self.places)[0])]
        return ["\tint tainted = 0;", "\tif (%s)" % test, "\t\ttainted = %s;" % read, "\tif (tainted)", "\t\treturn (%s)tainted;" % self.result]

    def write(self):
        self.declare()
        self.result = self.pick(INTEGERS + FLOATS)
        first = self.taint() if self.impure else []
        for _ in range(self.random.randint(1, 6)):
            self.statement()
        head = "%s%s %s(%s)" % (OUT, self.result, self.name, ", ".join("%s %s" % param for param in self.params))
        return "\n".join([head, "{"] + first + self.lines + ["\treturn (%s)%s;" % (self.result, self.value()), "}", ""])


class Generator:
    def __init__(self, seed, count):
        self.random = random.Random(seed)
        self.count = count
        self.pure = []

    def write(self):
        text = [PRELUDE]
        for name, members in sorted(STRUCTS.items()):
            text.append("%s { %s };" % (name, " ".join("%s m%d;" % (of, i) for i, of in enumerate(members))))
        for i in range(self.count):
            impure = i % 2 == 1
            function = Function(self, "%s_%d" % ("n" if impure else "p", i), impure)
            text.append(function.write())
            if not impure:
                self.pure = (self.pure + [function])[-6:]
        text.append("int main(void)\n{\n\tchange(1);\n\treturn 0;\n}\n")
        return "\n".join(text)


if __name__ == "__main__":
    sys.stdout.write(Generator(int(sys.argv[1]), int(sys.argv[2])).write())
