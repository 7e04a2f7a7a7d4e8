#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the Debian packages of packages.txt that are missing.
#
#   packages.sh KIND…           KIND is build, run, test or bench
#   packages.sh --missing KIND…  only names them
set -eu

root=$(CDPATH='' cd -- "$(dirname "$0")/.." && pwd)

say() {
	printf '%s\n' "$*" >&2
}

# Names of the packages of these kinds, without those whose command is here by other means.
wanted() {
	for kind in "$@"; do
		sed -n "s/^\([a-z0-9][a-z0-9.+-]*\)\( unless [a-z0-9-]*\)\{0,1\}[[:space:]]*# $kind: .*/\1\2/p" "$root/packages.txt"
	done | while read -r name _ command; do
		[ -n "$command" ] && command -v "$command" >/dev/null || printf '%s\n' "$name"
	done
}

missing() {
	wanted=$(wanted "$@")
	# The names are words.
	# shellcheck disable=SC2086
	installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' $wanted 2>/dev/null | sed -n 's/ installed$//p' || true)
	printf '%s\n' "$wanted" | grep -vxF "$installed" || true
}

install_missing() {
	packages=$(missing "$@" | tr '\n' ' ')
	[ -z "$packages" ] && return
	if ! command -v apt-get >/dev/null; then
		say "packages.sh: apt-get is not here; install by other means what corresponds to: $packages"
		exit 6
	fi
	as_root=
	if [ "$(id -u)" != 0 ]; then
		as_root=sudo
		if ! command -v sudo >/dev/null; then
			say "packages.sh: packages are missing, and installing them needs root or sudo; as root, run:"
			say "  apt-get update && apt-get install --no-install-recommends $packages"
			exit 4
		fi
	fi
	say "Installing: $packages"
	# Both are words.
	# shellcheck disable=SC2086
	{
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y update
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $packages
	} >&2
}

only_names=
if [ "${1-}" = --missing ]; then
	only_names=1
	shift
fi
for kind in "$@"; do
	case $kind in
	build | run | test | bench) ;;
	*) say "packages.sh: \"$kind\" is no kind of package; accepted are build, run, test and bench"; exit 2 ;;
	esac
done
if [ $# = 0 ]; then
	sed -n '3,6s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
if ! command -v dpkg-query >/dev/null; then
	say "packages.sh: this is no Debian; packages.txt names what is needed"
	exit 0
fi
if [ -n "$only_names" ]; then
	missing "$@"
else
	install_missing "$@"
fi
