#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Loads our exports with the importer of the speedscope viewer: run.sh HASTEN GOLDEN_TRACES.
# Exit 77: skipped, because node, npm or the registry is missing.
set -eu
hasten=$(realpath "$1")
traces=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
skip() {
	echo "SKIPPED: $1" >&2
	exit 77
}
command -v node >/dev/null || skip "node is not installed: the exports were not loaded with speedscope"
command -v npm >/dev/null || skip "npm is not installed: the exports were not loaded with speedscope"
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/hasten-tests/speedscope-$(cksum <"$here/package-lock.json" | cut -d' ' -f1)
if [ ! -f "$cache/complete" ]; then
	mkdir -p "$cache" || skip "no room for the packages in $cache"
	cp "$here/package.json" "$here/package-lock.json" "$cache/"
	(cd "$cache" && timeout 240 npm ci --no-audit --no-fund --ignore-scripts >npm.log 2>&1) ||
		skip "npm ci failed (no network?): $(tail -n 3 "$cache/npm.log" | tr '\n' ' ')"
	touch "$cache/complete"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for scenario in basic nasty fork limit; do
	"$traces" $scenario "$work/$scenario"
	for format in speedscope chrome folded; do
		"$hasten" export -q -f $format -o "$work/$scenario-$format.json" "$work/$scenario"
	done
	mv "$work/$scenario-folded.json" "$work/$scenario-folded.txt"
done
python3 "$here/check.py" "$cache/node_modules" "$here/load.js" "$work"
