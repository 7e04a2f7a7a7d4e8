#!/bin/sh
# SPDX-License-Identifier: MIT
# Guard of the house: are sources laid out as .clang-format says, and do scripts stand up to shellcheck?
#
#   layout.sh sources ROOT   exit 1 names each line that is laid out otherwise
#   layout.sh scripts ROOT   exit 1 prints what shellcheck says
#   layout.sh --self-test    shows that both notice what they are for
set -u

# files ROOT PATTERN…: what is ours, below ROOT.
files() {
	find "$1" \( -name .git -o -name build -o -name node_modules \) -prune -o -type f -name "$2" -print | sort
}

sources() {
	found=$( (files "$1" '*.c' && files "$1" '*.h') | xargs clang-format --dry-run 2>&1 | sed -n 's/^\(.*\): warning: code should.*/\1/p')
	[ -z "$found" ] && return
	echo "laid out otherwise than clang-format would ($(echo "$found" | wc -l) places, the first of them here); clang-format -i FILE helps"
	echo "$found" | head -n 20
	return 1
}

scripts() {
	(files "$1" '*.sh' && [ ! -e "$1/.ci/run" ] || echo "$1/.ci/run") | xargs shellcheck
}

self_test() {
	folder=$(mktemp -d) || exit 2
	trap 'rm -rf "$folder"' EXIT
	mkdir "$folder/good" "$folder/bad"
	echo 'BasedOnStyle: LLVM' >"$folder/.clang-format"
	printf 'int f(void) { return 0; }\n' >"$folder/good/a.c"
	printf 'int  f( void ){ return 0;}\n' >"$folder/bad/a.h"
	# The dollar is the script's.
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho "$1"\n' >"$folder/good/a.sh"
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nrm $1\n' >"$folder/bad/a.sh"
	bad=0
	for what in sources scripts; do
		"$what" "$folder/good" >/dev/null 2>&1 || { echo "good $what were refused"; bad=1; }
		"$what" "$folder/bad" >/dev/null 2>&1 && { echo "bad $what were not noticed"; bad=1; }
	done
	[ $bad = 0 ] && echo "planted sources and scripts were noticed"
	return $bad
}

case ${1-} in
sources) sources "$2" ;;
scripts) scripts "$2" ;;
--self-test) self_test ;;
*) sed -n '3,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
