#!/bin/sh
# SPDX-License-Identifier: MIT
# Guard of the house: does every header compile alone, with each compiler?
#
#   headers.sh ROOT COMPILER…     checks the tree; exit 1 names each header that does not
#   headers.sh --self-test COMPILER…  shows that it notices what it is for
set -u

flags=$(pkg-config --cflags libzmq libczmq sqlite3 libgit2 libsodium libcrypto libconfuse jansson smartcols libpcre2-8 libseccomp libxml-2.0) || exit 2

# check ROOT COMPILER…
check() {
	root=$1
	shift
	bad=0
	cd "$root" || exit 2
	for header in $(find . -path ./build -prune -o -path ./.git -prune -o -name '*.h' -print | sed 's,^\./,,' | sort); do
		for compiler in "$@"; do
			# The flags are words.
			# shellcheck disable=SC2086
			if ! printf '#include "%s"\n' "$header" | "$compiler" -std=c17 -D_GNU_SOURCE -DBUNSHIN_VERSION='"0"' \
				-Wall -Wextra -Werror -Wno-unused-function -I. -I"$(dirname "$header")" $flags -fsyntax-only -x c -; then
				echo "$header does not compile alone with $compiler"
				bad=1
			fi
		done
	done
	return $bad
}

self_test() {
	folder=$(mktemp -d) || exit 2
	trap 'rm -rf "$folder"' EXIT
	mkdir "$folder/good" "$folder/bad"
	printf '#include <stdint.h>\nstruct x { uint32_t y; };\n' >"$folder/good/a.h"
	printf 'struct x { uint32_t y; };\n' >"$folder/bad/a.h"
	(check "$folder/good" "$@") >/dev/null 2>&1 || { echo "a good header was refused"; return 1; }
	if (check "$folder/bad" "$@") >/dev/null 2>&1; then
		echo "a header that needs another one was not noticed"
		return 1
	fi
	echo "a planted header was noticed"
}

case ${1-} in
--self-test) shift; self_test "$@" ;;
"" | -*) sed -n '3,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
*) check "$@" ;;
esac
