#!/bin/sh
# SPDX-License-Identifier: MIT
# No two of our libraries, and no two files of one, define the same global name. The argument is the build folder.
set -eu
doubles=$(find "$1" -name 'libbunshin_*.a' -exec nm --defined-only {} + 2>/dev/null | awk '$2 ~ /^[TDBRC]$/ { print $3 }' | sort | uniq -d |
	grep -v '^__\|^\.\|asan\|odr' || true)
[ -n "$(find "$1" -name 'libbunshin_*.a')" ] || { echo "there are no libraries in $1" >&2; exit 1; }
if [ -n "$doubles" ]; then
	echo "defined more than once:" >&2
	echo "$doubles" >&2
	exit 1
fi
