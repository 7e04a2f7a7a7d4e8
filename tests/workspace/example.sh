#!/bin/sh
# SPDX-License-Identifier: MIT
# The example of a program that uses the workspace as a library: what it leaves is a repository that git reads.
#
#   example.sh PROGRAM
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
said=$("$1" "$folder/repository")
main=$(git -C "$folder/repository" rev-parse refs/heads/main)

check() {
	[ "$2" = "$3" ] || { printf '%s: expected "%s", found "%s"\n' "$1" "$3" "$2" >&2; exit 1; }
}

check "what it says" "$said" "main is $main; $folder/repository has 14 objects"
check "files" "$(git -C "$folder/repository" ls-tree -r --name-only main | tr '\n' ' ')" "README.md src/one.c src/two.c "
check "parents" "$(git -C "$folder/repository" rev-list --parents -n 1 main | wc -w)" 3
check "fsck" "$(git -C "$folder/repository" fsck --full --strict 2>&1)" ""
if "$1" 2>/dev/null; then
	echo "without a folder it says that all went well" >&2
	exit 1
fi
