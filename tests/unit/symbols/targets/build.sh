#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles the programs that the tests of symbols/ read: build.sh SOURCES OUTPUT STAMP.
# A compiler, linker or tool that is missing leaves its programs out; their tests are skipped.
set -u
src=$(cd "$1" && pwd)
out=$2
stamp=$3
mkdir -p "$out"
rm -rf "${out:?}"/*
here=$(pwd)
out=$(cd "$out" && pwd)
log=$out/build.log
try() { "$@" >>"$log" 2>&1; }
hook=-finstrument-functions

# The hooks are compiled without debug information and optimisation, the programs as named.
try gcc -O1 -D_GNU_SOURCE -c "$src/pairs.c" -o "$out/pairs.o" || { cat "$log" >&2; exit 1; }
for cc in gcc clang; do
	command -v $cc >/dev/null || continue
	for opt in O0 O2; do
		for dwarf in 4 5; do
			try $cc -$opt -g -gdwarf-$dwarf $hook "$src/fib.c" "$out/pairs.o" \
				-o "$out/fib-$cc-$opt-$dwarf"
		done
	done
done
for cxx in g++ clang++; do
	command -v $cxx >/dev/null || continue
	try $cxx -O2 -g $hook "$src/shapes.cc" "$out/pairs.o" -o "$out/shapes-$cxx-O2"
done
command -v g++ >/dev/null &&
	try g++ -O0 -g -gdwarf-4 $hook "$src/shapes.cc" "$out/pairs.o" -o "$out/shapes-g++-O0"

cd "$out" || exit 1
try gcc -O2 -g $hook -Wl,--build-id=sha1 "$src/fib.c" -o fib
try gcc -O2 -g $hook -gz "$src/fib.c" -o fib-gz
try gcc -O2 -g $hook -gsplit-dwarf "$src/fib.c" -o fib-split
try gcc -O2 -g $hook -static "$src/fib.c" pairs.o -o fib-static
try gcc -O2 -g $hook -static-pie "$src/fib.c" pairs.o -o fib-static-pie
try gcc -O2 -g $hook -fsanitize=address "$src/fib.c" -o fib-asan
try gcc -O2 -g "$src/fib.c" -o fib-plain
try gcc -O2 -g -c "$src/fib.c" -o fib-object.o
try gcc -O2 -g $hook -fPIC -shared "$src/fib.c" -o libfib.so
try gcc -O2 -g "$src/pieces.c" "$src/pieces_other.c" -o pieces
try gcc -O2 "$src/pieces.c" "$src/pieces_other.c" -o pieces-no-debug
try objcopy -g pieces pieces-symtab
try objcopy --compress-debug-sections=zstd fib fib-zstd

# Separate debug files: next to the program, in .debug/, by build-id below a root of our own.
id=$(readelf -n fib | sed -n 's/.*Build ID: //p')
top=$(printf %.2s "$id")
mkdir -p link/.debug beside root/.build-id/"$top" root/.build-id/00
try objcopy --only-keep-debug fib fib.debug
cp fib.debug "root/.build-id/$top/${id#"$top"}.debug"
try strip fib -o fib-stripped
cp fib.debug beside/fib.debug
cp fib.debug link/.debug/fib.debug
try objcopy --remove-section=.note.gnu.build-id --add-gnu-debuglink=fib.debug fib-stripped beside/fib
cp beside/fib link/fib

# What dwz moves to a common file.
if command -v dwz >/dev/null; then
	try gcc -O2 -g -gdwarf-4 $hook "$src/pieces.c" "$src/pieces_other.c" -o dwz-a
	try gcc -O1 -g -gdwarf-4 $hook "$src/pieces.c" "$src/pieces_other.c" -o dwz-b
	try dwz -m dwz-common dwz-a dwz-b && mkdir -p lost && cp dwz-a lost/dwz-a
fi
cd "$here" && : >"$stamp"
