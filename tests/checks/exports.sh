#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# exports.sh LIBHASTEN HOOKS_DEF BUILD_FOLDER
# What libhasten.so shows to the program that it is loaded into, and what it needs from it.
set -eu
library=$1
hooks=$2
build=$3
status=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
	echo "$*"
	status=1
}

# Exported names are the hooks, no more and no less.
nm -D --defined-only "$library" | awk '$2 ~ /^[A-Za-z]$/ && $2 != "A" { print $3 }' |
	sed 's/@.*//' | sort -u >"$folder/exported"
sed -nE 's/^HST_HOOK\(([A-Za-z0-9_]+).*/\1/p' "$hooks" | sort -u >"$folder/listed"
[ -s "$folder/listed" ] || fail "no HST_HOOK lines in $hooks"
diff -u "$folder/listed" "$folder/exported" >"$folder/diff" || {
	fail "exported names differ from hooks.def:"
	cat "$folder/diff"
}

# Only libc, which the program has anyway.
readelf -d "$library" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p' |
	grep -vxE 'libc\.so\.6|ld-linux-x86-64\.so\.2' >"$folder/needed" || true
[ ! -s "$folder/needed" ] || fail "needs more than libc: $(tr '\n' ' ' <"$folder/needed")"

# Initial-exec thread-local data, bound at load time, never unloaded, no relocations in the code.
if nm -D --undefined-only "$library" | grep -q '__tls_get_addr'; then
	fail "uses __tls_get_addr: thread-local data must be initial-exec"
fi
readelf -d "$library" >"$folder/dynamic"
grep -q 'NODELETE' "$folder/dynamic" || fail "not linked with -z nodelete"
grep -qE 'BIND_NOW|FLAGS.*NOW' "$folder/dynamic" || fail "not linked with -z now"
if grep -q 'TEXTREL' "$folder/dynamic"; then
	fail "has relocations in its code"
fi

# Functions of the program or of libc that could be the program's own, lock or allocate.
nm -D --undefined-only "$library" | awk '{ print $NF }' | sed 's/@.*//' |
	grep -xE 'malloc|calloc|realloc|free|printf|fprintf|snprintf|strdup|abort|exit|__assert_fail|pthread_mutex_lock|fopen|fwrite|write|open|close' \
	>"$folder/forbidden" || true
[ ! -s "$folder/forbidden" ] || fail "calls what it must not: $(tr '\n' ' ' <"$folder/forbidden")"

# Our own names in the archives have our prefix.
find "$build" -name '*.a' -not -path '*/meson-private/*' -not -path '*/tests/*' | while read -r archive; do
	nm -g --defined-only "$archive" 2>/dev/null | awk 'NF == 3 { print $3 }' |
		grep -vE '^(hst_|_?_asan|__odr_asan|__cyg_profile_|hasten_region_)' |
		grep -vxFf "$folder/listed" | sed "s|^|$(basename "$archive"): |"
done >"$folder/foreign"
if [ -s "$folder/foreign" ]; then
	fail "global names without the prefix hst_:"
	head -40 "$folder/foreign"
fi
exit "$status"
