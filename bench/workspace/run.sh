#!/bin/sh
# SPDX-License-Identifier: MIT
# Measures the shared workspace beside git, libgit2, isomorphic-git and dulwich, and one collaborative job done the traditional way and in memory.
#
#   bench/workspace/run.sh [OUT]   fetches what is missing, builds, measures, and leaves OUT/figures.jsonl, OUT/tables.txt and
#                                  OUT/plot.svg (OUT is build/bench if it is not given)
#
# Peers that cannot be fetched are named and left out.
set -eu
cd "$(dirname "$0")/../.."
out=${1-build/bench}
mkdir -p "$out/peers"
out=$(cd "$out" && pwd)

scripts/packages.sh build run bench
if ! command -v npm >/dev/null; then
	echo "run.sh: there is no npm (Debian: npm), so isomorphic-git is left out" >&2
elif ! [ -d "$out/peers/node_modules/isomorphic-git" ]; then
	npm install --silent --no-fund --no-audit --prefix "$out/peers" isomorphic-git memfs ||
		echo "run.sh: isomorphic-git and memfs could not be fetched from npm" >&2
fi

mkdir -p build
[ -e build/release/build.ninja ] || cmake --preset release >build/release.log
ninja -C build/release bench_workspace bench_experiment >build/release.log || { tail -n 60 build/release.log; exit 1; }

# Debian's python3 has Debian's dulwich.
PATH=/usr/bin:$PATH
export PATH BENCH_NODE_MODULES="$out/peers"
: >"$out/figures.jsonl"
{
	build/release/bench/workspace/bench_workspace --json "$out/operations.jsonl"
	build/release/bench/workspace/bench_experiment --json "$out/experiment.jsonl"
} | tee "$out/tables.txt"
cat "$out/operations.jsonl" "$out/experiment.jsonl" >"$out/figures.jsonl"
rm "$out/operations.jsonl" "$out/experiment.jsonl"
bench/workspace/plot.py "$out/figures.jsonl" "$out/plot.svg"
echo "The figures are in $out/figures.jsonl, drawn in $out/plot.svg."
