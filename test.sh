#!/bin/sh
# SPDX-License-Identifier: MIT
# From a bare Debian 12 to all tests.
#
#   ./test.sh          installs what is missing, builds with sanitizers, runs the tests
#   ./test.sh --deep   the large floors besides: more seeds, more kills, more tasks; takes its time
#
# It ends with ctest's own summary, and with its exit code.
set -eu
cd "$(dirname "$0")"

case ${1-} in
"") without=deep ;;
--deep) without=none ;;
*)
	sed -n '3,8s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac

# build FOLDER PRESET TARGET…: says what fails, not what goes well.
build() {
	[ -e "build/$1/build.ninja" ] || cmake --preset "$1" >"build/$1.log" || { tail -n 60 "build/$1.log"; exit 1; }
	preset=$1
	shift
	ninja -C "build/$preset" "$@" >"build/$preset.log" || { tail -n 60 "build/$preset.log"; exit 1; }
}

scripts/packages.sh build run test
mkdir -p build

# Where threads share something, ThreadSanitizer looks on; nothing else is worth building three times.
build tsan help
threaded=$(ctest --test-dir build/tsan -N -L threads -LE "$without" | sed -n 's/^ *Test *#[0-9]*: //p')
if [ -n "$threaded" ]; then
	# The names are words, and those of targets.
	# shellcheck disable=SC2086
	build tsan $threaded
	ctest --test-dir build/tsan -L threads -LE "$without" --output-on-failure
fi

build asan
exec ctest --test-dir build/asan -LE "$without" -j2 --output-on-failure
